import { candidatesOf } from "../evaluation/candidates.ts";
import { groupOf, methodOf } from "../evaluation/method-id.ts";
import type { MethodId } from "../evaluation/results.ts";
import { type MetaConfigInput, resolveMetaConfig } from "../meta/config.ts";
import { parseSpec } from "../spec.ts";
import { CELO2_META, CELO2_RATES, type LearnedFamily, smallTasks } from "./families.ts";
import type { Plan, PlannedOptimizer } from "./plan.ts";

/** What can be set of the quick experiment. */
export interface QuickOptions {
  readonly family?: LearnedFamily;
  readonly seeds?: number;
  /** What meta-training does otherwise: another architecture, another estimator. */
  readonly meta?: Partial<MetaConfigInput>;
}

/** What differs between the quick experiments of the families. */
type Kind = Pick<Plan, "learnedRates" | "baselines" | "tuning" | "tasks" | "steps" | "sharpness"> & {
  readonly meta: MetaConfigInput;
  /** In the meta-objective. */
  readonly regularizer: string;
  /** What the learned optimizers are compared with. */
  readonly optimizer: string;
};

const TITLE = "Does a SAM-regularized learned optimizer find flatter ground? The quick experiment";
/** Learning rates that each optimizer may choose from. */
const CANDIDATES = 5;

/**
 * Celo2-base by PES on the embedded 8×8 images, on 28×28 images and networks that it never saw. Its learning rate is chosen
 * on meta-validation, among as many as AdamW's; both fall along a cosine.
 */
const tensorwise: Kind = {
  meta: {
    ...CELO2_META,
    tasks: smallTasks(["synthetic-digits", "synthetic-textures"]),
    schedule: "log-uniform:50,500",
    outerSteps: 400,
    checkpointEvery: 100,
  },
  regularizer: "sam:rho=0.1",
  optimizer: "adamw",
  learnedRates: { rates: CELO2_RATES, schedules: ["cosine"], count: CANDIDATES },
  baselines: [adamw("none"), adamw("sam:rho=0.05")],
  tuning: { seeds: [1000] },
  tasks: ["synthetic-digits/mlp", "synthetic-digits/mlp-relu", "synthetic-digits/mlp-relu:hidden=32,depth=2"],
  steps: [500],
  sharpness: { radii: [0.05], examples: 1000, ascentSteps: 10, restarts: 1 },
};

/** The paper's LSTM by truncated backpropagation, at home. */
const coordinatewise: Kind = {
  meta: {
    tasks: ["synthetic-digits/mlp"],
    outerSteps: 200,
    validationSeeds: 2,
    // of the outer optimizers the one that is ahead after a few hundred windows
    outerOptimizer: "adam",
    outerLearningRate: 3e-3,
    clipNorm: 1,
  },
  regularizer: "sam:rho=0.05",
  optimizer: "adam",
  baselines: [
    { method: handDesigned("adam", "none"), candidates: ["adam:lr=0.01"] },
    { method: handDesigned("adam", "sam"), candidates: ["adam:lr=0.01+sam:rho=0.05"] },
  ],
  tasks: ["synthetic-digits/mlp"],
  steps: [100, 200],
  sharpness: { radii: [0.005, 0.05, 0.1], examples: 2000, steps: [100] },
};

const KINDS: Readonly<Record<LearnedFamily, Kind>> = {
  celo2: tensorwise,
  lstm: coordinatewise,
  rnnprop: { ...coordinatewise, meta: { ...coordinatewise.meta, learned: "rnnprop" } },
};

/**
 * The quick experiment: on embedded data, a plain and a SAM-regularized learned optimizer against a hand-designed one with
 * and without explicit SAM. A few minutes on two cores.
 */
export function quickPlan({ family = "celo2", seeds = 5, meta = {} }: QuickOptions = {}): Plan {
  const { meta: own, regularizer: regularized, optimizer, ...kind } = KINDS[family];
  const config = (regularizer: string): MetaConfigInput => ({ ...own, ...meta, regularizer });
  const learned = (regularizer: string) => groupOf(methodOf(resolveMetaConfig(config(regularizer))));
  const hand = (regularizer: string) => handDesigned(optimizer, regularizer);
  return {
    kind: "reproduce-quick",
    title: TITLE,
    search: [],
    metaRuns: [
      { folder: family, config: config("none") },
      { folder: `${family}-sam`, config: config(regularized) },
    ],
    adopted: [],
    searched: [],
    ...kind,
    seeds: Array.from({ length: seeds }, (_, seed) => seed),
    comparisons: [
      { candidate: learned("sam"), baseline: learned("none") },
      { candidate: hand("sam"), baseline: hand("none") },
      { candidate: learned("none"), baseline: hand("none") },
      { candidate: learned("sam"), baseline: hand("sam") },
    ],
  };
}

/** AdamW under a cosine, with learning rates on either side of its best ones. */
function adamw(spec: string): PlannedOptimizer {
  const space = {
    optimizer: "adamw",
    rates: [0.003, 0.1],
    regularizers: [spec],
    schedules: ["cosine"],
  } as const;
  return {
    method: handDesigned("adamw", parseSpec(spec).name),
    candidates: candidatesOf(space, CANDIDATES),
  };
}

function handDesigned(optimizer: string, regularizer: string): MethodId {
  return { optimizer, regularizer };
}
