import type { EvaluationRecord, MetricRecord, RadiusMeasure, Results } from "../evaluation/results.ts";

/** Which way a measure is good, and how two optimizers are compared by it. */
export interface Measure {
  readonly better: "higher" | "lower";
  readonly compare: "difference" | "ratio";
}

/** Losses and measures of sharpness. */
const LOWER_BY_FACTORS: Measure = { better: "lower", compare: "ratio" };

/** What is measured at a point, not in a ball around it. */
export const POINT_MEASURES = ["topEigenvalue", "trace", "gradientNorm"] as const;

/** What is tested in every ball: the quantities that regularizers lower. */
export const OWN_QUANTITIES = ["maxLoss", "surrogateGap", "maxGradientNorm"] as const;

/** What of a ball stands in the transfer matrix. */
export const BALL_MEASURES: readonly RadiusMeasure[] = [...OWN_QUANTITIES, "curvatureGap"];

/** A measure by its name: a task's metric as the task says, everything else is lower by factors. */
export function measureOf(name: string, metrics: readonly MetricRecord[]): Measure {
  return metrics.find((metric) => metric.name === name) ?? LOWER_BY_FACTORS;
}

/** What runs are judged by: their task's first metric, or the test loss of one without. */
export function judgeOf(
  records: readonly Pick<EvaluationRecord, "summary">[],
  metrics: readonly MetricRecord[],
): string {
  const known = metrics.find(({ name }) => records.some(({ summary }) => name in summary.metrics));
  return known?.name ?? "testLoss";
}

/** Whether a measure is of how well an optimizer does on data that it did not train on. */
export function isJudge(measure: string, { metrics }: Pick<Results, "metrics">): boolean {
  return measure === "testLoss" || metrics.some(({ name }) => name === measure);
}

/** The quantity of a ball that a regularizer is made to lower, by what it says of itself. */
export function ownQuantity(
  regularizer: string,
  { regularizers }: Pick<Results, "regularizers">,
): (typeof OWN_QUANTITIES)[number] | undefined {
  const lowers = regularizers[regularizer]?.lowers;
  return OWN_QUANTITIES.find((quantity) => quantity === lowers);
}
