import { withScratch } from "../kernels/scratch.ts";
import type { Vector } from "../kernels/types.ts";
import { addScaled, norm } from "../kernels/vector.ts";
import type { Key } from "../random/key.ts";
import { type Settings, settle } from "../spec.ts";
import { frozenAt } from "../tasks/types.ts";
import { ascentFactor, passOn, plainAt } from "./ascent.ts";
import { type HessianVectorProduct, hessianVectorProducts } from "./hvp.ts";
import { PLAIN_COST, type Regularizer } from "./types.ts";

/** Settings of `gam`. */
export const gamParameters = {
  rho: { default: 0.2, min: 0, description: "radius in which the largest gradient norm is sought" },
  alpha: { default: 1, description: "weight of the gradient norm" },
} as const;

/**
 * Gradient-norm aware minimization, as the paper defines it: adds the largest gradient norm nearby to the loss.
 *
 * f = H(w) g/‖g‖; w' = w + ρ f/‖f‖, held constant; h = ρ H(w') g(w')/‖g(w')‖; gradient g + α h; value
 * L + α ρ ‖g(w')‖. Two gradients and two Hessian-vector products: six gradients, five if the plain gradient is
 * known; the value alone takes one product less.
 *
 * @param options `rho` ≥ 0, default 0.2; `alpha`, default 1
 * @throws LowlandError `E_CONFIG` if a setting is out of range
 * @see Zhang et al., "Gradient Norm Aware Minimization Seeks First-Order Flatness and Improves Generalization", 2023
 */
export function gam(options: Partial<Settings<typeof gamParameters>> = {}): Regularizer {
  const settings = settle("regularizer gam", gamParameters, options);
  const { rho, alpha } = settings;
  const off = rho === 0 || alpha === 0;
  return {
    name: "gam",
    label: "GAM",
    settings,
    lowers: "maxGradientNorm",
    cost: off
      ? PLAIN_COST
      : { lossAndGradient: { gradients: 6, losses: 0 }, loss: { gradients: 4, losses: 0 } },
    apply(objective) {
      /** Writes w' and g(w'), and returns the Hessian-vector products near w. */
      const ascend = (
        params: Vector,
        batch: Key,
        gradient: Vector,
        { perturbed, there }: { perturbed: Vector; there: Vector },
      ): HessianVectorProduct => {
        const near = frozenAt(objective, params, batch);
        const timesHessian = hessianVectorProducts(near);
        // Only the direction of f matters, so g stands in for g/‖g‖.
        timesHessian(params, batch, gradient, there);
        addScaled(params, ascentFactor(rho, there), there, perturbed);
        near.lossAndGradient(perturbed, batch, there);
        return timesHessian;
      };
      return {
        layout: objective.layout,
        loss(params, batch, known) {
          if (off) return objective.loss(params, batch, known);
          return withScratch(params, 3, (vectors) => {
            const [own, there, perturbed] = vectors as [Vector, Vector, Vector];
            const plain = plainAt(objective, params, batch, own, known);
            if (norm(plain.gradient) === 0) return plain.loss;
            ascend(params, batch, plain.gradient, { perturbed, there });
            return plain.loss + alpha * rho * norm(there);
          });
        },
        lossAndGradient(params, batch, gradient, known) {
          return withScratch(params, 3, (vectors) => {
            const [own, there, perturbed] = vectors as [Vector, Vector, Vector];
            const plain = plainAt(objective, params, batch, own, known);
            if (off || norm(plain.gradient) === 0) return passOn(plain, gradient);
            const timesHessian = ascend(params, batch, plain.gradient, { perturbed, there });
            timesHessian(perturbed, batch, there, gradient);
            addScaled(plain.gradient, alpha * ascentFactor(rho, there), gradient, gradient);
            return plain.loss + alpha * rho * norm(there);
          });
        },
      };
    },
  };
}
