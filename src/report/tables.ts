import { groupBy, unique } from "../evaluation/group.ts";
import {
  type Comparison,
  type Estimate,
  type EvaluationRecord,
  type MetaTrainingRecord,
  type MetricRecord,
  RADIUS_MEASURES,
  type SharpnessRecord,
} from "../evaluation/results.ts";
import type { Json } from "../evaluation/table.ts";
import {
  columnFormat,
  count,
  duration,
  type Format,
  fixed,
  MISSING,
  meansOf,
  pValue,
  signed,
  significant,
} from "./format.ts";
import { type Html, html } from "./html.ts";
import type { Labels } from "./labels.ts";
import { measureWords } from "./words.ts";

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
function grouped<R extends { readonly task: string; readonly steps: number }>(
  records: readonly R[],
  labels: Labels,
): Map<string, R[]> {
  return groupBy(records, ({ task, steps }) => placeOf(task, steps, labels));
}

/** `mnist/mlp, 100 steps`. */
export function placeOf(task: string, steps: number, labels: Labels): string {
  return `${labels.task(task)}, ${count(steps)} steps`;
}

function bestOf(estimates: readonly (Estimate | undefined)[], direction: 1 | -1): Estimate | undefined {
  const ranked = estimates.filter((estimate) => estimate !== undefined && estimate.mean !== null);
  if (ranked.length < 2) return undefined;
  return ranked.reduce((best, other) => (direction * (other!.mean! - best!.mean!) > 0 ? other : best));
}

/** Optimizer × training loss, test loss, metrics and price. */
export function resultsTable(
  records: readonly EvaluationRecord[],
  metrics: readonly MetricRecord[],
  labels: Labels,
): Html {
  const loss = columnFormat(meansOf(records.flatMap(({ summary }) => [summary.trainLoss, summary.testLoss])));
  const measured = metrics.filter(({ name }) => records.some(({ summary }) => name in summary.metrics));
  const quantities = [
    {
      name: "Training loss",
      better: "lower",
      format: loss,
      read: (r: EvaluationRecord) => r.summary.trainLoss,
    },
    { name: "Test loss", better: "lower", format: loss, read: (r: EvaluationRecord) => r.summary.testLoss },
    ...measured.map(({ name, better, format }) => ({
      name: labels.measure(name),
      better,
      format: labels.value(name),
      ...(format === "percent" && { unit: "%" }),
      read: (r: EvaluationRecord) => r.summary.metrics[name],
    })),
  ];
  const columns: Column[] = [
    { name: "Optimizer", text: true },
    ...quantities,
    { name: "Gradients", unit: "per step" },
  ];
  const groups = [...grouped(records, labels)].map(([heading, members]) => {
    const best = quantities.map(({ read, better }) =>
      bestOf(members.map(read), better === "higher" ? 1 : -1),
    );
    const rows = members.map(
      (record) =>
        html`<tr>${nameCell(labels.method(record.method), record.summary)}${quantities.map(
          ({ read, format }, i) => {
            const estimate = read(record);
            return estimateCell(estimate, format, estimate !== undefined && estimate === best[i]);
          },
        )}<td class="num">${significant(record.gradientsPerStep).replace(/\.?0+$/, "")}</td></tr>
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
export function comparisonTable(comparisons: readonly Comparison[], labels: Labels): Html {
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
  const groups = groupBy(comparisons, ({ task, steps, candidate, baseline, below }) => {
    const pair = `${labels.method(candidate)} minus ${labels.method(baseline)}`;
    return below === undefined
      ? `${pair}: ${placeOf(task, steps, labels)}`
      : `${pair}: ${labels.task(task)}, training loss below ${below}`;
  });
  const rowOf = (comparison: Comparison): Html => {
    const { measure, radius, scale, meanDifference, low, high } = comparison;
    const format = signed(labels.difference(measure, scale));
    const interval = low === null ? "" : html`<span class="ci">[${format(low)}, ${format(high)}]</span>`;
    return html`<tr><th scope="row">${labels.measure(measure)}${labels.unit(measure) === "" ? "" : `,${labels.unit(measure)}`}${
      radius === undefined ? "" : html`<span class="note">radius ${String(radius)}</span>`
    }</th><td class="num">${format(meanDifference)}${interval}</td><td class="num">${signed(fixed(2))(
      comparison.effectSize,
    )}</td><td class="num">${pValue(comparison.p)}</td><td class="num">${pValue(
      comparison.pHolm,
    )}</td><td class="num">${comparison.pairs}</td>${
      repeated ? html`<td class="num">${agreementOf(comparison)}</td>` : ""
    }</tr>
`;
  };
  return table(
    "Mean difference over shared seeds with its 95\u00a0% interval, and the paired t-test. Differences in percent are ratios, tested by their logarithms.",
    columns,
    [...groups].map(([heading, members]) => ({ heading, rows: members.map(rowOf) })),
    true,
  );
}

function agreementOf({ agreeing, repetitions, candidate }: Comparison): string {
  if (repetitions !== undefined) return `${agreeing} of ${repetitions}`;
  return candidate.source === undefined ? MISSING : "1 run";
}

/** What meta-training cost and which checkpoint it kept. */
export function metaTrainingTable(records: readonly MetaTrainingRecord[], labels: Labels): Html {
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
    return html`<tr>${nameCell(labels.method(record.method))}<td><span class="mono">${record.regularizer}</span></td><td class="num">${count(
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
export function pointTable(records: readonly SharpnessRecord[], labels: Labels): Html {
  const measures = ["loss", "gradientNorm", "topEigenvalue"] as const;
  const formats = measures.map((name) => columnFormat(meansOf(records.map(({ summary }) => summary[name]))));
  const groups = [...grouped(records, labels)].map(([heading, members]) => ({
    heading,
    rows: members.map(
      ({ method, summary }) =>
        html`<tr>${nameCell(labels.method(method), summary)}${measures.map((name, i) =>
          estimateCell(summary[name], formats[i]!),
        )}</tr>
`,
    ),
  }));
  return table(
    "At the point reached. Mean over seeds, 95\u00a0% interval in brackets.",
    [{ name: "Optimizer", text: true }, ...measures.map((name) => measureColumn(name, labels))],
    groups,
    true,
  );
}

/** A column of a measure: its name, and its symbol below. */
export function measureColumn(name: string, labels: Labels): Column {
  const { unit } = measureWords(name) ?? {};
  return { name: labels.measure(name), ...(unit !== undefined && { unit }) };
}

/** Every measure in the balls around the points one group of optimizers reached, by radius. */
export function radiusTable(records: readonly SharpnessRecord[], heading: string, labels: Labels): Html {
  const radii = unique(records.flatMap(({ summary }) => summary.radii.map((at) => at.radius)));
  const groups = radii.map((radius) => {
    const at = records.map(({ summary }) => summary.radii.find((entry) => entry.radius === radius));
    const formats = RADIUS_MEASURES.map((measure) =>
      columnFormat(meansOf(at.map((entry) => entry?.[measure]))),
    );
    const rows = records.map(
      ({ method }, i) =>
        html`<tr>${nameCell(labels.method(method))}${RADIUS_MEASURES.map((measure, j) =>
          estimateCell(at[i]?.[measure], formats[j]!),
        )}</tr>
`,
    );
    return { heading: `Radius ρ = ${radius}`, rows };
  });
  return table(
    `Inside a ball of radius ρ: ${heading}. Mean over seeds, 95\u00a0% interval.`,
    [{ name: "Optimizer", text: true }, ...RADIUS_MEASURES.map((measure) => measureColumn(measure, labels))],
    groups,
    true,
  );
}

/** Settings side by side: one column for each named set, nested names joined by dots. */
export function settingsTable(
  caption: string,
  sets: readonly { readonly name: string; readonly settings: Readonly<Record<string, Json>> }[],
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
