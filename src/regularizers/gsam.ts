import { withScratch } from "../kernels/scratch.ts";
import type { Vector } from "../kernels/types.ts";
import { addScaled, axpy, dot, scale } from "../kernels/vector.ts";
import { type Settings, settle } from "../spec.ts";
import { frozenAt } from "../tasks/types.ts";
import { ASCENT_COST, ascentFactor, passOn, plainAt } from "./ascent.ts";
import { PLAIN_COST, type Regularizer } from "./types.ts";

/** Settings of `gsam`. */
export const gsamParameters = {
  rho: { default: 0.05, min: 0, description: "radius of the ascent step" },
  alpha: { default: 0.4, description: "weight of the surrogate gap" },
} as const;

/**
 * Surrogate-gap guided SAM: descends the perturbed loss and, orthogonally to it, the gap between perturbed and
 * plain loss.
 *
 * g_p = ∇L(w+e), e SAM's; g_⊥ = g − (g·g_p/‖g_p‖²) g_p; gradient g_p − α g_⊥; value L_p + α(L_p − L). Two
 * gradients, one if the plain gradient is known; the value alone takes a forward pass instead of the second. α = 0 is SAM, bit for bit.
 *
 * @param options `rho` ≥ 0, default 0.05; `alpha`, default 0.4
 * @throws LowlandError `E_CONFIG` if a setting is out of range
 * @see Zhuang et al., "Surrogate Gap Minimization Improves Sharpness-Aware Training", 2022
 */
export function gsam(options: Partial<Settings<typeof gsamParameters>> = {}): Regularizer {
  const settings = settle("regularizer gsam", gsamParameters, options);
  const { rho, alpha } = settings;
  const withGap = (loss: number, plain: number): number =>
    alpha === 0 ? loss : loss + alpha * (loss - plain);
  return {
    name: "gsam",
    label: "GSAM",
    settings,
    lowers: "surrogateGap",
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
            return withGap(frozenAt(objective, params, batch).loss(perturbed!, batch), plain.loss);
          });
        },
        lossAndGradient(params, batch, gradient, known) {
          return withScratch(params, 2, (vectors) => {
            const [perturbed, own] = vectors as [Vector, Vector];
            const plain = plainAt(objective, params, batch, own, known);
            const factor = ascentFactor(rho, plain.gradient);
            if (factor === 0) return passOn(plain, gradient);
            addScaled(params, factor, plain.gradient, perturbed);
            const loss = frozenAt(objective, params, batch).lossAndGradient(perturbed, batch, gradient);
            if (alpha === 0) return loss;
            const squares = dot(gradient, gradient);
            const along = squares === 0 ? 0 : dot(plain.gradient, gradient) / squares;
            scale(1 + alpha * along, gradient);
            axpy(-alpha, plain.gradient, gradient);
            return withGap(loss, plain.loss);
          });
        },
      };
    },
  };
}

/**
 * GSAM's radius schedule: ρ follows the learning rate linearly.
 *
 * ρ = ρ_min + (ρ_max − ρ_min)(lr − lr_min)/(lr_max − lr_min); ρ_max where the learning rate does not vary.
 */
export function gsamRho(options: {
  readonly lr: number;
  readonly lrMin: number;
  readonly lrMax: number;
  readonly rhoMin: number;
  readonly rhoMax: number;
}): number {
  const { lr, lrMin, lrMax, rhoMin, rhoMax } = options;
  if (lrMax === lrMin) return rhoMax;
  return rhoMin + ((rhoMax - rhoMin) * (lr - lrMin)) / (lrMax - lrMin);
}
