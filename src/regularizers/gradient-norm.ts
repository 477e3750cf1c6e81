import { withScratch } from "../kernels/scratch.ts";
import type { Vector } from "../kernels/types.ts";
import { addScaled, norm } from "../kernels/vector.ts";
import { type Settings, settle } from "../spec.ts";
import { frozenAt } from "../tasks/types.ts";
import { ascentFactor, passOn, plainAt } from "./ascent.ts";
import { hessianVectorProducts } from "./hvp.ts";
import { PLAIN_COST, type Regularizer } from "./types.ts";

/** Settings of `gradient-norm`. */
export const gradientNormParameters = {
  alpha: { default: 0.05, min: 0, description: "weight of the gradient's norm" },
} as const;

/**
 * Penalty on the gradient's norm: SAM's ascent to first order, and the gradient norm of GAM at the point itself.
 *
 * Value L + α‖g‖; gradient g + α H g/‖g‖. A gradient and a Hessian-vector product: three gradients, two if the plain
 * gradient is known. The value alone is the gradient that is usually known: nothing more to compute.
 *
 * @param options `alpha` ≥ 0, default 0.05: with α = ρ it is SAM with radius ρ to first order in ρ
 * @throws LowlandError `E_CONFIG` if a setting is out of range
 * @see Zhao, Zhang, Hu, "Penalizing Gradient Norm for Efficiently Improving Generalization in Deep Learning", 2022
 */
export function gradientNorm(options: Partial<Settings<typeof gradientNormParameters>> = {}): Regularizer {
  const settings = settle("regularizer gradient-norm", gradientNormParameters, options);
  const { alpha } = settings;
  const cost = { lossAndGradient: { gradients: 3, losses: 0 }, loss: { gradients: 1, losses: 0 } };
  return {
    name: "gradient-norm",
    label: "gradient norm",
    settings,
    lowers: "gradientNorm",
    cost: alpha === 0 ? PLAIN_COST : cost,
    apply(objective) {
      return {
        layout: objective.layout,
        loss(params, batch, known) {
          if (alpha === 0) return objective.loss(params, batch, known);
          return withScratch(params, 1, ([own]) => {
            const plain = plainAt(objective, params, batch, own!, known);
            return plain.loss + alpha * norm(plain.gradient);
          });
        },
        lossAndGradient(params, batch, gradient, known) {
          return withScratch(params, 1, (vectors) => {
            const [own] = vectors as [Vector];
            const plain = plainAt(objective, params, batch, own, known);
            const factor = ascentFactor(alpha, plain.gradient);
            if (factor === 0) return passOn(plain, gradient);
            const timesHessian = hessianVectorProducts(frozenAt(objective, params, batch));
            timesHessian(params, batch, plain.gradient, gradient);
            addScaled(plain.gradient, factor, gradient, gradient);
            return plain.loss + alpha * norm(plain.gradient);
          });
        },
      };
    },
  };
}
