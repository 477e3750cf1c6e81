import { LowlandError } from "../errors.ts";
import { withScratch } from "../kernels/scratch.ts";
import type { Vector } from "../kernels/types.ts";
import { addScaled, axpy, norm, scale } from "../kernels/vector.ts";
import { foldIn, type Key, normal } from "../random/key.ts";
import { hessianVectorProducts } from "../regularizers/hvp.ts";
import { checkVector } from "../tasks/check-vectors.ts";
import { frozenAt, type Objective } from "../tasks/types.ts";

/** What projected gradient ascent can maximize. */
export type PgaQuantity = "loss" | "gradientNorm";

/** Settings of one ascent. */
export interface AscentOptions {
  readonly quantity: PgaQuantity;
  /** Radius ρ of the L2 ball, in units of the parameters. */
  readonly radius: number;
  /** Draws the direction of the starting point, and is the batch key of every evaluation. */
  readonly key: Key;
  /** Default 20. */
  readonly steps?: number;
}

/** Settings of `pga`. */
export interface PgaOptions extends AscentOptions {
  /** Ascents from different starting points, default 3. */
  readonly restarts?: number;
}

/** The start lies this fraction of the radius away from the centre: off it, because ascent may be stuck there. */
const START = 1e-3;

/** Steps of 2.5ρ/steps can cross the whole ball, and still settle on its surface. */
const REACH = 2.5;

/**
 * Prepares single ascents of an objective.
 *
 * d₀ random with ‖d₀‖ = ρ/1000; d ← Π(d + 2.5ρ/steps · a/‖a‖), Π the projection on ‖d‖ ≤ ρ, a = ∇L(w+d) for the
 * loss and H(w+d) g(w+d) for the gradient norm. Returns the largest value met, the start included; NaN if one
 * was NaN. Costs steps+1 gradients and, for the gradient norm, `steps` Hessian-vector products.
 */
export function ascents(objective: Objective): (params: Vector, options: AscentOptions) => number {
  const timesHessian = hessianVectorProducts(objective);
  return (params, { quantity, radius, key, steps = 20 }) => {
    checkVector("params", params, objective.layout);
    checkCount("steps", steps);
    if (!(radius > 0 && radius < Infinity)) {
      throw new LowlandError("E_CONFIG", `radius is ${radius}; give a finite number > 0`);
    }
    return withScratch(params, 4, (vectors) => {
      const [displacement, point, gradient, product] = vectors as [Vector, Vector, Vector, Vector];
      normal(key, displacement);
      scale((START * radius) / norm(displacement), displacement);

      let best = -Infinity;
      for (let step = 0; ; step++) {
        addScaled(params, 1, displacement, point);
        const loss = objective.lossAndGradient(point, key, gradient);
        best = Math.max(best, quantity === "loss" ? loss : norm(gradient));
        if (step === steps) return best;

        let direction = gradient;
        if (quantity === "gradientNorm") {
          timesHessian(point, key, gradient, product);
          direction = product;
        }
        const length = norm(direction);
        if (length === 0) return best;
        axpy((REACH * radius) / steps / length, direction, displacement);
        const distance = norm(displacement);
        if (distance > radius) scale(radius / distance, displacement);
      }
    });
  };
}

/**
 * Projected gradient ascent: the largest loss or gradient norm found within `radius` of `params`, a lower bound
 * of the true maximum, statistics over the minibatch held at what they are at `params`. Restart r draws its start from `foldIn(key, r)`.
 *
 * @param objective usually `task.fixedObjective(...)`: the maximum is over parameters at one fixed set
 * @throws LowlandError `E_SHAPE` if `params` does not fit the layout; `E_CONFIG` if radius, steps or restarts are not positive
 * @example
 * pga(task.fixedObjective({ count: 5000 }), params, { quantity: "loss", radius: 0.05, key: key(0) });
 */
export function pga(objective: Objective, params: Vector, options: PgaOptions): number {
  const { restarts = 3, key, ...rest } = options;
  checkCount("restarts", restarts);
  const ascend = ascents(frozenAt(objective, params, key));
  let best = -Infinity;
  for (let r = 0; r < restarts; r++) best = Math.max(best, ascend(params, { ...rest, key: foldIn(key, r) }));
  return best;
}

/** Refuses a number of repetitions that is not a positive integer. */
export function checkCount(name: string, count: number): void {
  if (!(Number.isSafeInteger(count) && count > 0)) {
    throw new LowlandError("E_CONFIG", `${name} is ${count}; give an integer of at least 1`);
  }
}
