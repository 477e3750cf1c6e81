import { unique } from "../evaluation/group.ts";
import type {
  AtLossSeed,
  AtLossSummary,
  EvaluationSeed,
  EvaluationSummary,
  Measured,
  MetricRecord,
  RadiusMeasure,
  SharpnessSeed,
  SharpnessSummary,
} from "../evaluation/results.ts";
import { estimate } from "./statistics.ts";

const hasDiverged = (seeds: readonly { diverged?: boolean }[]): number =>
  seeds.filter((seed) => seed.diverged === true).length;

const FACTORS = { factors: true } as const;

/** Means and 95 % intervals of an `EvaluationRecord` over its seeds. */
export function summarizeEvaluation(
  seeds: readonly EvaluationSeed[],
  metrics: readonly MetricRecord[] = [],
): EvaluationSummary {
  const measured = unique(seeds.flatMap((seed) => Object.keys(seed.metrics)));
  return {
    seeds: seeds.length,
    diverged: hasDiverged(seeds),
    trainLoss: estimate(
      seeds.map((seed) => seed.trainLoss),
      FACTORS,
    ),
    testLoss: estimate(
      seeds.map((seed) => seed.testLoss),
      FACTORS,
    ),
    metrics: Object.fromEntries(
      measured.map((name) => {
        const { range: [least, most] = [], compare } = metrics.find((metric) => metric.name === name) ?? {};
        return [
          name,
          estimate(
            seeds.map((seed) => seed.metrics[name]),
            {
              ...(least !== undefined && most !== undefined && { within: [least, most] as const }),
              factors: compare === "ratio",
            },
          ),
        ];
      }),
    ),
  };
}

/** Means and 95 % intervals of a `SharpnessRecord` over its seeds, by radius in ascending order. */
export function summarizeSharpness(seeds: readonly SharpnessSeed[]): SharpnessSummary {
  const radii = unique(seeds.flatMap((seed) => seed.radii.map((at) => at.radius))).sort((a, b) => a - b);
  const over = (read: (seed: SharpnessSeed) => Measured | undefined) => estimate(seeds.map(read), FACTORS);
  return {
    seeds: seeds.length,
    diverged: hasDiverged(seeds),
    loss: over((seed) => seed.loss),
    gradientNorm: over((seed) => seed.gradientNorm),
    topEigenvalue: over((seed) => seed.topEigenvalue),
    radii: radii.map((radius) => {
      const within = (measure: RadiusMeasure) =>
        over((seed) => seed.radii.find((at) => at.radius === radius)?.[measure]);
      return {
        radius,
        maxLoss: within("maxLoss"),
        surrogateGap: within("surrogateGap"),
        oneStepGap: within("oneStepGap"),
        maxGradientNorm: within("maxGradientNorm"),
        curvatureGap: within("curvatureGap"),
      };
    }),
    ...(seeds.some((seed) => seed.trace !== undefined) && {
      trace: over((seed) => seed.trace),
    }),
    ...spectrumEnd(seeds, "largestEigenvalues"),
    ...spectrumEnd(seeds, "smallestEigenvalues"),
  };
}

/** Estimates of the first, second, … eigenvalue at one end, where they were measured. */
function spectrumEnd(
  seeds: readonly SharpnessSeed[],
  end: "largestEigenvalues" | "smallestEigenvalues",
): Pick<SharpnessSummary, typeof end> {
  const count = Math.max(...seeds.map((seed) => seed[end]?.length ?? 0));
  if (count <= 0) return {};
  return { [end]: Array.from({ length: count }, (_, i) => estimate(seeds.map((seed) => seed[end]?.[i]))) };
}

/** Means and 95 % intervals of an `AtLossRecord` over the seeds that got there. */
export function summarizeAtLoss(seeds: readonly AtLossSeed[]): AtLossSummary {
  return {
    ...summarizeSharpness(seeds),
    reached: seeds.filter(({ step }) => step !== null).length,
    step: estimate(seeds.map(({ step }) => step)),
  };
}
