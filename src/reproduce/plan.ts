import type { Job, NamedMethod } from "../evaluation/jobs.ts";
import type { MetaConfigInput } from "../meta/config.ts";

/** One meta-training run of an experiment. */
export interface PlannedMetaRun {
  /** Display name, and of the optimizer it gives: `LSTM + SAM`. */
  readonly name: string;
  /** Folder of its run directory, under the experiment's. */
  readonly folder: string;
  readonly config: MetaConfigInput;
}

/** A whole experiment: what is meta-trained, what is compared with it, on what, and which pairs are tested. */
export interface Plan {
  readonly kind: "reproduce-quick" | "reproduce-paper";
  readonly title: string;
  readonly metaRuns: readonly PlannedMetaRun[];
  readonly baselines: readonly NamedMethod[];
  readonly tasks: readonly string[];
  readonly steps: readonly number[];
  readonly seeds: readonly number[];
  readonly sharpness: NonNullable<Job["sharpness"]>;
  /** [candidate, baseline], by display name. */
  readonly comparisons: readonly (readonly [string, string])[];
}

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
    outerLearningRate: 3e-3, // three times the default: a short run that need not settle
  });
  return {
    kind: "reproduce-quick",
    title: "Does a SAM-regularized learned optimizer find flatter ground? The quick experiment",
    metaRuns: [
      { name: "LSTM", folder: "lstm", config: config("none") },
      { name: "LSTM + SAM", folder: "lstm-sam", config: config("sam:rho=0.05") },
    ],
    baselines: [
      { name: "Adam", spec: "adam:lr=0.01" },
      { name: "Adam + SAM", spec: "adam:lr=0.01+sam:rho=0.05" },
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
