import { withScratch } from "../kernels/scratch.ts";
import type { Vector } from "../kernels/types.ts";
import { addScaled, axpy, norm, scale } from "../kernels/vector.ts";
import type { Key } from "../random/key.ts";
import { type Settings, settle } from "../spec.ts";
import { frozenAt, type Known, type Objective } from "../tasks/types.ts";
import { ascentFactor, passOn, plainAt } from "./ascent.ts";
import { PLAIN_COST, type Regularizer } from "./types.ts";

/** Settings of `pga`. */
export const maxLossParameters = {
  rho: { default: 0.05, min: 0, description: "radius of the ball" },
  steps: { default: 3, min: 1, integer: true, description: "steps of the ascent" },
} as const;

/** Steps of 2.5ρ/steps can cross the whole ball, and still settle on its surface; as in the measure. */
const REACH = 2.5;

/**
 * The largest loss in a ball, sought by projected gradient ascent: what the measure `maxLoss` is, as an objective.
 *
 * d₀ = 0; d ← Π(d + 2.5ρ/steps·g(w+d)/‖g(w+d)‖), Π the projection on ‖d‖ ≤ ρ; value max L(w+d) over all d met,
 * gradient ∇L(w+d*) at the largest, d* a constant (Danskin). One step is SAM. steps + 1 gradients, `steps` if the plain
 * gradient is known; the value alone takes a forward pass instead of the last.
 *
 * @param options `rho` ≥ 0, default 0.05; `steps` ≥ 1, default 3
 * @throws LowlandError `E_CONFIG` if a setting is out of range
 * @see Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", 2018, with parameters for pixels
 */
export function maxLoss(options: Partial<Settings<typeof maxLossParameters>> = {}): Regularizer {
  const settings = settle("regularizer pga", maxLossParameters, options);
  const { rho, steps } = settings;
  const cost = {
    lossAndGradient: { gradients: steps + 1, losses: 0 },
    loss: { gradients: steps, losses: 1 },
  };
  /** Returns the largest loss and, where `gradient` is given, writes the gradient there to it. */
  const climb = (
    near: Objective,
    params: Vector,
    batch: Key,
    plain: Known,
    gradient: Vector | undefined,
  ): number =>
    withScratch(params, 3, (vectors) => {
      const [displacement, point, there] = vectors as [Vector, Vector, Vector];
      displacement.fill(0);
      if (gradient !== undefined) passOn(plain, gradient);
      let best = plain.loss;
      let slope = plain.gradient;
      for (let step = 1; step <= steps; step++) {
        axpy(ascentFactor((REACH * rho) / steps, slope), slope, displacement);
        const distance = norm(displacement);
        if (distance > rho) scale(rho / distance, displacement);
        addScaled(params, 1, displacement, point);
        const alone = step === steps && gradient === undefined;
        const loss = alone ? near.loss(point, batch) : near.lossAndGradient(point, batch, there);
        slope = there;
        if (loss <= best) continue;
        best = loss;
        if (!alone) gradient?.set(there);
        if (Number.isNaN(loss)) break;
      }
      return best;
    });
  return {
    name: "pga",
    label: "max loss",
    settings,
    lowers: "maxLoss",
    cost: rho === 0 ? PLAIN_COST : cost,
    apply(objective) {
      return {
        layout: objective.layout,
        loss(params, batch, known) {
          if (rho === 0) return objective.loss(params, batch, known);
          return withScratch(params, 1, ([own]) => {
            const plain = plainAt(objective, params, batch, own!, known);
            if (norm(plain.gradient) === 0) return plain.loss;
            return climb(frozenAt(objective, params, batch), params, batch, plain, undefined);
          });
        },
        lossAndGradient(params, batch, gradient, known) {
          return withScratch(params, 1, ([own]) => {
            const plain = plainAt(objective, params, batch, own!, known);
            if (rho === 0 || norm(plain.gradient) === 0) return passOn(plain, gradient);
            return climb(frozenAt(objective, params, batch), params, batch, plain, gradient);
          });
        },
      };
    },
  };
}
