import { groupBy, mean, unique } from "../evaluation/group.ts";
import { isSameMethod, methodKey } from "../evaluation/method-id.ts";
import type {
  AtLossRecord,
  LandscapeRecord,
  MethodId,
  SharpnessRecord,
  SharpnessSummary,
} from "../evaluation/results.ts";
import { type Contours, contours } from "./contours.ts";
import { figure, legend, logTicks, type Series } from "./figures.ts";
import { columnFormat, count, meansOf, plural, significant } from "./format.ts";
import { type Html, html } from "./html.ts";
import type { Labels } from "./labels.ts";
import { type Column, estimateCell, measureColumn, nameCell, placeOf, table } from "./tables.ts";

/** What one row says of a point: where it is, and the means there. */
interface PointRow {
  readonly name: string;
  readonly where: Html;
  readonly summary: SharpnessSummary;
}

/** Sharpness at equal training loss, each row above the one of the same optimizer after equal steps. */
export function equalLossBlock(
  atLoss: readonly AtLossRecord[],
  sharpness: readonly SharpnessRecord[],
  labels: Labels,
): Html | string {
  if (atLoss.length === 0) return "";
  const groups = groupBy(atLoss, (record) => lossHeading(record, labels));
  const rowsOf = (record: AtLossRecord): PointRow[] => {
    const { task, method, maxSteps, summary } = record;
    const name = labels.method(method);
    const own = sharpness.find(
      (other) => other.task === task && other.steps === maxSteps && isSameMethod(other.method, method),
    );
    return [
      { name, where: whereReached(record), summary },
      ...(own ? [{ name, where: html`after ${count(maxSteps)} steps`, summary: own.summary }] : []),
    ];
  };
  const every = unique(atLoss.map((record) => String(record.every))).join(", ");
  return html`<h3>At equal training loss, beside equal steps</h3>
<p>The loss on the examples of the measurement was looked at every ${every} steps, and sharpness measured the first time it was below the value. Means are over the seeds that got there; a run that never did within its steps has no numbers.</p>
${pointsTable(
  [...groups].map(([heading, records]) => ({ heading, rows: records.flatMap(rowsOf) })),
  labels,
)}`;
}

function lossHeading({ task, below }: AtLossRecord, labels: Labels): string {
  return `${labels.task(task)}, training loss below ${below}`;
}

function whereReached({ below, maxSteps, summary }: AtLossRecord): Html {
  const { reached, seeds, step } = summary;
  if (reached === 0) {
    return html`never below ${below}<span class="note">${plural(seeds, "run")} of ${count(maxSteps)} steps</span>`;
  }
  const at = step.mean === null ? "" : `step ${count(step.mean)}`;
  return html`below ${below} at ${at}<span class="note">${reached} of ${seeds} got there</span>`;
}

function pointsTable(
  groups: readonly { readonly heading: string; readonly rows: readonly PointRow[] }[],
  labels: Labels,
): Html {
  const all = groups.flatMap(({ rows }) => rows);
  const radius = Math.max(0, ...all.flatMap(({ summary }) => summary.radii.map((at) => at.radius)));
  const measures = [
    ...(["loss", "gradientNorm", "topEigenvalue", "trace"] as const).map((name) => ({
      ...measureColumn(name, labels),
      read: (summary: SharpnessSummary) => summary[name],
    })),
    {
      name: labels.measure("curvatureGap"),
      unit: `ρ = ${radius}`,
      read: (summary: SharpnessSummary) => summary.radii.find((at) => at.radius === radius)?.curvatureGap,
    },
  ].filter(({ read }) => all.some(({ summary }) => read(summary) !== undefined));
  const formats = measures.map(({ read }) => columnFormat(meansOf(all.map(({ summary }) => read(summary)))));
  return table(
    "At equal training loss and after equal steps. Mean, 95\u00a0% interval in brackets.",
    [{ name: "Optimizer", text: true }, { name: "Point", text: true }, ...measures],
    groups.map(({ heading, rows }) => ({
      heading,
      rows: rows.map(
        ({ name, where, summary }) =>
          html`<tr>${nameCell(name, summary)}<td>${where}</td>${measures.map(({ read }, i) =>
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
  labels: Labels,
): (Html | string)[] {
  const points = [
    ...sharpness.map((record) => ({ ...record, heading: placeOf(record.task, record.steps, labels) })),
    ...atLoss.map((record) => ({ ...record, heading: lossHeading(record, labels) })),
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
      ...members.map(({ method }) => ({ name: labels.method(method) })),
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
  labels: Labels,
): (Html | string)[] {
  const groups = groupBy(sharpness, ({ task, steps }) => placeOf(task, steps, labels));
  return [...groups].map(([place, records]) => {
    const of = (dimensions: 1 | 2) =>
      records
        .map(({ method, seeds }) => ({
          method,
          drawn: seeds.flatMap(({ landscape }) => (landscape?.dimensions === dimensions ? [landscape] : [])),
        }))
        .filter(({ drawn }) => drawn.length > 0);
    const seriesFor = ({ method }: { readonly method: MethodId }) => series.get(methodKey(method))!;
    const lines = figure({
      title: "Loss along a random direction",
      note: "Filter-normalized: at 1 every filter is perturbed by its own length. Mean and range over seeds.",
      xLabel: "Multiple of the direction",
      lines: of(1).map((each) => ({ series: seriesFor(each), points: meanLine(each.drawn) })),
      kind: "curve",
    });
    const planes = of(2).map(({ method, drawn }) => [labels.method(method), drawn[0]!] as const);
    const drawn = [lines, ...planeFigures(planes)].filter((each) => each !== undefined);
    if (drawn.length === 0) return "";
    return html`<h3>Loss landscape: ${place}</h3>
${lines === undefined ? "" : legend(of(1).map(seriesFor))}
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
  return planes.map(([title, plane]): Html | undefined => {
    const options: Contours = { title, levels, ...plane };
    return contours(options);
  });
}
