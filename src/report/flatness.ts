import { unique } from "../evaluation/group.ts";
import type {
  AtLossRecord,
  LandscapeRecord,
  SharpnessRecord,
  SharpnessSummary,
} from "../evaluation/results.ts";
import { mean } from "../evaluation/statistics.ts";
import { type Contours, contours } from "./contours.ts";
import { figure, legend, logTicks, type Series } from "./figures.ts";
import { columnFormat, count, meansOf, plural, significant } from "./format.ts";
import { type Html, html } from "./html.ts";
import { groupsOf } from "./prose.ts";
import { type Column, estimateCell, nameCell, table } from "./tables.ts";

/** What one row says of a point: where it is, and the means there. */
interface PointRow {
  readonly optimizer: string;
  readonly where: Html;
  readonly summary: SharpnessSummary;
}

/** Sharpness at equal training loss, each row above the one of the same optimizer after equal steps. */
export function equalLossBlock(
  atLoss: readonly AtLossRecord[],
  sharpness: readonly SharpnessRecord[],
): Html | string {
  if (atLoss.length === 0) return "";
  const groups = new Map<string, PointRow[]>();
  for (const record of atLoss) {
    const heading = `${record.task}, training loss below ${record.below}`;
    const rows = groups.get(heading) ?? [];
    groups.set(heading, rows);
    rows.push({ optimizer: record.optimizer, where: whereReached(record), summary: record.summary });
    const { task, optimizer, maxSteps } = record;
    const own = sharpness.find(
      (other) => other.task === task && other.optimizer === optimizer && other.steps === maxSteps,
    );
    if (own === undefined) continue;
    rows.push({ optimizer, where: html`after ${count(maxSteps)} steps`, summary: own.summary });
  }
  const every = unique(atLoss.map((record) => String(record.every))).join(", ");
  return html`<h3>At equal training loss, beside equal steps</h3>
<p>The loss on the examples of the measurement was looked at every ${every} steps, and sharpness measured the first time it was below the value. Means are over the seeds that got there; a run that never did within its steps has no numbers.</p>
${pointsTable(groups)}`;
}

function whereReached({ below, maxSteps, summary }: AtLossRecord): Html {
  const { reached, seeds, step } = summary;
  if (reached === 0) {
    return html`never below ${below}<span class="note">${plural(seeds, "run")} of ${count(maxSteps)} steps</span>`;
  }
  const at = step.mean === null ? "" : `step ${count(step.mean)}`;
  return html`below ${below} at ${at}<span class="note">${reached} of ${seeds} got there</span>`;
}

function pointsTable(groups: ReadonlyMap<string, readonly PointRow[]>): Html {
  const rows = [...groups.values()].flat();
  const radius = Math.max(0, ...rows.flatMap(({ summary }) => summary.radii.map((at) => at.radius)));
  const measures = [
    { name: "Loss", unit: "L", read: (summary: SharpnessSummary) => summary.loss },
    { name: "Gradient norm", unit: "‖g‖", read: (summary: SharpnessSummary) => summary.gradientNorm },
    { name: "Top eigenvalue", unit: "λ", read: (summary: SharpnessSummary) => summary.topEigenvalue },
    { name: "Trace", unit: "tr H", read: (summary: SharpnessSummary) => summary.trace },
    {
      name: "Curvature gap",
      unit: `ρ = ${radius}`,
      read: (summary: SharpnessSummary) => summary.radii.find((at) => at.radius === radius)?.curvatureGap,
    },
  ].filter(({ read }) => rows.some(({ summary }) => read(summary) !== undefined));
  const formats = measures.map(({ read }) => columnFormat(meansOf(rows.map(({ summary }) => read(summary)))));
  const columns: Column[] = [
    { name: "Optimizer", text: true },
    { name: "Point", text: true },
    ...measures.map(({ name, unit }) => ({ name, unit })),
  ];
  return table(
    "At equal training loss and after equal steps. Mean, 95\u00a0% interval in brackets.",
    columns,
    [...groups].map(([heading, members]) => ({
      heading,
      rows: members.map(
        ({ optimizer, where, summary }) =>
          html`<tr>${nameCell(optimizer, summary)}<td>${where}</td>${measures.map(({ read }, i) =>
            estimateCell(read(summary), formats[i]!),
          )}</tr>
`,
      ),
    })),
    true,
  );
}

/** Both ends of the spectrum and the trace, one table for each task and point: eigenvalues down, optimizers across. */
export function spectrumBlocks(
  sharpness: readonly SharpnessRecord[],
  atLoss: readonly AtLossRecord[],
): (Html | string)[] {
  const points = [
    ...sharpness.map(({ task, optimizer, steps, summary }) => ({
      heading: `${task}, ${count(steps)} steps`,
      optimizer,
      summary,
    })),
    ...atLoss.map(({ task, optimizer, below, summary }) => ({
      heading: `${task}, training loss below ${below}`,
      optimizer,
      summary,
    })),
  ].filter(({ summary }) => summary.trace !== undefined || summary.largestEigenvalues !== undefined);
  return unique(points.map(({ heading }) => heading)).map((heading) => {
    const members = points.filter((point) => point.heading === heading);
    const rowOf = (name: Html, read: (summary: SharpnessSummary) => ReturnType<typeof estimateAt>): Html =>
      html`<tr><th scope="row">${name}</th>${members.map(({ summary }) =>
        estimateCell(read(summary), significant),
      )}</tr>
`;
    const rank = (end: "largestEigenvalues" | "smallestEigenvalues"): number =>
      Math.max(...members.map(({ summary }) => summary[end]?.length ?? 0));
    const rows = [
      ...Array.from({ length: rank("largestEigenvalues") }, (_, i) =>
        rowOf(html`Largest, ${i + 1}`, (summary) => estimateAt(summary.largestEigenvalues, i)),
      ),
      ...Array.from({ length: rank("smallestEigenvalues") }, (_, i) =>
        rowOf(html`Smallest, ${i + 1}`, (summary) => estimateAt(summary.smallestEigenvalues, i)),
      ),
      ...(members.some(({ summary }) => summary.trace !== undefined)
        ? [rowOf(html`Trace`, (summary) => summary.trace)]
        : []),
    ];
    const columns: Column[] = [
      { name: "Eigenvalue", text: true },
      ...members.map(({ optimizer }) => ({ name: optimizer })),
    ];
    return html`<h3>Hessian spectrum: ${heading}</h3>
${table(`Hessian eigenvalues: ${heading}. Mean over seeds, 95\u00a0% interval in brackets.`, columns, [{ heading: "", rows }], false)}`;
  });
}

function estimateAt(estimates: SharpnessSummary["largestEigenvalues"], i: number) {
  return estimates?.[i];
}

/** Loss landscapes: lines of all optimizers in one figure, planes side by side on one scale. */
export function landscapeBlocks(
  sharpness: readonly SharpnessRecord[],
  series: ReadonlyMap<string, Series>,
): (Html | string)[] {
  return groupsOf(sharpness).map((records) => {
    const { task, steps } = records[0]!;
    const of = (dimensions: 1 | 2) =>
      records
        .map(({ optimizer, seeds }) => ({
          optimizer,
          drawn: seeds.flatMap(({ landscape }) => (landscape?.dimensions === dimensions ? [landscape] : [])),
        }))
        .filter(({ drawn }) => drawn.length > 0);
    const lines = figure({
      title: "Loss along a random direction",
      note: "Filter-normalized: at 1 every filter is perturbed by its own length. Mean and range over seeds.",
      xLabel: "Multiple of the direction",
      lines: of(1).map(({ optimizer, drawn }) => ({
        series: series.get(optimizer)!,
        points: meanLine(drawn),
      })),
      kind: "curve",
    });
    const planes = of(2);
    const figures = [lines, ...planeFigures(planes.map(({ optimizer, drawn }) => [optimizer, drawn[0]!]))];
    const drawn = figures.filter((each) => each !== undefined);
    if (drawn.length === 0) return "";
    return html`<h3>Loss landscape: ${task}, ${count(steps)} steps</h3>
${lines === undefined ? "" : legend(of(1).map(({ optimizer }) => series.get(optimizer)!))}
<div class="figures">${drawn}</div>
`;
  });
}

function meanLine(drawn: readonly LandscapeRecord[]) {
  return drawn[0]!.coordinates.flatMap((x, i) => {
    const losses = drawn.map(({ losses }) => losses[i]);
    const known = losses.filter((loss) => typeof loss === "number");
    if (known.length < losses.length) return [];
    const y = mean(known);
    return [{ x, y, ...(known.length > 1 && { low: Math.min(...known), high: Math.max(...known) }) }];
  });
}

function planeFigures(planes: readonly (readonly [string, LandscapeRecord])[]): (Html | undefined)[] {
  const known = planes.flatMap(([, { losses }]) => losses.filter((loss) => loss !== null && loss > 0));
  if (known.length === 0) return [];
  const levels = logTicks(Math.min(...(known as number[])), Math.max(...(known as number[])));
  return planes.map(([optimizer, plane]): Html | undefined => {
    const options: Contours = { title: optimizer, levels, ...plane };
    return contours(options);
  });
}
