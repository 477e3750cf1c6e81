import { tallyOf } from "../analysis/decisions.ts";
import { isJudge, OWN_QUANTITIES, ownQuantity } from "../analysis/measures.ts";
import { isOwnProperty, learnedTests } from "../analysis/verdicts.ts";
import { groupBy, quantile, unique } from "../evaluation/group.ts";
import { bySource, isHome } from "../evaluation/method-id.ts";
import type { TransferCell } from "../evaluation/results.ts";
import { figure, type Line, legend, type Series } from "./figures.ts";
import { count } from "./format.ts";
import { type Html, html } from "./html.ts";
import type { Drawn } from "./section.ts";
import { comparisonTable, table } from "./tables.ts";
import { seriesColor } from "./theme.ts";

/** What regularizers do on the task of meta-training: changes by radius, and the tests. */
export function learnedEvidence(drawn: Drawn): Html {
  const { results, labels } = drawn;
  const cells = (results.transfer ?? []).filter(({ method, task }) => isHome(method, task));
  const series = regularizerSeries(drawn);
  const steps = Math.max(...cells.flatMap((cell) => (cell.radius === undefined ? [] : [cell.steps])));
  const atEnd = cells.filter((cell) => cell.steps === steps);
  const blocks = bySource(atEnd).map(({ source, members: own }) => {
    const regularizers = regularizersOf(own);
    const figures = OWN_QUANTITIES.map((measure) =>
      figure({
        title: `${labels.measure(measure)}, change in percent`,
        note: `Against the plain optimizer, ${count(steps)} steps on ${labels.source(source)}. Mean over seeds, 95\u00a0% interval of the paired t test.`,
        xLabel: "Radius ρ",
        lines: regularizers.map((regularizer) => ({
          series: series.get(regularizer)!,
          points: own
            .filter((cell) => cell.method.regularizer === regularizer && cell.measure === measure)
            .flatMap(pointOf),
        })),
        kind: "points",
        change: true,
      }),
    ).filter((each) => each !== undefined);
    return figures.length === 0
      ? ""
      : html`<h3>Meta-trained on ${labels.source(source)}</h3>
${legend(regularizers.map((name) => series.get(name)!))}
<div class="figures">${figures}</div>
`;
  });
  const tests = learnedTests(results).filter(
    (test) =>
      isHome(test.candidate, test.task) &&
      (isOwnProperty(test, results) || isJudge(test.measure, results) || test.measure === "trainLoss"),
  );
  return html`${blocks}
${
  tests.length === 0
    ? ""
    : html`<h3>Tests on the task of meta-training</h3>
<p>Regularized against plain: values are averaged over meta-seeds first, then compared seed by seed. Holm’s correction runs over every comparison in these results, not only those shown. “Agree” says in how many meta-seeds the difference has the direction of the mean; a difference counts only if all do. Brackets hold the 95\u00a0% interval of the paired t test.</p>
${comparisonTable(tests, labels)}`
}`;
}

/** What regularizers do by radius, over all sources and tasks. */
export function radiusEvidence(drawn: Drawn): Html {
  const { results, labels } = drawn;
  const cells = (results.transfer ?? []).filter(
    ({ measure, method, radius }) =>
      radius !== undefined && measure === ownQuantity(method.regularizer, results),
  );
  const series = regularizerSeries(drawn);
  const horizons = unique(cells.map(({ steps }) => steps)).sort((a, b) => a - b);
  const figures = horizons.map((steps) =>
    figure({
      title: `Change by radius after ${count(steps)} steps, percent`,
      note: "Each regularizer’s own quantity against the plain optimizer. Median and middle half over sources and tasks.",
      xLabel: "Radius ρ",
      lines: regularizersOf(cells).map(
        (regularizer): Line => ({
          series: series.get(regularizer)!,
          points: middleHalves(
            cells.filter((cell) => cell.method.regularizer === regularizer && cell.steps === steps),
          ),
        }),
      ),
      kind: "points",
      change: true,
    }),
  );
  const tests = learnedTests(results).filter(
    (test) => isOwnProperty(test, results) && test.below === undefined,
  );
  const radii = unique(tests.flatMap(({ radius }) => radius ?? [])).sort((a, b) => a - b);
  const rows = [...groupBy(tests, ({ candidate }) => candidate.regularizer)].map(([regularizer, own]) => {
    const tallies = radii.map((radius) =>
      tallyOf(
        own.filter((test) => test.radius === radius),
        "lower",
      ),
    );
    const quantity = labels.measure(ownQuantity(regularizer, results) ?? "").toLowerCase();
    return html`<tr><th scope="row">${labels.regularizer(regularizer)}<span class="note">${quantity}</span></th>${tallies.map(
      ({ support, undecided, against }) => html`<td class="num">${support} · ${undecided} · ${against}</td>`,
    )}</tr>
`;
  });
  const drawnFigures = figures.filter((each) => each !== undefined);
  return html`${
    drawnFigures.length === 0
      ? ""
      : html`${legend(regularizersOf(cells).map((name) => series.get(name)!))}
<div class="figures">${drawnFigures}</div>`
  }
${
  rows.length === 0
    ? ""
    : table(
        "Tests by radius: significantly lower · undecided · significantly higher, over sources, tasks and numbers of steps.",
        [{ name: "Regularizer", text: true }, ...radii.map((radius) => ({ name: `ρ = ${radius}` }))],
        [{ heading: "", rows }],
        false,
      )
}`;
}

/** Colour of a regularizer, the same in every figure. */
function regularizerSeries({ results, labels }: Drawn): Map<string, Series> {
  const names = unique([
    ...(results.transfer ?? []).map(({ method }) => method.regularizer),
    ...learnedTests(results).map(({ candidate }) => candidate.regularizer),
  ]);
  return new Map(names.map((name, i) => [name, { name: labels.regularizer(name), color: seriesColor(i) }]));
}

function regularizersOf(cells: readonly TransferCell[]): string[] {
  return unique(cells.map(({ method }) => method.regularizer)).filter((name) => name !== "none");
}

function pointOf({ radius, change }: TransferCell): Line["points"] {
  if (radius === undefined || typeof change?.mean !== "number") return [];
  const percent = (share: number | null) => (share === null ? undefined : 100 * share);
  return [{ x: radius, y: 100 * change.mean, low: percent(change.low), high: percent(change.high) }];
}

/** Median and quartiles of the changes at each radius, in percent. */
function middleHalves(cells: readonly TransferCell[]): Line["points"] {
  return [...groupBy(cells, ({ radius }) => String(radius))]
    .map(([radius, own]) => ({
      x: Number(radius),
      changes: own.flatMap(({ change }) => (typeof change?.mean === "number" ? [100 * change.mean] : [])),
    }))
    .filter(({ changes }) => changes.length > 0)
    .sort((a, b) => a.x - b.x)
    .map(({ x, changes }) => ({
      x,
      y: quantile(changes, 0.5),
      low: quantile(changes, 0.25),
      high: quantile(changes, 0.75),
    }));
}
