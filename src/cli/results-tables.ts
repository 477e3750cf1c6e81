import type {
  AtLossRecord,
  Estimate,
  EvaluationRecord,
  MetricRecord,
  RadiusSummary,
  SharpnessRecord,
  SharpnessSummary,
} from "../evaluation/results.ts";
import type { Labels } from "../report/labels.ts";
import { formatTable } from "./table.ts";

/** `mean [low, high]`, or a dash. */
function interval({ mean, low, high }: Estimate, format: (value: number) => string): string {
  if (mean === null) return "—";
  return low === null || high === null ? format(mean) : `${format(mean)} [${format(low)}, ${format(high)}]`;
}

const digits = (count: number) => (value: number) => value.toFixed(count);
const percent = (value: number): string => (100 * value).toFixed(2);
const significant = (value: number): string => value.toPrecision(4);

/** Losses and metrics with 95 % intervals over seeds. */
export function evaluationTable(
  records: readonly EvaluationRecord[],
  metrics: readonly MetricRecord[],
  labels: Labels,
): string {
  return formatTable(
    [
      "task",
      "optimizer",
      "steps",
      "train loss",
      "test loss",
      ...metrics.map(({ label, format }) => `test ${label}${format === "percent" ? " %" : ""}`),
      "gradients/step",
      "seeds",
      "diverged",
    ],
    records.map(({ task, method, steps, gradientsPerStep, summary }) => [
      labels.task(task),
      labels.method(method),
      steps,
      interval(summary.trainLoss, digits(4)),
      interval(summary.testLoss, digits(4)),
      ...metrics.map(({ name, format }) => {
        const estimate = summary.metrics[name];
        return estimate === undefined
          ? "—"
          : interval(estimate, format === "percent" ? percent : significant);
      }),
      Number(gradientsPerStep.toFixed(2)),
      summary.seeds,
      summary.diverged,
    ]),
  );
}

const POINT_COLUMNS = ["loss", "‖g‖", "λmax", "radius", "max loss", "gap", "gap − ρ‖g‖", "max ‖g‖"];

/** Means over seeds under `POINT_COLUMNS`: at the points reached, and in the ball of one radius around them. */
function pointCells(summary: SharpnessSummary, at: RadiusSummary): (string | number)[] {
  return [
    mean(summary.loss),
    mean(summary.gradientNorm),
    mean(summary.topEigenvalue),
    at.radius,
    mean(at.maxLoss),
    mean(at.surrogateGap),
    mean(at.curvatureGap),
    mean(at.maxGradientNorm),
  ];
}

/** Sharpness by radius, means over seeds. */
export function sharpnessTable(records: readonly SharpnessRecord[], labels: Labels): string {
  return formatTable(
    ["task", "optimizer", "steps", ...POINT_COLUMNS],
    records.flatMap(({ task, method, steps, summary }) =>
      summary.radii.map((at) => [
        labels.task(task),
        labels.method(method),
        steps,
        ...pointCells(summary, at),
      ]),
    ),
  );
}

/** Sharpness where the training loss first fell below a value, beside how many runs got there and when. */
export function atLossTable(records: readonly AtLossRecord[], labels: Labels): string {
  return formatTable(
    ["task", "optimizer", "loss below", "reached", "at step", ...POINT_COLUMNS],
    records.flatMap(({ task, method, below, maxSteps, summary }) => {
      const which = [labels.task(task), labels.method(method), below];
      const reached = `${summary.reached}/${summary.seeds}`;
      if (summary.reached === 0) {
        return [[...which, `${reached} in ${maxSteps} steps`, ...Array(1 + POINT_COLUMNS.length).fill("—")]];
      }
      return summary.radii.map((at) => [...which, reached, mean(summary.step), ...pointCells(summary, at)]);
    }),
  );
}

/** Trace and both ends of the spectrum, means over seeds; undefined where nothing of it was measured. */
export function spectrumTable(
  records: readonly SharpnessRecord[],
  atLoss: readonly AtLossRecord[],
  labels: Labels,
): string | undefined {
  const rows = [
    ...records.map((record) => ({ ...record, point: `${record.steps} steps` })),
    ...atLoss.map((record) => ({ ...record, point: `loss < ${record.below}` })),
  ].filter(({ summary }) => summary.trace !== undefined || summary.largestEigenvalues !== undefined);
  if (rows.length === 0) return undefined;
  const end = (estimates: SharpnessSummary["largestEigenvalues"]): string =>
    estimates === undefined ? "—" : estimates.map(mean).join(" ");
  return formatTable(
    ["task", "optimizer", "point", "trace", "largest eigenvalues", "smallest eigenvalues"],
    rows.map(({ task, method, point, summary }) => [
      labels.task(task),
      labels.method(method),
      point,
      summary.trace === undefined ? "—" : mean(summary.trace),
      end(summary.largestEigenvalues),
      end(summary.smallestEigenvalues),
    ]),
  );
}

/** The loss at the centre and the highest at each distance from it, of the first seed that has a landscape. */
export function landscapeTable(records: readonly SharpnessRecord[], labels: Labels): string | undefined {
  const rows = records.flatMap(({ task, method, steps, seeds }) => {
    const drawn = seeds.find(({ landscape }) => landscape !== undefined)?.landscape;
    if (drawn === undefined) return [];
    const { dimensions, coordinates, losses } = drawn;
    const radius = coordinates.at(-1)!;
    const points = coordinates.length;
    const highest = (share: number): string => {
      const within = losses.filter((_, place) => {
        const a = coordinates[place % points]!;
        const b = dimensions === 1 ? 0 : coordinates[Math.floor(place / points)]!;
        return Math.max(Math.abs(a), Math.abs(b)) <= share * radius * (1 + 1e-9);
      });
      return within.length === 0 || within.includes(null)
        ? "—"
        : significant(Math.max(...(within as number[])));
    };
    return [
      [
        labels.task(task),
        labels.method(method),
        steps,
        `${dimensions}d`,
        radius,
        ...[0, 0.25, 0.5, 1].map(highest),
      ],
    ];
  });
  if (rows.length === 0) return undefined;
  return formatTable(
    ["task", "optimizer", "steps", "landscape", "radius", "centre", "to r/4", "to r/2", "to r"],
    rows,
  );
}

function mean(estimate: Estimate): string {
  return estimate.mean === null ? "—" : significant(estimate.mean);
}
