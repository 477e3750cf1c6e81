import { withScratch } from "../kernels/scratch.ts";
import type { Vector } from "../kernels/types.ts";
import { addScaled, axpy, dot, scale } from "../kernels/vector.ts";
import type { Key } from "../random/key.ts";
import { type Settings, settle } from "../spec.ts";
import { frozenAt, type Objective } from "../tasks/types.ts";
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

type Work = [own: Vector, g1: Vector, g2: Vector, center: Vector, perturbed: Vector];

/**
 * GAM as its authors released it: four gradients instead of Hessian-vector products, and not the paper's formula.
 *
 * g0 = ∇L(w); g1 = ∇L(w+ρ'g0/‖g0‖); w' = w+ρ(g1−g0)/‖g1−g0‖; g2 = ∇L(w'); g3 = ∇L(w'+ρ'g2/‖g2‖);
 * P = g0+|1−β|g2; G = αg1+(1−α)g3; gradient G − γ(P − proj_G P); value αL1+(1−α)L3, whose gradient is G. Three
 * gradients if the plain one is known; the value alone takes a forward pass instead of the last.
 *
 * @param options `rho` ≥ 0, default 0.2; `rhoPrime` ≥ 0, default 0.03; `beta`, default 0.1; `alpha`, default 0.1;
 * `gamma`, default 0.05
 * @throws LowlandError `E_CONFIG` if a setting is out of range
 * @see Zhang et al., "Gradient Norm Aware Minimization Seeks First-Order Flatness and Improves Generalization", 2023, released code
 */
export function gamFd(options: Partial<Settings<typeof gamFdParameters>> = {}): Regularizer {
  const settings = settle("regularizer gam-fd", gamFdParameters, options);
  const { rho, rhoPrime, beta, alpha, gamma } = settings;
  /** Writes g1, g2 and the point of g3, and returns L1. */
  const ascend = (
    near: Objective,
    params: Vector,
    batch: Key,
    g0: Vector,
    [g1, g2, center, perturbed]: [Vector, Vector, Vector, Vector],
  ): number => {
    addScaled(params, ascentFactor(rhoPrime, g0), g0, perturbed);
    const loss1 = near.lossAndGradient(perturbed, batch, g1);
    addScaled(g1, -1, g0, center);
    addScaled(params, ascentFactor(rho, center), center, center);
    near.lossAndGradient(center, batch, g2);
    addScaled(center, ascentFactor(rhoPrime, g2), g2, perturbed);
    return loss1;
  };
  return {
    name: "gam-fd",
    // GAM as its authors released it: what is used on a hand-designed optimizer is this one
    label: "GAM",
    settings,
    lowers: "maxGradientNorm",
    cost: { lossAndGradient: { gradients: 4, losses: 0 }, loss: { gradients: 3, losses: 1 } },
    apply(objective) {
      return {
        layout: objective.layout,
        loss(params, batch, known) {
          return withScratch(params, 5, (vectors) => {
            const [own, ...others] = vectors as Work;
            const plain = plainAt(objective, params, batch, own, known);
            if (dot(plain.gradient, plain.gradient) === 0) return plain.loss;
            const near = frozenAt(objective, params, batch);
            const loss1 = ascend(near, params, batch, plain.gradient, others);
            return alpha * loss1 + (1 - alpha) * near.loss(others[3], batch);
          });
        },
        lossAndGradient(params, batch, gradient, known) {
          return withScratch(params, 5, (vectors) => {
            const [own, ...others] = vectors as Work;
            const [g1, g2, , perturbed] = others;
            const plain = plainAt(objective, params, batch, own, known);
            const g0 = plain.gradient;
            if (dot(g0, g0) === 0) return passOn(plain, gradient);
            const near = frozenAt(objective, params, batch);
            const loss1 = ascend(near, params, batch, g0, others);
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
