import type { MethodId } from "../evaluation/results.ts";
import type { MetaConfigInput } from "../meta/config.ts";
import type { Plan } from "./plan.ts";

/**
 * The quick experiment: on the embedded digits, a plain and a SAM-regularized LSTM optimizer against Adam and
 * Adam + SAM. A few minutes on two cores.
 */
export function quickPlan({
  outerSteps = 200,
  seeds = 5,
}: {
  outerSteps?: number;
  seeds?: number;
} = {}): Plan {
  const task = "synthetic-digits/mlp";
  const learned = (regularizer: string): MethodId => ({ optimizer: "lstm", regularizer, source: task });
  const adam = (regularizer: string): MethodId => ({ optimizer: "adam", regularizer });
  const config = (regularizer: string): MetaConfigInput => ({
    tasks: [task],
    regularizer,
    outerSteps,
    validationSeeds: 2,
    // of the outer optimizers the one that is ahead after a few hundred windows
    outerOptimizer: "adam",
    outerLearningRate: 3e-3,
    clipNorm: 1,
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
