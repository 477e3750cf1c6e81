import { LowlandError } from "../errors.ts";
import { formatMethod, makeOptimizer, parseMethod } from "../optimizers/method.ts";
import type { Optimizer } from "../optimizers/types.ts";
import { formatSpec, parseSpec } from "../spec.ts";
import type { MetaConfig } from "./config.ts";

/**
 * The optimizer of φ: `soap:b2=0.98`, `adamw:decay=0.0001+clip:norm=1`. Its horizon is the number of outer steps.
 *
 * @throws {LowlandError} E_CONFIG for an unknown optimizer, and where the spec string holds a learning rate itself
 */
export function outerOptimizerOf({
  outerOptimizer,
  outerLearningRate,
}: Pick<MetaConfig, "outerOptimizer" | "outerLearningRate">): Optimizer {
  const method = parseMethod(outerOptimizer);
  const { name, settings } = parseSpec(method.optimizer);
  if ("lr" in settings) {
    throw new LowlandError(
      "E_CONFIG",
      `outerOptimizer ${outerOptimizer} holds a learning rate; give it as outerLearningRate`,
    );
  }
  const optimizer = formatSpec({ name, settings: { ...settings, lr: outerLearningRate } });
  return makeOptimizer(formatMethod({ ...method, optimizer }));
}
