import type { EvaluationRecord, SharpnessRecord } from "../evaluation/results.ts";
import type { Estimate } from "../evaluation/statistics.ts";
import { formatTable } from "./table.ts";

/** `mean [low, high]`, or a dash. */
function interval({ mean, low, high }: Estimate, format: (value: number) => string): string {
  if (mean === null) return "—";
  return low === null || high === null ? format(mean) : `${format(mean)} [${format(low)}, ${format(high)}]`;
}

const digits = (count: number) => (value: number) => value.toFixed(count);
const percent = (value: number): string => (100 * value).toFixed(2);
const significant = (value: number): string => value.toPrecision(4);

/** Losses and accuracies with 95 % intervals over seeds. */
export function evaluationTable(records: readonly EvaluationRecord[]): string {
  return formatTable(
    [
      "task",
      "optimizer",
      "steps",
      "train loss",
      "test loss",
      "test accuracy %",
      "gradients/step",
      "seeds",
      "diverged",
    ],
    records.map(({ task, optimizer, steps, gradientsPerStep, summary }) => [
      task,
      optimizer,
      steps,
      interval(summary.trainLoss, digits(4)),
      interval(summary.testLoss, digits(4)),
      summary.testAccuracy ? interval(summary.testAccuracy, percent) : "—",
      Number(gradientsPerStep.toFixed(2)),
      summary.seeds,
      summary.diverged,
    ]),
  );
}

/** Sharpness by radius, means over seeds. */
export function sharpnessTable(records: readonly SharpnessRecord[]): string {
  return formatTable(
    [
      "task",
      "optimizer",
      "steps",
      "loss",
      "‖g‖",
      "λmax",
      "radius",
      "max loss",
      "gap",
      "gap − ρ‖g‖",
      "max ‖g‖",
    ],
    records.flatMap(({ task, optimizer, steps, summary }) =>
      summary.radii.map((at) => [
        task,
        optimizer,
        steps,
        mean(summary.loss),
        mean(summary.gradientNorm),
        mean(summary.topEigenvalue),
        at.radius,
        mean(at.maxLoss),
        mean(at.surrogateGap),
        mean(at.curvatureGap),
        mean(at.maxGradientNorm),
      ]),
    ),
  );
}

function mean(estimate: Estimate): string {
  return estimate.mean === null ? "—" : significant(estimate.mean);
}
