import { groupOf, methodOf } from "../evaluation/method-id.ts";
import type { MethodId } from "../evaluation/results.ts";
import { type MetaConfigInput, resolveMetaConfig } from "../meta/config.ts";
import type { Plan } from "./plan.ts";

/**
 * The quick experiment: on the embedded digits, a plain and a SAM-regularized learned optimizer against Adam and
 * Adam + SAM. A few minutes on two cores.
 *
 * @param meta what meta-training does otherwise: another architecture, another estimator
 */
export function quickPlan({
  seeds = 5,
  meta = {},
}: {
  seeds?: number;
  meta?: Partial<MetaConfigInput>;
} = {}): Plan {
  const task = "synthetic-digits/mlp";
  const learned = (regularizer: string) => groupOf(methodOf(resolveMetaConfig(config(regularizer))));
  const adam = (regularizer: string): MethodId => ({ optimizer: "adam", regularizer });
  const config = (regularizer: string): MetaConfigInput => ({
    tasks: [task],
    outerSteps: 200,
    validationSeeds: 2,
    // of the outer optimizers the one that is ahead after a few hundred windows
    outerOptimizer: "adam",
    outerLearningRate: 3e-3,
    clipNorm: 1,
    ...meta,
    regularizer,
  });
  return {
    kind: "reproduce-quick",
    title: "Does a SAM-regularized learned optimizer find flatter ground? The quick experiment",
    search: [],
    metaRuns: [
      { folder: "lstm", config: config("none") },
      { folder: "lstm-sam", config: config("sam:rho=0.05") },
    ],
    adopted: [],
    searched: [],
    baselines: [
      { method: adam("none"), candidates: ["adam:lr=0.01"] },
      { method: adam("sam"), candidates: ["adam:lr=0.01+sam:rho=0.05"] },
    ],
    tasks: [task],
    steps: [100, 200],
    seeds: Array.from({ length: seeds }, (_, seed) => seed),
    sharpness: { radii: [0.005, 0.05, 0.1], examples: 2000, steps: [100] },
    comparisons: [
      { candidate: learned("sam"), baseline: learned("none") },
      { candidate: adam("sam"), baseline: adam("none") },
      { candidate: learned("none"), baseline: adam("none") },
    ],
  };
}
