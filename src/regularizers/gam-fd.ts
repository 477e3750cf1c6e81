import { withScratch } from "../kernels/scratch.ts";
import type { Vector } from "../kernels/types.ts";
import { addScaled, axpy, dot, scale } from "../kernels/vector.ts";
import { type Settings, settle } from "../spec.ts";
import { frozenAt } from "../tasks/types.ts";
import { ascentFactor, passOn, plainAt } from "./ascent.ts";
import type { Regularizer } from "./types.ts";

/** Settings of `gam-fd`. */
export const gamFdParameters = {
  rho: { default: 0.2, min: 0, description: "radius along the change of the gradient" },
  rhoPrime: { default: 0.03, min: 0, description: "radius of the two inner ascent steps" },
  beta: { default: 0.1, description: "weight of the second plain gradient is |1−beta|" },
  alpha: { default: 0.1, description: "share of the first perturbed gradient" },
  gamma: { default: 0.05, description: "weight of the removed orthogonal part" },
} as const;

/**
 * GAM as its authors released it: four gradients instead of Hessian-vector products, and not the paper's formula.
 *
 * g0 = ∇L(w); g1 = ∇L(w+ρ'g0/‖g0‖); w' = w+ρ(g1−g0)/‖g1−g0‖; g2 = ∇L(w'); g3 = ∇L(w'+ρ'g2/‖g2‖);
 * P = g0+|1−β|g2; G = αg1+(1−α)g3; gradient G − γ(P − proj_G P); value αL1+(1−α)L3, whose gradient is G. Three
 * gradients if the plain one is known.
 *
 * @param options `rho` ≥ 0, default 0.2; `rhoPrime` ≥ 0, default 0.03; `beta`, default 0.1; `alpha`, default 0.1;
 * `gamma`, default 0.05
 * @throws LowlandError `E_CONFIG` if a setting is out of range
 * @see Zhang et al., "Gradient Norm Aware Minimization Seeks First-Order Flatness and Improves Generalization", 2023, released code
 */
export function gamFd(options: Partial<Settings<typeof gamFdParameters>> = {}): Regularizer {
  const settings = settle("regularizer gam-fd", gamFdParameters, options);
  const { rho, rhoPrime, beta, alpha, gamma } = settings;
  return {
    name: "gam-fd",
    settings,
    apply(objective) {
      return {
        layout: objective.layout,
        lossAndGradient(params, batch, gradient, known) {
          return withScratch(params, 5, (vectors) => {
            const [own, g1, g2, center, perturbed] = vectors as [Vector, Vector, Vector, Vector, Vector];
            const plain = plainAt(objective, params, batch, own, known);
            const g0 = plain.gradient;
            if (dot(g0, g0) === 0) return passOn(plain, gradient);
            const near = frozenAt(objective, params, batch);

            addScaled(params, ascentFactor(rhoPrime, g0), g0, perturbed);
            const loss1 = near.lossAndGradient(perturbed, batch, g1);

            addScaled(g1, -1, g0, center);
            addScaled(params, ascentFactor(rho, center), center, center);
            near.lossAndGradient(center, batch, g2);

            addScaled(center, ascentFactor(rhoPrime, g2), g2, perturbed);
            const loss3 = near.lossAndGradient(perturbed, batch, gradient);

            scale(1 - alpha, gradient);
            axpy(alpha, g1, gradient);
            const squares = dot(gradient, gradient);
            addScaled(g0, Math.abs(1 - beta), g2, g2);
            const along = squares === 0 ? 0 : dot(g2, gradient) / squares;
            scale(1 + gamma * along, gradient);
            axpy(-gamma, g2, gradient);
            return alpha * loss1 + (1 - alpha) * loss3;
          });
        },
      };
    },
  };
}
