import type { LearnedOptimizer } from "../learned/types.ts";
import type { Optimizer } from "../optimizers/types.ts";
import type { Regularizer } from "../regularizers/types.ts";
import type { TaskFamily } from "../tasks/family.ts";
import type { MetaConfig } from "./config.ts";
import type { MetaObjective } from "./objective.ts";
import type { MetaTraining } from "./outer-loop.ts";
import { regularizerInForce } from "./regularization/registry.ts";
import type { Regularization } from "./regularization/types.ts";
import type { Trained } from "./trained.ts";
import type { Estimator, Schedule } from "./types.ts";

/** What a configuration names, tasks aside, as built objects. */
export interface MetaParts {
  readonly learned: LearnedOptimizer;
  readonly estimator: Estimator;
  readonly regularizer: Regularizer;
  /** What of it changes while meta-training goes on; nothing where missing. */
  readonly regularization?: Regularization | undefined;
  /** The regularizers that a bandit chooses from. */
  readonly arms?: readonly Regularizer[];
  readonly schedule: Schedule;
  readonly objective: MetaObjective;
  readonly teacher: Optimizer | undefined;
  /** The part of φ that is trained; undefined: all of it. */
  readonly trained?: Trained | undefined;
  readonly outerOptimizer: Optimizer;
}

/** Puts the parts of a meta-training run together. */
export function assembleMetaTraining(
  config: MetaConfig,
  {
    learned,
    estimator,
    regularizer,
    regularization,
    arms = [],
    schedule,
    objective,
    teacher,
    trained,
    outerOptimizer,
  }: MetaParts,
  families: readonly TaskFamily[],
): MetaTraining {
  return {
    config,
    estimator,
    outerOptimizer,
    problem: {
      families,
      learned,
      regularizer: regularizer.apply,
      regularization: regularization && {
        rule: regularization,
        arms: arms.length,
        at: (state, moment, observe) =>
          regularizerInForce({ regularizer, arms }, regularization.inForce(state, moment), observe).apply,
      },
      objective,
      teacher,
      imitation: config.imitationShare,
      activations: config.activations,
      trained,
    },
    source: {
      seed: config.seed,
      families: families.length,
      instances: config.instances,
      schedule,
      window: estimator.window,
      wholeWindows: estimator.wholeWindows ?? false,
    },
  };
}
