import type {
  AtLossSeed,
  AtLossSummary,
  Comparison,
  EvaluationSeed,
  EvaluationSummary,
  Measured,
  RadiusMeasure,
  Results,
  SharpnessSeed,
  SharpnessSummary,
} from "./results.ts";
import { estimate, holm, pairedTest } from "./statistics.ts";

const hasDiverged = (seeds: readonly { diverged?: boolean }[]): number =>
  seeds.filter((seed) => seed.diverged === true).length;

/** Means and 95 % intervals of an `EvaluationRecord` over its seeds. */
export function summarizeEvaluation(seeds: readonly EvaluationSeed[]): EvaluationSummary {
  const classified = seeds.some((seed) => seed.testAccuracy !== undefined);
  return {
    seeds: seeds.length,
    diverged: hasDiverged(seeds),
    trainLoss: estimate(seeds.map((seed) => seed.trainLoss)),
    testLoss: estimate(seeds.map((seed) => seed.testLoss)),
    ...(classified && { testAccuracy: estimate(seeds.map((seed) => seed.testAccuracy)) }),
  };
}

/** Means and 95 % intervals of a `SharpnessRecord` over its seeds, by radius in ascending order. */
export function summarizeSharpness(seeds: readonly SharpnessSeed[]): SharpnessSummary {
  const radii = [...new Set(seeds.flatMap((seed) => seed.radii.map((at) => at.radius)))].sort(
    (a, b) => a - b,
  );
  return {
    seeds: seeds.length,
    diverged: hasDiverged(seeds),
    loss: estimate(seeds.map((seed) => seed.loss)),
    gradientNorm: estimate(seeds.map((seed) => seed.gradientNorm)),
    topEigenvalue: estimate(seeds.map((seed) => seed.topEigenvalue)),
    radii: radii.map((radius) => {
      const at = seeds.map((seed) => seed.radii.find((measures) => measures.radius === radius));
      const over = (measure: RadiusMeasure) => estimate(at.map((measures) => measures?.[measure]));
      return {
        radius,
        maxLoss: over("maxLoss"),
        surrogateGap: over("surrogateGap"),
        oneStepGap: over("oneStepGap"),
        maxGradientNorm: over("maxGradientNorm"),
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

/**
 * Paired tests of every [candidate, baseline] pair on every task and number of steps both were run for: test
 * accuracy (test loss where there are no classes), training loss, and, where sharpness was measured, the top
 * eigenvalue and the curvature gap at the largest radius. Holm's correction runs over everything returned.
 *
 * @example
 * compareOptimizers({ evaluations, sharpness }, [["lstm + SAM", "lstm"], ["Adam + SAM", "Adam"]]);
 */
export function compareOptimizers(
  records: Pick<Results, "evaluations" | "sharpness">,
  pairs: readonly (readonly [candidate: string, baseline: string])[],
): Comparison[] {
  const found: Omit<Comparison, "pHolm">[] = [];
  for (const [candidate, baseline] of pairs) {
    for (const [a, b] of matches(records.evaluations, candidate, baseline)) {
      const classified = a.summary.testAccuracy !== undefined;
      for (const measure of [classified ? "testAccuracy" : "testLoss", "trainLoss"] as const) {
        found.push(testPair(a, b, measure, (seed) => seed[measure] ?? null));
      }
    }
    for (const [a, b] of matches(records.sharpness, candidate, baseline)) {
      found.push(testPair(a, b, "topEigenvalue", (seed) => seed.topEigenvalue));
      const radius = a.summary.radii.at(-1)?.radius;
      if (radius === undefined) continue;
      const gap = (seed: SharpnessSeed) =>
        seed.radii.find((at) => at.radius === radius)?.curvatureGap ?? null;
      found.push({ ...testPair(a, b, "curvatureGap", gap), radius });
    }
  }
  const corrected = holm(found.map((comparison) => comparison.p));
  return found.map((comparison, i) => ({ ...comparison, pHolm: corrected[i]! }));
}

interface Located {
  readonly task: string;
  readonly optimizer: string;
  readonly steps: number;
}

function matches<R extends Located>(records: readonly R[], candidate: string, baseline: string): [R, R][] {
  return records
    .filter((record) => record.optimizer === candidate)
    .flatMap((a) => {
      const b = records.find(
        (record) => record.optimizer === baseline && record.task === a.task && record.steps === a.steps,
      );
      return b === undefined ? [] : [[a, b] satisfies [R, R]];
    });
}

function testPair<S extends { readonly seed: number }>(
  candidate: Located & { readonly seeds: readonly S[] },
  baseline: Located & { readonly seeds: readonly S[] },
  measure: string,
  read: (seed: S) => Measured,
): Omit<Comparison, "pHolm"> {
  const shared = candidate.seeds.flatMap((a) => {
    const b = baseline.seeds.find((other) => other.seed === a.seed);
    return b === undefined ? [] : [[read(a), read(b)] as const];
  });
  const test = pairedTest(
    shared.map(([a]) => a),
    shared.map(([, b]) => b),
  );
  const { task, steps } = candidate;
  return { task, steps, measure, candidate: candidate.optimizer, baseline: baseline.optimizer, ...test };
}
