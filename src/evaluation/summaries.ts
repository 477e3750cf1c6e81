import { unique } from "./group.ts";
import type {
  AtLossSeed,
  AtLossSummary,
  EvaluationSeed,
  EvaluationSummary,
  RadiusMeasure,
  SharpnessSeed,
  SharpnessSummary,
} from "./results.ts";
import { estimate } from "./statistics.ts";

const hasDiverged = (seeds: readonly { diverged?: boolean }[]): number =>
  seeds.filter((seed) => seed.diverged === true).length;

const NOT_NEGATIVE = { within: [0, Number.POSITIVE_INFINITY] } as const;

/** Means and 95 % intervals of an `EvaluationRecord` over its seeds. */
export function summarizeEvaluation(seeds: readonly EvaluationSeed[]): EvaluationSummary {
  const classified = seeds.some((seed) => seed.testAccuracy !== undefined);
  return {
    seeds: seeds.length,
    diverged: hasDiverged(seeds),
    trainLoss: estimate(seeds.map((seed) => seed.trainLoss)),
    testLoss: estimate(seeds.map((seed) => seed.testLoss)),
    ...(classified && {
      testAccuracy: estimate(
        seeds.map((seed) => seed.testAccuracy),
        { within: [0, 1] },
      ),
    }),
  };
}

/** Means and 95 % intervals of a `SharpnessRecord` over its seeds, by radius in ascending order. */
export function summarizeSharpness(seeds: readonly SharpnessSeed[]): SharpnessSummary {
  const radii = unique(seeds.flatMap((seed) => seed.radii.map((at) => at.radius))).sort((a, b) => a - b);
  return {
    seeds: seeds.length,
    diverged: hasDiverged(seeds),
    loss: estimate(seeds.map((seed) => seed.loss)),
    gradientNorm: estimate(
      seeds.map((seed) => seed.gradientNorm),
      NOT_NEGATIVE,
    ),
    topEigenvalue: estimate(seeds.map((seed) => seed.topEigenvalue)),
    radii: radii.map((radius) => {
      const at = seeds.map((seed) => seed.radii.find((measures) => measures.radius === radius));
      const over = (measure: RadiusMeasure, options = {}) =>
        estimate(
          at.map((measures) => measures?.[measure]),
          options,
        );
      return {
        radius,
        maxLoss: over("maxLoss"),
        surrogateGap: over("surrogateGap"),
        oneStepGap: over("oneStepGap"),
        maxGradientNorm: over("maxGradientNorm", NOT_NEGATIVE),
        curvatureGap: over("curvatureGap"),
      };
    }),
    ...(seeds.some((seed) => seed.trace !== undefined) && {
      trace: estimate(seeds.map((seed) => seed.trace)),
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

/** What has to be said of measures that ended before they converged: one sentence for each measure it happened to. */
export function convergenceNotes(
  records: readonly { readonly seeds: readonly Pick<SharpnessSeed, "unconverged" | "loss">[] }[],
): string[] {
  const points = records.flatMap(({ seeds }) => seeds).filter(({ loss }) => loss !== null);
  const names = { topEigenvalue: "top eigenvalues", trace: "traces", eigenvalues: "spectra" } as const;
  const meanings = {
    topEigenvalue: "they are lower bounds",
    trace: "their standard error is above 5 %",
    eigenvalues: "their residuals are above 0.1 % of the largest modulus",
  } as const;
  return (Object.keys(names) as (keyof typeof names)[]).flatMap((measure) => {
    const count = points.filter(({ unconverged }) => unconverged?.includes(measure)).length;
    return count === 0
      ? []
      : [`${count} of ${points.length} ${names[measure]} had not converged: ${meanings[measure]}.`];
  });
}
