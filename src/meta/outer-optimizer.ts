import { LowlandError } from "../errors.ts";
import { optimizers } from "../optimizers/registry.ts";
import type { Optimizer } from "../optimizers/types.ts";
import { buildSpec, formatSpec, parseSpec } from "../spec.ts";
import type { MetaConfig } from "./config.ts";

/**
 * The optimizer of φ.
 *
 * @throws {LowlandError} E_CONFIG for an unknown optimizer, and where the spec string holds a learning rate itself
 */
export function outerOptimizerOf({
  outerOptimizer,
  outerLearningRate,
}: Pick<MetaConfig, "outerOptimizer" | "outerLearningRate">): Optimizer {
  const { name, settings } = parseSpec(outerOptimizer);
  if ("lr" in settings) {
    throw new LowlandError(
      "E_CONFIG",
      `outerOptimizer ${outerOptimizer} holds a learning rate; give it as outerLearningRate`,
    );
  }
  const spec = formatSpec({ name, settings: { ...settings, lr: outerLearningRate } });
  return buildSpec(spec, "outer optimizer", optimizers);
}
