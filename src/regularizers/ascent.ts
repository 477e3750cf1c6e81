import type { Vector } from "../kernels/types.ts";
import { norm } from "../kernels/vector.ts";
import type { Key } from "../random/key.ts";
import { checkVector } from "../tasks/check-vectors.ts";
import type { Known, Objective } from "../tasks/types.ts";
import type { Regularizer } from "./types.ts";

/** The plain gradient, and a second evaluation one ascent step away. */
export const ASCENT_COST: Regularizer["cost"] = {
  lossAndGradient: { gradients: 2, losses: 0 },
  loss: { gradients: 1, losses: 1 },
};

/** Keeps a nearly vanishing direction from becoming an infinite step; the constant of the released SAM code. */
const EPSILON = 1e-12;

/**
 * The factor that turns a direction into a step of length `rho`: ρ/(‖d‖+1e-12), 0 where the direction or ρ is
 * zero, NaN where the direction has no finite length.
 */
export function ascentFactor(rho: number, direction: Vector): number {
  if (rho === 0) return 0;
  const length = norm(direction);
  if (length === 0) return 0;
  return length < Infinity ? rho / (length + EPSILON) : NaN;
}

/**
 * Plain loss and gradient: the caller's if it has them, otherwise evaluated into `buffer`. The gradient that
 * comes back must not be modified.
 *
 * @throws {LowlandError} E_SHAPE if a vector does not fit the objective's layout
 */
export function plainAt(
  objective: Objective,
  params: Vector,
  batch: Key,
  buffer: Vector,
  known: Known | undefined,
): Known {
  checkVector("params", params, objective.layout);
  if (known !== undefined) checkVector("known.gradient", known.gradient, objective.layout, params);
  return known ?? { loss: objective.lossAndGradient(params, batch, buffer), gradient: buffer };
}

/** Hands a plain evaluation on as the result: what every regularizer does where its perturbation is zero. */
export function passOn(plain: Known, gradient: Vector): number {
  if (plain.gradient === gradient) return plain.loss;
  checkVector("gradient", gradient, { size: plain.gradient.length }, plain.gradient);
  gradient.set(plain.gradient);
  return plain.loss;
}
