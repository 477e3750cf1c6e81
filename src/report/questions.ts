import { groupBy, unique } from "../evaluation/group.ts";
import { groupName, plainName, sourceName } from "../evaluation/names.ts";
import type { Comparison, Results, TransferCell } from "../evaluation/results.ts";
import { mean } from "../evaluation/statistics.ts";
import { figure, type Line, legend, type Series } from "./figures.ts";
import { count, fixed, MISSING, percent, signed, significant } from "./format.ts";
import { type HeatCell, type HeatMap, heatMap } from "./heatmap.ts";
import { type Html, html } from "./html.ts";
import { limitsOf } from "./limits.ts";
import { capitalized } from "./prose.ts";
import { regularizerName } from "./series.ts";
import { seriesColor } from "./style.ts";
import { type Column, comparisonTable, measureName, table } from "./tables.ts";
import {
  explicitTests,
  isDecidedCell,
  isOwnProperty,
  isSource,
  learnedTests,
  propertyOf,
  type TestedAt,
  tallyOf,
  tested,
  type Verdict,
  verdictsOf,
} from "./verdicts.ts";

interface Question {
  readonly id: string;
  readonly title: string;
  readonly body: Html;
}

/** The paper's questions one by one, each with its answer, figure and numbers; none for other results. */
export function questionSections(results: Results): Question[] {
  if (results.kind !== "reproduce-paper") return [];
  const evidence: Readonly<Record<Verdict["id"], (results: Results) => Html>> = {
    learned: learnedEvidence,
    transfer: transferEvidence,
    radius: radiusEvidence,
    cost: costEvidence,
  };
  return verdictsOf(results).map((verdict) => ({
    id: `question-${verdict.id}`,
    title: verdict.question,
    body: html`${answer(verdict)}
${evidence[verdict.id](results)}`,
  }));
}

/** All answers at a glance, for the top of the page. */
export function answerList(results: Results): Html {
  if (results.kind !== "reproduce-paper") return html``;
  const columns: readonly TestedAt[] = ["equal steps", "equal training loss", "test accuracy"];
  const limits = limitsOf(results);
  return html`<p>The paper: Sahoo and Krishnan, “Learning Regularizers: Learning Optimizers that can Regularize”, 2025.</p>
<div class="scroll answers" tabindex="0" role="region" aria-label="Answers"><table class="facts"><caption><span>What of the paper these results reproduce. Tests that speak for the claim · are undecided · speak against it: of each regularizer’s own quantity after equal steps and at equal training loss, and of test accuracy. “Unequally trained”: the training loss differs significantly there too.</span></caption>
<thead><tr><th scope="col">Question</th><th scope="col">Outcome</th>${columns.map((what) => html`<th scope="col" class="num">${capitalized(what)}</th>`)}</tr></thead><tbody>
${verdictsOf(results).map(
  ({ id, question, outcome, tallies }) =>
    html`<tr><th scope="row"><a href="#question-${id}">${question}</a></th><td>${chip(outcome)}</td>${columns.map(
      (what) => {
        const tally = tallies[what];
        if (tally === undefined || tested(tally) === 0) return html`<td class="num">${MISSING}</td>`;
        const { support, undecided, against, unequallyTrained = 0 } = tally;
        const note =
          unequallyTrained === 0
            ? ""
            : html`<span class="note">${unequallyTrained} of ${support + against} unequally trained</span>`;
        return html`<td class="num">${support} · ${undecided} · ${against}${note}</td>`;
      },
    )}</tr>\n`,
)}</tbody></table></div>
${
  limits.length === 0
    ? ""
    : html`<aside class="how" aria-label="What limits this"><p><b>What limits this.</b></p><ul>${limits.map((text) => html`<li>${text}</li>\n`)}</ul></aside>`
}
<details><summary>What the words mean</summary>
<dl>${WORDS.map(([word, meaning]) => html`<dt>${word}</dt><dd>${meaning}</dd>\n`)}</dl>
</details>`;
}

/** What the page calls things. */
const WORDS: readonly (readonly [string, string])[] = [
  [
    "learned optimizer",
    "an LSTM that turns gradients into steps, coordinate by coordinate; its weights are meta-trained.",
  ],
  [
    "source, or task of meta-training",
    "the task a learned optimizer was meta-trained on; every other task is transfer.",
  ],
  ["plain", "meta-trained without a regularizer in the meta-objective."],
  [
    "seed, meta-seed",
    "a seed draws the initial weights and minibatches of one training run; a meta-seed those of one meta-training.",
  ],
  [
    "own quantity",
    "what a regularizer is made to lower: the maximum loss for SAM, the surrogate gap for GSAM, the maximum gradient norm for GAM.",
  ],
  [
    "within ρ",
    "the largest value over all points at a Euclidean distance of at most ρ in the space of parameters, as far as projected gradient ascent finds it.",
  ],
  [
    "significant, or decided",
    "p below 0.05 after Holm’s correction over all tests of the page, and the same direction in every meta-seed; undecided otherwise.",
  ],
];

function chip(outcome: Verdict["outcome"]): Html {
  return html`<span class="chip ${outcome.replace(/ /g, "-")}">${outcome}</span>`;
}

function answer({ claim, outcome, found }: Verdict): Html {
  return html`<p class="claim"><b>The claim.</b> ${claim}</p>
<p><b>Here:</b> ${chip(outcome)}</p>
<ul class="findings">${found.map((text) => html`<li>${text}</li>\n`)}</ul>`;
}

/** Colour of a regularizer, the same in every figure. */
function regularizerSeries(results: Results): Map<string, Series> {
  const names = unique([
    ...(results.transfer ?? []).map(({ regularizer }) => regularizer),
    ...learnedTests(results).map(({ regularizer }) => regularizer),
  ]);
  return new Map(names.map((name, i) => [name, { name: regularizerName(name), color: seriesColor(i) }]));
}

function regularizersOf(cells: readonly TransferCell[]): string[] {
  return unique(cells.map(({ regularizer }) => regularizer)).filter((name) => name !== "none");
}

function longest(records: readonly { readonly steps: number }[]): number {
  return Math.max(...records.map(({ steps }) => steps));
}

function learnedEvidence(results: Results): Html {
  const cells = (results.transfer ?? []).filter(isSource);
  const series = regularizerSeries(results);
  const properties = ["maxLoss", "surrogateGap", "maxGradientNorm"] as const;
  const steps = longest(cells.filter(({ radius }) => radius !== undefined));
  const blocks = unique(cells.map(({ source }) => source)).map((source) => {
    const own = cells.filter((cell) => cell.source === source && cell.steps === steps);
    const figures = properties.map((measure) =>
      figure({
        title: `${measureName(measure)}, change in percent`,
        note: `Against the plain optimizer, ${count(steps)} steps on ${source}. Mean over seeds, 95\u00a0% interval of the paired t test.`,
        xLabel: "Radius ρ",
        lines: regularizersOf(own).map((regularizer) => ({
          series: series.get(regularizer)!,
          points: own.flatMap(({ regularizer: other, measure: what, radius, change }) =>
            other !== regularizer ||
            what !== measure ||
            radius === undefined ||
            !change ||
            change.mean === null
              ? []
              : [
                  {
                    x: radius,
                    y: 100 * change.mean,
                    low: change.low === null ? undefined : 100 * change.low,
                    high: change.high === null ? undefined : 100 * change.high,
                  },
                ],
          ),
        })),
        kind: "points",
        change: true,
      }),
    );
    const drawn = figures.filter((each) => each !== undefined);
    return drawn.length === 0
      ? ""
      : html`<h3>Meta-trained on ${source}</h3>
${legend(regularizersOf(own).map((name) => series.get(name)!))}
<div class="figures">${drawn}</div>
`;
  });
  const tests = learnedTests(results).filter(
    (test) =>
      isSource(test) &&
      (isOwnProperty(test) || test.measure === "testAccuracy" || test.measure === "trainLoss"),
  );
  return html`${blocks}
${
  tests.length === 0
    ? ""
    : html`<h3>Tests on the task of meta-training</h3>
<p>${TEST_NOTE}</p>
${comparisonTable(tests)}`
}`;
}

const TEST_NOTE =
  "Regularized against plain: values are averaged over meta-seeds first, then compared seed by seed. Holm’s correction runs over every comparison in these results, not only those shown. “Agree” says in how many meta-seeds the difference has the direction of the mean; a difference counts only if all do. Brackets hold the 95\u00a0% interval of the paired t test.";

function transferEvidence(results: Results): Html {
  const cells = results.transfer ?? [];
  if (cells.length === 0) return html``;
  const tests = learnedTests(results);
  const radii = unique(cells.flatMap(({ radius }) => radius ?? [])).sort((a, b) => a - b);
  const radius = radii[Math.floor(radii.length / 2)];
  const horizons = unique(cells.map(({ steps }) => steps)).sort((a, b) => a - b);
  const maps = horizons.flatMap((steps) => {
    const at = (measure: string, where?: number) =>
      cells.filter((cell) => cell.steps === steps && cell.measure === measure && cell.radius === where);
    const after = `after ${count(steps)} steps`;
    return [
      matrix(at("testAccuracy"), tests, {
        title: `Test accuracy ${after}, percent.`,
        note: "Darker is higher.",
        show: "value",
      }),
      matrix(at("testAccuracy"), tests, {
        title: `Test accuracy ${after}: change in points.`,
        note: CHANGE_NOTE,
        show: "change",
      }),
      ...(radius === undefined
        ? []
        : [
            matrix(
              cells.filter((cell) => cell.steps === steps && cell.radius === radius && isOwnProperty(cell)),
              tests,
              {
                title: `Each regularizer’s own quantity within ${radius}, ${after}: change in percent.`,
                note: `Maximum loss for SAM, surrogate gap for GSAM, maximum gradient norm for GAM. ${CHANGE_NOTE}`,
                show: "change",
              },
            ),
          ]),
      matrix(at("topEigenvalue"), tests, {
        title: `Top eigenvalue ${after}: change in percent.`,
        note: CHANGE_NOTE,
        show: "change",
      }),
    ];
  });
  const shown = ["testAccuracy", "topEigenvalue"];
  const others = horizons.flatMap((steps) => {
    const here = cells.filter((cell) => cell.steps === steps && !shown.includes(cell.measure));
    const quantities = groupBy(here, (cell) => JSON.stringify([cell.measure, cell.radius]));
    return [...quantities.values()].map((own) => {
      const { measure, radius: within } = own[0]!;
      return matrix(own, tests, {
        title: `${measureName(measure)}${within === undefined ? "" : ` within ${within}`} after ${count(steps)} steps: change in percent.`,
        note: tests.some((test) => test.measure === measure && test.radius === within)
          ? CHANGE_NOTE
          : `Not tested. ${CHANGE_NOTE.replace(", bold is significant", "")}`,
        show: "change",
      });
    });
  });
  return html`<h3>Transfer matrix: meta-training task × regularizer, down; test task, across</h3>
${maps.filter((drawn) => drawn !== undefined)}
<details><summary>The same of every other measure</summary>
${others.filter((drawn) => drawn !== undefined)}
</details>
<details><summary>Every measure with its interval</summary>
${transferTable(cells)}
</details>`;
}

const CHANGE_NOTE =
  "Against the plain optimizer of the same source; green is as claimed, bold is significant. Tasks of meta-training are marked ●.";

/** One heat map over sources and regularizers; nothing where there is nothing to show. */
function matrix(
  cells: readonly TransferCell[],
  tests: readonly Comparison[],
  { title, note, show }: { title: string; note: string; show: "value" | "change" },
): Html | undefined {
  const shown = cells.filter((cell) => show === "value" || cell.change !== undefined);
  if (shown.length === 0 || shown.every(({ value }) => value.mean === null)) return undefined;
  const tasks = unique(shown.map(({ task }) => task));
  const accuracy = shown[0]!.measure === "testAccuracy";
  const rows = unique(shown.map(({ source }) => source)).flatMap((source) =>
    unique(shown.filter((cell) => cell.source === source).map(({ regularizer }) => regularizer)).map(
      (regularizer): HeatMap["rows"][number] => ({
        group: `Meta-trained on ${source}`,
        name: regularizerName(regularizer),
        cells: tasks.map((task): HeatCell => {
          const cell = shown.find(
            (other) => other.source === source && other.regularizer === regularizer && other.task === task,
          );
          const mean = (show === "value" ? cell?.value : cell?.change)?.mean;
          if (cell === undefined || mean === null || mean === undefined)
            return { value: null, text: MISSING };
          const text = show === "value" ? percent(mean) : signed(fixed(accuracy ? 1 : 0))(100 * mean);
          const home = isSource(cell) ? "● " : "";
          return {
            value: mean,
            text: `${home}${text}`,
            marked: show === "change" && isDecidedCell(cell, tests),
          };
        }),
      }),
    ),
  );
  const good = show === "value" ? "none" : accuracy ? "higher" : "lower";
  return heatMap({ title, note, columns: tasks, rows, good });
}

function transferTable(cells: readonly TransferCell[]): Html {
  const columns: Column[] = [
    { name: "Regularizer", text: true },
    { name: "Measure", text: true },
    { name: "Value" },
    { name: "Change", unit: "% or points" },
  ];
  const groups = new Map<string, Html[]>();
  for (const { source, regularizer, task, steps, measure, radius, value, change } of cells) {
    if (value.mean === null) continue;
    const heading = `${source} → ${task}, ${count(steps)} steps`;
    const accuracy = measure === "testAccuracy";
    const changed = signed(fixed(1));
    const part = (share: number | null | undefined) =>
      changed(typeof share === "number" ? 100 * share : share);
    const format = accuracy ? percent : significant;
    const rows = groups.get(heading) ?? [];
    groups.set(heading, rows);
    rows.push(html`<tr><th scope="row">${regularizerName(regularizer)}</th><td>${measureName(measure)}${
      radius === undefined ? "" : html`<span class="note">radius ${String(radius)}</span>`
    }</td><td class="num">${format(value.mean)}${interval(value, format)}</td><td class="num">${part(change?.mean)}${
      change === undefined ? "" : interval(change, part)
    }</td></tr>
`);
  }
  return table(
    "Means over meta-seeds and seeds with their 95\u00a0% bootstrap interval over seeds; changes against the plain optimizer with the interval of the paired t test, none where a value is not above zero.",
    columns,
    [...groups].map(([heading, rows]) => ({ heading, rows })),
    true,
  );
}

function interval(
  { low, high }: { low: number | null; high: number | null },
  format: (value: number | null) => string,
): Html | string {
  return low === null ? "" : html`<span class="ci">[${format(low)}, ${format(high)}]</span>`;
}

function radiusEvidence(results: Results): Html {
  const cells = (results.transfer ?? []).filter((cell) => isOwnProperty(cell) && cell.radius !== undefined);
  const series = regularizerSeries(results);
  const horizons = unique(cells.map(({ steps }) => steps)).sort((a, b) => a - b);
  const figures = horizons.map((steps) =>
    figure({
      title: `Change by radius after ${count(steps)} steps, percent`,
      note: "Each regularizer’s own quantity against the plain optimizer. Median and middle half over sources and tasks.",
      xLabel: "Radius ρ",
      lines: regularizersOf(cells).map((regularizer): Line => {
        const own = cells.filter((cell) => cell.regularizer === regularizer && cell.steps === steps);
        const radii = unique(own.map(({ radius }) => radius!)).sort((a, b) => a - b);
        return {
          series: series.get(regularizer)!,
          points: radii.flatMap((x) => {
            const changes = own.flatMap(({ radius, change }) =>
              radius === x && typeof change?.mean === "number" ? [100 * change.mean] : [],
            );
            if (changes.length === 0) return [];
            const [low, y, high] = [0.25, 0.5, 0.75].map((share) => quantile(changes, share));
            return [{ x, y: y!, low, high }];
          }),
        };
      }),
      kind: "points",
      change: true,
    }),
  );
  const tests = learnedTests(results).filter((test) => isOwnProperty(test) && test.below === undefined);
  const radii = unique(tests.flatMap(({ radius }) => radius ?? [])).sort((a, b) => a - b);
  const rows = unique(tests.map(({ regularizer }) => regularizer)).map(
    (regularizer) =>
      html`<tr><th scope="row">${regularizerName(regularizer)}<span class="note">${measureName(propertyOf(regularizer)).toLowerCase()}</span></th>${radii.map(
        (radius) => {
          const { support, undecided, against } = tallyOf(
            tests.filter((test) => test.regularizer === regularizer && test.radius === radius),
            "lower",
          );
          return html`<td class="num">${support} · ${undecided} · ${against}</td>`;
        },
      )}</tr>
`,
  );
  const drawn = figures.filter((each) => each !== undefined);
  return html`${
    drawn.length === 0
      ? ""
      : html`${legend(regularizersOf(cells).map((name) => series.get(name)!))}
<div class="figures">${drawn}</div>`
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

/** The value below which a share of the others lie, between neighbours by interpolation. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)]!;
  return below + (place % 1) * (sorted[Math.ceil(place)]! - below);
}

function costEvidence(results: Results): Html {
  const { evaluations } = results;
  const steps = longest(evaluations);
  const last = evaluations.filter((record) => record.steps === steps);
  const tasks = unique(last.map(({ task }) => task));
  const rows = unique(last.map(({ optimizer }) => optimizer)).flatMap((optimizer) => {
    const own = last.filter((record) => record.optimizer === optimizer);
    const accuracies = own.flatMap(({ summary }) => summary.testAccuracy?.mean ?? []);
    const gradients = mean(own.map(({ gradientsPerStep }) => gradientsPerStep));
    const accuracy = accuracies.length === tasks.length ? mean(accuracies) : undefined;
    return [{ optimizer, gradients, accuracy, own }];
  });
  const ranked = [...rows].sort((a, b) => a.gradients - b.gradients || (b.accuracy ?? 0) - (a.accuracy ?? 0));
  const columns: Column[] = [
    { name: "Optimizer", text: true },
    { name: "Gradients", unit: "per step" },
    { name: "Milliseconds", unit: "per step" },
    {
      name: "Test accuracy",
      unit: tasks.length === 1 ? `%, ${tasks[0]}` : `%, mean of ${tasks.length} tasks`,
    },
  ];
  const lines = ranked.map(({ optimizer, gradients, accuracy, own }) => {
    const times = own.flatMap(({ secondsPerStep }) => secondsPerStep ?? []);
    const range = times.length === 0 ? MISSING : spread(times.map((seconds) => 1000 * seconds));
    return html`<tr><th scope="row" class="name">${optimizer}</th><td class="num">${significant(gradients).replace(/\.?0+$/, "")}</td><td class="num">${range}</td><td class="num">${percent(accuracy)}</td></tr>
`;
  });
  const explicit = explicitTests(results);
  const families = familiesOf(rows);
  const price = figure({
    title: "Test accuracy by gradients a step, percent",
    note: `After ${count(steps)} steps, mean over tasks. Points are means over the optimizers of a family at one price, bars reach from the lowest to the highest.`,
    xLabel: "Gradients per step",
    lines: families,
    kind: "points",
  });
  return html`${
    price === undefined
      ? ""
      : html`${legend(families.map(({ series }) => series))}
<div class="figures">${price}</div>`
  }
${lines.length === 0 ? "" : table(`Price and result after ${count(steps)} steps; times by task, lowest to highest.`, columns, [{ heading: "", rows: lines }], false)}
${
  explicit.length === 0
    ? ""
    : html`<details><summary>Learned against explicit regularization, task by task</summary>
${comparisonTable(explicit)}
</details>`
}`;
}

/** Accuracy by price: one line for each hand-designed optimizer, one for each source of learned ones. */
function familiesOf(
  rows: readonly {
    readonly optimizer: string;
    readonly gradients: number;
    readonly accuracy: number | undefined;
  }[],
): Line[] {
  const familyOf = (optimizer: string): string => groupName(plainName(optimizer));
  return unique(rows.map(({ optimizer }) => familyOf(optimizer))).map((family, i) => {
    const own = rows.filter(({ optimizer }) => familyOf(optimizer) === family);
    // whole prices: where a run diverged, the gradients of its last step belong to no step
    const prices = unique(own.map(({ gradients }) => Math.round(gradients))).sort((a, b) => a - b);
    const points = prices.flatMap((x) => {
      const values = own.flatMap(({ gradients, accuracy }) =>
        accuracy !== undefined && Math.round(gradients) === x ? [100 * accuracy] : [],
      );
      if (values.length === 0) return [];
      const y = mean(values);
      return [{ x, y, low: Math.min(...values), high: Math.max(...values) }];
    });
    const source = sourceName(family);
    const name = source === undefined ? family : `from ${source}`;
    return {
      series: { name, color: seriesColor(i), ...(source === undefined && { dash: "6 3.5" }) },
      points,
    };
  });
}

function spread(values: readonly number[]): string {
  const [low, high] = [significant(Math.min(...values)), significant(Math.max(...values))];
  return low === high ? low : `${low} – ${high}`;
}
