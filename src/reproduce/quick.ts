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
  const config = (regularizer: string): MetaConfigInput => ({
    tasks: ["synthetic-digits/mlp"],
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
      { name: "LSTM", folder: "lstm", config: config("none") },
      { name: "LSTM + SAM", folder: "lstm-sam", config: config("sam:rho=0.05") },
    ],
    adopted: [],
    searched: [],
    baselines: [
      { name: "Adam", candidates: ["adam:lr=0.01"] },
      { name: "Adam + SAM", candidates: ["adam:lr=0.01+sam:rho=0.05"] },
    ],
    tasks: ["synthetic-digits/mlp"],
    steps: [100, 200],
    seeds: Array.from({ length: seeds }, (_, seed) => seed),
    sharpness: { radii: [0.005, 0.05, 0.1], examples: 2000, steps: [100] },
    comparisons: [
      ["LSTM + SAM", "LSTM"],
      ["Adam + SAM", "Adam"],
      ["LSTM", "Adam"],
    ],
  };
}
