import { LowlandError } from "../../errors.ts";
import type { Vector } from "../../kernels/types.ts";
import { norm } from "../../kernels/vector.ts";
import {
  type ChoiceParameter,
  type NumberParameter,
  type Settings,
  settle,
  type TextParameter,
} from "../../spec.ts";
import { slotsNamed } from "../slots.ts";
import { around, type Combinator } from "./combinator.ts";

export const projectParameters: {
  readonly onto: ChoiceParameter;
  readonly min: NumberParameter;
  readonly max: NumberParameter;
  readonly radius: NumberParameter;
  readonly slots: TextParameter;
} = {
  onto: { default: "box", choices: ["box", "ball", "simplex"], description: "set of feasible parameters" },
  min: { default: -1, description: "least entry of the box" },
  max: { default: 1, description: "largest entry of the box" },
  radius: { default: 1, exclusiveMin: 0, description: "radius of the ball; sum of the simplex" },
  slots: { default: "all", description: "parameters that are constrained, each tensor by itself" },
};

/**
 * Projects the point that a step leads to onto a set C, tensor by tensor: u ← P_C(w + u) − w, with C the box
 * [min, max]ⁿ, the ball ‖w‖₂ ≤ radius, or the simplex w ≥ 0, Σw = radius. Feasible to the rounding of w + u.
 *
 * @param options `onto`, `min`, `max`, `radius`; `slots` as in `slotsNamed`
 * @throws {LowlandError} E_CONFIG if the box is empty
 */
export function project(options: Partial<Settings<typeof projectParameters>> = {}): Combinator {
  const settings = settle("combinator project", projectParameters, options);
  const { onto, min, max, radius } = settings;
  if (min > max) {
    throw new LowlandError("E_CONFIG", `combinator project has min ${min} above max ${max}; exchange them`);
  }
  const projection: Record<string, (point: Float64Array) => void> = {
    box: (point) => ontoBox(point, min, max),
    ball: (point) => ontoBall(point, radius),
    simplex: (point) => ontoSimplex(point, radius),
  };
  return (optimizer) =>
    around(optimizer, {
      name: "project",
      settings,
      reads: { params: true },
      check: (layout) => void slotsNamed(settings.slots, layout),
      update(inner, gradient, state, context, update) {
        inner.update(gradient, state, context, update);
        for (const { offset, size } of slotsNamed(settings.slots, state.layout)) {
          const params = context.params.subarray(offset, offset + size);
          redirect(params, update.subarray(offset, offset + size), projection[onto]!);
        }
      },
    });
}

/** u ← P(w + u) − w; entries that P leaves alone keep their bits. */
function redirect(params: Vector, update: Vector, projection: (point: Float64Array) => void): void {
  const wanted = Float64Array.from(params, (entry, i) => entry + update[i]!);
  const point = wanted.slice();
  projection(point);
  for (let i = 0; i < point.length; i++) {
    if (point[i] !== wanted[i]) update[i] = point[i]! - params[i]!;
  }
}

function ontoBox(point: Float64Array, min: number, max: number): void {
  for (let i = 0; i < point.length; i++) {
    if (point[i]! < min) point[i] = min;
    else if (point[i]! > max) point[i] = max;
  }
}

function ontoBall(point: Float64Array, radius: number): void {
  const length = norm(point);
  if (!(length > radius)) return;
  for (let i = 0; i < point.length; i++) point[i]! *= radius / length;
}

/** max(0, w − θ) with the θ at which the entries sum to the radius. (Duchi et al., 2008, figure 1.) */
function ontoSimplex(point: Float64Array, radius: number): void {
  if (point.some(Number.isNaN)) {
    point.fill(Number.NaN);
    return;
  }
  let sum = 0;
  let threshold = 0;
  for (const [i, entry] of point.slice().sort().reverse().entries()) {
    sum += entry;
    if (entry > (sum - radius) / (i + 1)) threshold = (sum - radius) / (i + 1);
  }
  for (let i = 0; i < point.length; i++) point[i] = Math.max(0, point[i]! - threshold);
}
