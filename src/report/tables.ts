import { unique } from "../evaluation/group.ts";
import {
  type Comparison,
  type EvaluationRecord,
  type Json,
  type MetaTrainingRecord,
  RADIUS_MEASURES,
  type RadiusMeasure,
  type Settings,
  type SharpnessRecord,
} from "../evaluation/results.ts";
import type { Estimate } from "../evaluation/statistics.ts";
import {
  columnFormat,
  count,
  duration,
  type Format,
  fixed,
  MISSING,
  meansOf,
  percent,
  pValue,
  signed,
  significant,
} from "./format.ts";
import { type Html, html } from "./html.ts";

/** What measures are called on the page. */
export const MEASURE_NAMES: Readonly<Record<RadiusMeasure, string>> = {
  maxLoss: "Maximum loss",
  surrogateGap: "Surrogate gap",
  oneStepGap: "One-step gap",
  maxGradientNorm: "Maximum gradient norm",
  curvatureGap: "Curvature gap",
};

const COMPARED: Readonly<Record<string, string>> = {
  trainLoss: "Training loss",
  testLoss: "Test loss",
  testAccuracy: "Test accuracy, points",
  topEigenvalue: "Top eigenvalue λ",
  trace: "Hessian trace",
  gradientNorm: "Gradient norm",
  ...MEASURE_NAMES,
};

/** A group of rows under a heading of its own. */
export interface Group {
  readonly heading: string;
  readonly rows: readonly Html[];
}

/** A column of a table. */
export interface Column {
  readonly name: string;
  readonly unit?: string | Html;
  readonly text?: boolean;
}

/** Rows of a table that never breaks across printed pages. */
const SHORT = 6;

/** A captioned table in a box of its own that scrolls sideways where the page is too narrow. */
export function table(
  caption: string,
  columns: readonly Column[],
  groups: readonly Group[],
  headings: boolean,
): Html {
  const short = groups.reduce((sum, { rows }) => sum + rows.length, 0) <= SHORT;
  return html`<div class="scroll${short ? " short" : ""}" tabindex="0" role="region" aria-label="${caption}"><table>
<caption><span>${caption}</span></caption>
<thead><tr>${columns.map(
    ({ name, unit, text }) =>
      html`<th scope="col"${text ? "" : html` class="num"`}>${name}${
        unit === undefined ? "" : html`<span class="note">${unit}</span>`
      }</th>`,
  )}</tr></thead>
${groups.map(
  ({ heading, rows }) =>
    html`<tbody>${
      headings
        ? html`<tr class="group"><th scope="rowgroup" colspan="${columns.length}"><span>${heading}</span></th></tr>`
        : ""
    }
${rows}</tbody>
`,
)}</table></div>`;
}

/** A number over its interval. */
export function estimateCell(estimate: Estimate | undefined, format: Format, best = false): Html {
  if (estimate === undefined || estimate.mean === null) return html`<td class="num">${MISSING}</td>`;
  const interval =
    estimate.low === null
      ? ""
      : html`<span class="ci">[${format(estimate.low)}, ${format(estimate.high)}]</span>`;
  return html`<td class="num"><span${best ? html` class="best"` : ""}>${format(estimate.mean)}</span>${interval}</td>`;
}

/** An optimizer's name, and how many of its runs diverged. */
export function nameCell(name: string, summary?: { seeds: number; diverged: number }): Html {
  const note =
    summary !== undefined && summary.diverged > 0
      ? html`<span class="note">${summary.diverged} of ${summary.seeds} diverged</span>`
      : "";
  return html`<th scope="row" class="name">${name}${note}</th>`;
}

/** `task, 100 steps` groups in order of first appearance. */
function grouped<R extends { task: string; steps: number }>(records: readonly R[]): Map<string, R[]> {
  const groups = new Map<string, R[]>();
  for (const record of records) {
    const heading = `${record.task}, ${count(record.steps)} steps`;
    groups.set(heading, [...(groups.get(heading) ?? []), record]);
  }
  return groups;
}

function bestOf(estimates: readonly (Estimate | undefined)[], direction: 1 | -1): Estimate | undefined {
  const ranked = estimates.filter((estimate) => estimate !== undefined && estimate.mean !== null);
  if (ranked.length < 2) return undefined;
  return ranked.reduce((best, other) => (direction * (other!.mean! - best!.mean!) > 0 ? other : best));
}

/** Optimizer × training loss, test loss, test accuracy and price. */
export function resultsTable(records: readonly EvaluationRecord[]): Html {
  const loss = columnFormat(meansOf(records.flatMap(({ summary }) => [summary.trainLoss, summary.testLoss])));
  const classified = records.some(({ summary }) => summary.testAccuracy !== undefined);
  const columns: Column[] = [
    { name: "Optimizer", text: true },
    { name: "Training loss" },
    { name: "Test loss" },
    ...(classified ? [{ name: "Test accuracy", unit: "%" }] : []),
    { name: "Gradients", unit: "per step" },
  ];
  const groups = [...grouped(records)].map(([heading, members]) => {
    const bestTrain = bestOf(
      members.map(({ summary }) => summary.trainLoss),
      -1,
    );
    const bestTest = bestOf(
      members.map(({ summary }) => summary.testLoss),
      -1,
    );
    const bestAccuracy = bestOf(
      members.map(({ summary }) => summary.testAccuracy),
      1,
    );
    const rows = members.map(
      ({ optimizer, summary, gradientsPerStep }) =>
        html`<tr>${nameCell(optimizer, summary)}${estimateCell(
          summary.trainLoss,
          loss,
          summary.trainLoss === bestTrain,
        )}${estimateCell(summary.testLoss, loss, summary.testLoss === bestTest)}${
          classified ? estimateCell(summary.testAccuracy, percent, summary.testAccuracy === bestAccuracy) : ""
        }<td class="num">${significant(gradientsPerStep).replace(/\.?0+$/, "")}</td></tr>
`,
    );
    return { heading, rows };
  });
  return table(
    "Mean over seeds, 95\u00a0% interval in brackets. The best mean of each group is bold.",
    columns,
    groups,
    true,
  );
}

/** Paired differences between optimizers with their tests. */
export function comparisonTable(comparisons: readonly Comparison[]): Html {
  const repeated = comparisons.some(({ repetitions }) => repetitions !== undefined);
  const columns: Column[] = [
    { name: "Measure", text: true },
    { name: "Difference" },
    { name: "Effect", unit: html`Cohen’s d<sub>z</sub>` },
    { name: "p" },
    { name: "p, Holm" },
    { name: "Pairs" },
    ...(repeated ? [{ name: "Agree" }] : []),
  ];
  const groups = new Map<string, Html[]>();
  for (const comparison of comparisons) {
    const { task, steps, candidate, baseline, measure, radius, below, meanDifference, low, high } =
      comparison;
    const place = below === undefined ? `${count(steps)} steps` : `training loss below ${below}`;
    const heading = `${candidate} minus ${baseline}: ${task}, ${place}`;
    const format = signed(differenceFormat(comparison));
    const interval = low === null ? "" : html`<span class="ci">[${format(low)}, ${format(high)}]</span>`;
    const row = html`<tr><th scope="row">${measureName(measure)}${
      radius === undefined ? "" : html`<span class="note">radius ${String(radius)}</span>`
    }</th><td class="num">${format(meanDifference)}${interval}</td><td class="num">${signed(fixed(2))(
      comparison.effectSize,
    )}</td><td class="num">${pValue(comparison.p)}</td><td class="num">${pValue(
      comparison.pHolm,
    )}</td><td class="num">${comparison.pairs}</td>${
      repeated ? html`<td class="num">${agreementOf(comparison)}</td>` : ""
    }</tr>
`;
    groups.set(heading, [...(groups.get(heading) ?? []), row]);
  }
  return table(
    "Mean difference over shared seeds with its 95\u00a0% interval, and the paired t-test. Differences in percent are ratios, tested by their logarithms.",
    columns,
    [...groups].map(([heading, rows]) => ({ heading, rows })),
    true,
  );
}

/** A difference in points, in percent of the baseline, or in the measure's own unit. */
export function differenceFormat({ measure, scale }: Comparison): Format {
  if (measure === "testAccuracy") return percent;
  return scale === "share" ? (value) => `${percent(value)}\u00a0%` : significant;
}

function agreementOf({ agreeing, repetitions, source }: Comparison): string {
  if (repetitions !== undefined) return `${agreeing} of ${repetitions}`;
  return source === undefined ? MISSING : "1 run";
}

/** The name of a compared measure in words. */
export function measureName(measure: string): string {
  return COMPARED[measure] ?? measure;
}

/** What meta-training cost and which checkpoint it kept. */
export function metaTrainingTable(records: readonly MetaTrainingRecord[]): Html {
  const columns: Column[] = [
    { name: "Learned optimizer", text: true },
    { name: "Regularizer", text: true },
    { name: "Outer steps" },
    { name: "Kept", unit: "outer step" },
    { name: "Best validation", unit: "loss" },
    { name: "Gradients", unit: "evaluated" },
    { name: "Inner steps", unit: "per second" },
    { name: "Time" },
  ];
  const rows = records.map((record) => {
    const kept = record.metaValidationCurve.find((point) => point.outerStep === record.bestOuterStep);
    return html`<tr>${nameCell(record.name)}<td><span class="mono">${record.regularizer}</span></td><td class="num">${count(
      record.outerSteps,
    )}</td><td class="num">${count(record.bestOuterStep)}</td><td class="num">${significant(
      kept?.loss,
    )}</td><td class="num">${count(record.gradientEvaluations)}</td><td class="num">${count(
      record.innerStepsPerSecond,
    )}</td><td class="num">${duration(record.seconds)}</td></tr>
`;
  });
  return table("Meta-training runs.", columns, [{ heading: "", rows }], false);
}

/** Loss, gradient norm and top eigenvalue at the points reached. */
export function pointTable(records: readonly SharpnessRecord[]): Html {
  const measures = [
    { key: "loss", name: "Loss", unit: "L" },
    { key: "gradientNorm", name: "Gradient norm", unit: "‖g‖" },
    { key: "topEigenvalue", name: "Top Hessian eigenvalue", unit: "λ" },
  ] as const;
  const formats = measures.map(({ key }) =>
    columnFormat(meansOf(records.map(({ summary }) => summary[key]))),
  );
  const groups = [...grouped(records)].map(([heading, members]) => ({
    heading,
    rows: members.map(
      ({ optimizer, summary }) =>
        html`<tr>${nameCell(optimizer, summary)}${measures.map(({ key }, i) =>
          estimateCell(summary[key], formats[i]!),
        )}</tr>
`,
    ),
  }));
  return table(
    "At the point reached. Mean over seeds, 95\u00a0% interval in brackets.",
    [{ name: "Optimizer", text: true }, ...measures.map(({ name, unit }) => ({ name, unit }))],
    groups,
    true,
  );
}

/** Every measure in the balls around the points one group of optimizers reached, by radius. */
export function radiusTable(records: readonly SharpnessRecord[], heading: string): Html {
  const radii = unique(records.flatMap(({ summary }) => summary.radii.map((at) => at.radius)));
  const units: Readonly<Record<RadiusMeasure, string>> = {
    maxLoss: "max L",
    surrogateGap: "max L − L",
    oneStepGap: "along g",
    maxGradientNorm: "max ‖g‖",
    curvatureGap: "gap − ρ‖g‖",
  };
  const groups = radii.map((radius) => {
    const at = records.map(({ summary }) => summary.radii.find((entry) => entry.radius === radius));
    const formats = RADIUS_MEASURES.map((measure) =>
      columnFormat(meansOf(at.map((entry) => entry?.[measure]))),
    );
    const rows = records.map(
      ({ optimizer }, i) =>
        html`<tr>${nameCell(optimizer)}${RADIUS_MEASURES.map((measure, j) =>
          estimateCell(at[i]?.[measure], formats[j]!),
        )}</tr>
`,
    );
    return { heading: `Radius ρ = ${radius}`, rows };
  });
  const columns: Column[] = [
    { name: "Optimizer", text: true },
    ...RADIUS_MEASURES.map((measure) => ({ name: MEASURE_NAMES[measure], unit: units[measure] })),
  ];
  return table(
    `Inside a ball of radius ρ: ${heading}. Mean over seeds, 95\u00a0% interval.`,
    columns,
    groups,
    true,
  );
}

/** Settings side by side: one column for each named set, nested names joined by dots. */
export function settingsTable(
  caption: string,
  sets: readonly { readonly name: string; readonly settings: Settings }[],
  first = "Setting",
): Html {
  const flat = sets.map(({ settings }) => new Map(flatten(settings)));
  const names = unique(flat.flatMap((settings) => [...settings.keys()]));
  const rows = names.map(
    (name) =>
      html`<tr><th scope="row"><span class="mono">${name}</span></th>${flat.map(
        (settings) => html`<td><span class="mono">${settings.get(name) ?? MISSING}</span></td>`,
      )}</tr>
`,
  );
  const columns = [{ name: first, text: true }, ...sets.map(({ name }) => ({ name, text: true }))];
  const markup = table(caption, columns, [{ heading: "", rows }], false).markup;
  return { markup: markup.replace("<table>", '<table class="settings">') };
}

/** Facts in two columns. */
export function factsTable(caption: string, facts: readonly (readonly [string, Html | string])[]): Html {
  return html`<table class="facts settings"><caption><span>${caption}</span></caption><tbody>
${facts.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>\n`)}</tbody></table>`;
}

function flatten(value: Json, name = ""): [string, string][] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, part]) =>
      flatten(part, name === "" ? key : `${name}.${key}`),
    );
  }
  if (Array.isArray(value) && value.every((part) => typeof part !== "object"))
    return [[name, value.join(", ")]];
  return [[name, typeof value === "string" ? value : JSON.stringify(value)]];
}
