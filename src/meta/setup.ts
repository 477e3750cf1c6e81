import type { StoreOptions } from "../data/datasets.ts";
import { learnedOptimizers } from "../learned/registry.ts";
import type { LearnedOptimizer } from "../learned/types.ts";
import { loadRegularizer } from "../regularizers/load.ts";
import { buildSpec } from "../spec.ts";
import { loadTask } from "../tasks/registry.ts";
import type { MetaConfig } from "./config.ts";
import { openWindowRunner, type WindowRunner } from "./window.ts";

/** The architecture a configuration names. */
export function learnedOf(config: Pick<MetaConfig, "learned">): LearnedOptimizer {
  return buildSpec(config.learned, "learned optimizer", learnedOptimizers);
}

/** Loads what a configuration names and opens a runner for it in this thread. */
export async function openRunnerOf(config: MetaConfig, options: StoreOptions = {}): Promise<WindowRunner> {
  const learned = learnedOf(config);
  const regularizer = await loadRegularizer(config.regularizer);
  const tasks = [];
  for (const name of config.tasks) tasks.push(await loadTask(name, options));
  return openWindowRunner({
    tasks,
    learned,
    regularizer: regularizer.apply,
    truncation: config.truncation,
    metaLossBatch: config.metaLossBatch,
    activations: config.activations,
  });
}
