import type { StoreOptions } from "../data/datasets.ts";
import { LowlandError } from "../errors.ts";
import { learnedOptimizers } from "../learned/registry.ts";
import type { LearnedOptimizer } from "../learned/types.ts";
import { optimizers } from "../optimizers/registry.ts";
import type { Optimizer } from "../optimizers/types.ts";
import { loadRegularizer } from "../regularizers/load.ts";
import { buildSpec, formatSpec, parseSpec } from "../spec.ts";
import { loadTask } from "../tasks/load.ts";
import type { Task } from "../tasks/types.ts";
import type { MetaConfig } from "./config.ts";
import { openWindowRunner, type WindowRunner } from "./window.ts";

/** The architecture a configuration names. */
export function learnedOf(config: Pick<MetaConfig, "learned">): LearnedOptimizer {
  return buildSpec(config.learned, "learned optimizer", learnedOptimizers);
}

/**
 * The optimizer of φ with its learning rate at an outer step, which falls linearly to the share `outerDecay`.
 *
 * @throws {LowlandError} E_CONFIG for an unknown optimizer, and where the spec string holds a learning rate itself
 */
export function outerOptimizerOf(
  { outerOptimizer, outerLearningRate, outerDecay, outerSteps }: MetaConfig,
  outerStep = 0,
): Optimizer {
  const { name, settings } = parseSpec(outerOptimizer);
  if ("lr" in settings) {
    throw new LowlandError(
      "E_CONFIG",
      `outerOptimizer ${outerOptimizer} holds a learning rate; give it as outerLearningRate`,
    );
  }
  const lr = outerLearningRate * (1 - (1 - outerDecay) * (outerStep / outerSteps));
  return buildSpec(formatSpec({ name, settings: { ...settings, lr } }), "outer optimizer", optimizers);
}

/** Loads what a configuration names and opens a runner for it in this thread; closing it closes the tasks. */
export async function openRunnerOf(config: MetaConfig, options: StoreOptions = {}): Promise<WindowRunner> {
  const learned = learnedOf(config);
  const regularizer = await loadRegularizer(config.regularizer);
  const tasks: Task[] = [];
  for (const name of config.tasks) tasks.push(await loadTask(name, options));
  const runner = openWindowRunner({
    tasks,
    learned,
    regularizer: regularizer.apply,
    truncation: config.truncation,
    metaLossBatch: config.metaLossBatch,
    activations: config.activations,
  });
  return {
    ...runner,
    close() {
      runner.close();
      for (const task of tasks) task.close?.();
    },
  };
}
