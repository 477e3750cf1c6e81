import { withScratch } from "../kernels/scratch.ts";
import type { Layout, Vector } from "../kernels/types.ts";
import { type Settings, settle } from "../spec.ts";
import { frozenAt } from "../tasks/types.ts";
import { ASCENT_COST, passOn, plainAt } from "./ascent.ts";
import { PLAIN_COST, type Regularizer } from "./types.ts";

/** Settings of `asam`. */
export const asamParameters = {
  rho: { default: 0.5, min: 0, description: "radius of the ascent step in rescaled coordinates" },
  eta: { default: 0.01, min: 0, description: "added to |w| so that zero weights still move" },
} as const;

/** Keeps ‖Tg‖ out of the denominator's zero; the constant of the released ASAM code. */
const EPSILON = 1e-16;

/**
 * Adaptive SAM: the ascent step is measured relative to the size of each weight, so that rescaling a layer does
 * not change the sharpness it sees.
 *
 * T = |w|+η on weight slots, 1 on bias slots; e = ρ T²g/(‖Tg‖+1e-16), held constant; value L(w+e), gradient
 * ∇L(w+e). Two gradients, one if the plain gradient is known.
 *
 * @param options `rho` ≥ 0, default 0.5; `eta` ≥ 0, default 0.01
 * @throws LowlandError `E_CONFIG` if a setting is out of range
 * @see Kwon et al., "ASAM: Adaptive Sharpness-Aware Minimization for Scale-Invariant Learning", 2021
 */
export function asam(options: Partial<Settings<typeof asamParameters>> = {}): Regularizer {
  const settings = settle("regularizer asam", asamParameters, options);
  const { rho, eta } = settings;
  return {
    name: "asam",
    label: "ASAM",
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
            const moved = perturb(objective.layout, params, plain.gradient, rho, eta, perturbed!);
            return moved ? frozenAt(objective, params, batch).loss(perturbed!, batch) : plain.loss;
          });
        },
        lossAndGradient(params, batch, gradient, known) {
          const plain = plainAt(objective, params, batch, gradient, known);
          if (rho === 0) return passOn(plain, gradient);
          return withScratch(params, 1, ([perturbed]) => {
            const moved = perturb(objective.layout, params, plain.gradient, rho, eta, perturbed!);
            if (!moved) return passOn(plain, gradient);
            return frozenAt(objective, params, batch).lossAndGradient(perturbed!, batch, gradient);
          });
        },
      };
    },
  };
}

/** Writes w + ρT²g/(‖Tg‖+ε) to `out`; returns false, and leaves it, where Tg = 0. */
function perturb(
  layout: Layout,
  params: Vector,
  gradient: Vector,
  rho: number,
  eta: number,
  out: Vector,
): boolean {
  let squares = 0;
  for (const { kind, offset, size } of layout.slots) {
    for (let i = offset; i < offset + size; i++) {
      const t = kind === "bias" ? 1 : Math.abs(params[i]!) + eta;
      const scaled = t * gradient[i]!;
      squares += scaled * scaled;
    }
  }
  if (squares === 0) return false;
  const factor = squares < Infinity ? rho / (Math.sqrt(squares) + EPSILON) : NaN;
  for (const { kind, offset, size } of layout.slots) {
    for (let i = offset; i < offset + size; i++) {
      const t = kind === "bias" ? 1 : Math.abs(params[i]!) + eta;
      out[i] = params[i]! + factor * t * t * gradient[i]!;
    }
  }
  return true;
}
