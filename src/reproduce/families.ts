import type { MetaConfigInput } from "../meta/config.ts";
import type { Budget } from "./paper.ts";
import type { Plan } from "./plan.ts";

/** Kinds of learned optimizers that experiments are planned for, each with what it is meta-trained by. */
export const LEARNED_FAMILIES = ["celo2", "rnnprop", "lstm"] as const;
export type LearnedFamily = (typeof LEARNED_FAMILIES)[number];

/** Networks of 32 ReLU units on 8×8 images: what per-tensor learned optimizers are meta-trained on. */
export function smallTasks(datasets: readonly string[]): string[] {
  return datasets.map((name) => `${name}@8/mlp-relu:hidden=32,batch=64`);
}

/**
 * Celo2-base by persistent evolution strategies. Its own learning rate, at which it is meta-trained, is ten times the
 * default, at which some hundred steps of small networks lead nowhere; σ three times and the outer learning rate many times
 * the published ones, with which a few hundred outer steps lead somewhere.
 */
export const CELO2_META: MetaConfigInput = {
  learned: "celo2-base:lr=0.01",
  estimator: "pes:sigma=0.03,truncation=25",
  objective: "train:over=mean,normalize=clip",
  instances: 16,
  outerOptimizer: "adam",
  outerLearningRate: 5e-3,
  outerDecay: 0.1,
};

/** Learning rates of celo2-base and celo2 in use: the ends of a logarithmic grid. */
export const CELO2_RATES: readonly [number, number] = [5e-4, 0.02];

/** What the paper's experiment does otherwise for a family. */
export interface FamilyPlan {
  /** Tasks of each source. */
  readonly sources?: readonly (readonly string[])[];
  readonly meta: MetaConfigInput;
  readonly learnedRates?: NonNullable<Plan["learnedRates"]>;
}

/** Datasets that celo2-base is meta-trained on, those that a budget's tasks need among them. */
const CELO2_DATASETS: Readonly<Record<Budget, readonly string[]>> = {
  tiny: ["synthetic-digits", "synthetic-textures"],
  hour: ["mnist", "fashion-mnist", "synthetic-textures"],
  day: ["mnist", "fashion-mnist", "cifar-10", "synthetic-textures"],
  full: ["mnist", "fashion-mnist", "cifar-10", "synthetic-textures"],
};

/** Lengths of inner trainings and outer steps of celo2-base, by budget. */
const CELO2_BUDGETS: Readonly<Record<Budget, MetaConfigInput>> = {
  tiny: {
    outerSteps: 4,
    schedule: "log-uniform:5,10",
    estimator: "pes:sigma=0.03,truncation=5",
    instances: 2,
  },
  hour: { outerSteps: 1000, schedule: "log-uniform:50,1000" },
  day: { outerSteps: 20_000, schedule: "log-uniform:100,2000" },
  full: { outerSteps: 100_000, schedule: "log-uniform:100,2000" },
};

/**
 * The paper's experiment with other learned optimizers: RNNprop by backpropagation where the LSTM is, celo2-base by PES on
 * families of small tasks, its rate in use among `count` candidates as the baselines' is.
 */
export function familyPlan(
  family: LearnedFamily,
  budget: Budget,
  { count, schedules }: { readonly count: number; readonly schedules?: readonly string[] | undefined },
): FamilyPlan {
  if (family !== "celo2") return { meta: { learned: family } };
  return {
    sources: [smallTasks(CELO2_DATASETS[budget])],
    meta: { ...CELO2_META, ...CELO2_BUDGETS[budget] },
    learnedRates: { rates: CELO2_RATES, count, ...(schedules && { schedules }) },
  };
}
