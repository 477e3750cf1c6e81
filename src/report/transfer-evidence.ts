import { isDecidedCell } from "../analysis/decisions.ts";
import { isJudge, measureOf, ownQuantity } from "../analysis/measures.ts";
import { learnedTests } from "../analysis/verdicts.ts";
import { groupBy, unique } from "../evaluation/group.ts";
import { bySource, isHome } from "../evaluation/method-id.ts";
import type { Comparison, Results, TransferCell } from "../evaluation/results.ts";
import { count, fixed, MISSING, signed } from "./format.ts";
import { type HeatCell, type HeatRow, heatMap } from "./heatmap.ts";
import { type Html, html } from "./html.ts";
import type { Labels } from "./labels.ts";
import { type Drawn, folded } from "./section.ts";
import { type Column, placeOf, table } from "./tables.ts";

const CHANGE_NOTE =
  "Against the plain optimizer of the same source; green is as claimed, bold is significant. Tasks of meta-training are marked ●.";

/** The transfer matrix, measure by measure. */
export function transferEvidence({ results, labels }: Drawn): Html {
  const cells = results.transfer ?? [];
  if (cells.length === 0) return html``;
  const tests = learnedTests(results);
  const draw = (own: readonly TransferCell[], title: string, note: string, show: "value" | "change") =>
    matrix(own, { title, note, show, results, tests, labels });
  const radii = unique(cells.flatMap(({ radius }) => radius ?? [])).sort((a, b) => a - b);
  const radius = radii[Math.floor(radii.length / 2)];
  const horizons = unique(cells.map(({ steps }) => steps)).sort((a, b) => a - b);
  const changeIn = (measure: string) => `change in ${labels.unit(measure).trim() || "percent"}`;
  const judges = unique(cells.map(({ measure }) => measure)).filter(
    (measure) => isJudge(measure, results) && (measure !== "testLoss" || results.metrics.length === 0),
  );
  const shown = [...judges, "topEigenvalue"];
  const maps = horizons.flatMap((steps) => {
    const here = cells.filter((cell) => cell.steps === steps);
    const of = (measure: string) => here.filter((cell) => cell.measure === measure);
    const after = `after ${count(steps)} steps`;
    const own = here.filter(
      (cell) => cell.radius === radius && cell.measure === ownQuantity(cell.method.regularizer, results),
    );
    return [
      ...judges.flatMap((measure) => [
        draw(
          of(measure),
          `${labels.measure(measure)} ${after}${labels.unit(measure) === "" ? "" : ", percent"}.`,
          "Darker is higher.",
          "value",
        ),
        draw(
          of(measure),
          `${labels.measure(measure)} ${after}: ${changeIn(measure)}.`,
          CHANGE_NOTE,
          "change",
        ),
      ]),
      ...(radius === undefined
        ? []
        : [
            draw(
              own,
              `Each regularizer’s own quantity within ${radius}, ${after}: change in percent.`,
              `Maximum loss for SAM, surrogate gap for GSAM, maximum gradient norm for GAM. ${CHANGE_NOTE}`,
              "change",
            ),
          ]),
      draw(
        of("topEigenvalue"),
        `${labels.measure("topEigenvalue")} ${after}: change in percent.`,
        CHANGE_NOTE,
        "change",
      ),
    ];
  });
  const others = horizons.flatMap((steps) => {
    const here = cells.filter((cell) => cell.steps === steps && !shown.includes(cell.measure));
    const quantities = groupBy(here, (cell) => JSON.stringify([cell.measure, cell.radius]));
    return [...quantities.values()].map((own) => {
      const { measure, radius: within } = own[0]!;
      const tested = tests.some((test) => test.measure === measure && test.radius === within);
      return draw(
        own,
        `${labels.measure(measure)}${within === undefined ? "" : ` within ${within}`} after ${count(steps)} steps: change in percent.`,
        tested ? CHANGE_NOTE : `Not tested. ${CHANGE_NOTE.replace(", bold is significant", "")}`,
        "change",
      );
    });
  });
  return html`<h3>Transfer matrix: meta-training task × regularizer, down; test task, across</h3>
${maps.filter((drawn) => drawn !== undefined)}
${folded("The same of every other measure", html`${others.filter((drawn) => drawn !== undefined)}`)}
${folded("Every measure with its interval", transferTable(cells, labels))}`;
}

/** One heat map over sources and regularizers; nothing where there is nothing to show. */
function matrix(
  cells: readonly TransferCell[],
  {
    title,
    note,
    show,
    results,
    tests,
    labels,
  }: {
    title: string;
    note: string;
    show: "value" | "change";
    results: Results;
    tests: readonly Comparison[];
    labels: Labels;
  },
): Html | undefined {
  const shown = cells.filter((cell) => show === "value" || cell.change !== undefined);
  const [first] = shown;
  if (first === undefined || shown.every(({ value }) => value.mean === null)) return undefined;
  const { measure } = first;
  const tasks = unique(shown.map(({ task }) => task));
  const change = signed(fixed(labels.unit(measure) === "" ? 0 : 1));
  const cellOf = (cell: TransferCell | undefined): HeatCell => {
    const mean = (show === "value" ? cell?.value : cell?.change)?.mean;
    if (cell === undefined || mean === null || mean === undefined) return { value: null, text: MISSING };
    const text = show === "value" ? labels.value(measure)(mean) : change(100 * mean);
    return {
      value: mean,
      text: `${isHome(cell.method, cell.task) ? "● " : ""}${text}`,
      marked: show === "change" && isDecidedCell(cell, tests),
    };
  };
  const rows = bySource(shown).flatMap(({ source, members: ofSource }) =>
    [...groupBy(ofSource, ({ method }) => method.regularizer)].map(
      ([regularizer, own]): HeatRow => ({
        group: `Meta-trained on ${labels.source(source)}`,
        name: labels.regularizer(regularizer),
        cells: tasks.map((task) => cellOf(own.find((cell) => cell.task === task))),
      }),
    ),
  );
  const good = show === "value" ? "none" : measureOf(measure, results.metrics).better;
  return heatMap({ title, note, columns: tasks.map(labels.task), rows, good });
}

function transferTable(cells: readonly TransferCell[], labels: Labels): Html {
  const columns: Column[] = [
    { name: "Regularizer", text: true },
    { name: "Measure", text: true },
    { name: "Value" },
    { name: "Change", unit: "% or points" },
  ];
  const changed = signed(fixed(1));
  const part = (share: number | null | undefined) => changed(typeof share === "number" ? 100 * share : share);
  const rowOf = ({ method, measure, radius, value, change }: TransferCell): Html => {
    const format = labels.value(measure);
    return html`<tr><th scope="row">${labels.regularizer(method.regularizer)}</th><td>${labels.measure(measure)}${
      radius === undefined ? "" : html`<span class="note">radius ${String(radius)}</span>`
    }</td><td class="num">${format(value.mean)}${interval(value, format)}</td><td class="num">${part(change?.mean)}${
      change === undefined ? "" : interval(change, part)
    }</td></tr>
`;
  };
  const known = cells.filter(({ value }) => value.mean !== null);
  const groups = groupBy(
    known,
    ({ method, task, steps }) => `${labels.source(method.source)} → ${placeOf(task, steps, labels)}`,
  );
  return table(
    "Means over meta-seeds and seeds with their 95\u00a0% bootstrap interval over seeds; changes against the plain optimizer with the interval of the paired t test, none where a value is not above zero.",
    columns,
    [...groups].map(([heading, own]) => ({ heading, rows: own.map(rowOf) })),
    true,
  );
}

function interval(
  { low, high }: { readonly low: number | null; readonly high: number | null },
  format: (value: number | null) => string,
): Html | string {
  return low === null ? "" : html`<span class="ci">[${format(low)}, ${format(high)}]</span>`;
}
