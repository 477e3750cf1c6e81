import { withScratch } from "../kernels/scratch.ts";
import { addScaled } from "../kernels/vector.ts";
import { type Settings, settle } from "../spec.ts";
import { frozenAt } from "../tasks/types.ts";
import { ASCENT_COST, ascentFactor, passOn, plainAt } from "./ascent.ts";
import { PLAIN_COST, type Regularizer } from "./types.ts";

/** Settings of `sam`. */
export const samParameters = {
  rho: { default: 0.05, min: 0, description: "radius of the ascent step" },
} as const;

/**
 * Sharpness-aware minimization: the loss one ascent step away.
 *
 * e = ρ g/(‖g‖+1e-12), held constant; value L(w+e), gradient ∇L(w+e). Two gradients, one if the plain gradient
 * is known; the value alone takes a forward pass instead of the second. ρ = 0 is the plain objective, bit for bit.
 *
 * @param options `rho` ≥ 0, default 0.05, in units of the parameters' L2 norm
 * @throws LowlandError `E_CONFIG` if a setting is out of range
 * @example
 * const regularized = sam({ rho: 0.1 }).apply(task.objective());
 * @see Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization", 2021
 */
export function sam(options: Partial<Settings<typeof samParameters>> = {}): Regularizer {
  const settings = settle("regularizer sam", samParameters, options);
  const { rho } = settings;
  return {
    name: "sam",
    label: "SAM",
    settings,
    lowers: "maxLoss",
    cost: rho === 0 ? PLAIN_COST : ASCENT_COST,
    apply(objective) {
      return {
        layout: objective.layout,
        loss(params, batch, known) {
          if (rho === 0) return objective.loss(params, batch, known);
          return withScratch(params, 1, ([perturbed]) => {
            const plain = plainAt(objective, params, batch, perturbed!, known);
            const factor = ascentFactor(rho, plain.gradient);
            if (factor === 0) return plain.loss;
            addScaled(params, factor, plain.gradient, perturbed!);
            return frozenAt(objective, params, batch).loss(perturbed!, batch);
          });
        },
        lossAndGradient(params, batch, gradient, known) {
          const plain = plainAt(objective, params, batch, gradient, known);
          const factor = ascentFactor(rho, plain.gradient);
          if (factor === 0) return passOn(plain, gradient);
          return withScratch(params, 1, ([perturbed]) => {
            addScaled(params, factor, plain.gradient, perturbed!);
            return frozenAt(objective, params, batch).lossAndGradient(perturbed!, batch, gradient);
          });
        },
      };
    },
  };
}
