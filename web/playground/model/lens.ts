import { addScaled, key, type Objective, openArena, pga, topEigenvalue } from "../../../src/core.ts";
import type { Plane } from "./plane.ts";
import { RADII } from "./radii.ts";

/** Sharpness at a point of a run. */
export interface SharpnessView {
  readonly step: number;
  readonly topEigenvalue: number;
  /** Largest loss within the radius, less the loss itself. */
  readonly gaps: readonly { readonly radius: number; readonly gap: number }[];
}

/** Losses along one row of a plane: at origin + x·first + y·second. */
export function lossRow(
  objective: Objective,
  { origin, first, second }: Plane,
  xs: readonly number[],
  y: number,
): Float32Array {
  const arena = openArena();
  try {
    const [start, point] = [arena.float32(origin.length), arena.float32(origin.length)];
    addScaled(origin, y, second, start);
    return Float32Array.from(xs, (x) => {
      addScaled(start, x, first, point);
      return objective.loss(point, FIXED);
    });
  } finally {
    arena.close();
  }
}

// fixed sets ignore it
const FIXED = key(0);

/** Top eigenvalue of the Hessian, and what ascent finds in balls around the point. */
export async function sharpnessAt(
  objective: Objective,
  params: Float32Array,
  step: number,
): Promise<SharpnessView> {
  const arena = openArena();
  try {
    const point = arena.float32(params.length);
    point.set(params);
    const loss = objective.loss(point, FIXED);
    const top = await topEigenvalue(objective, point, { key: key(1), maxProducts: 24, tolerance: 0.02 });
    const gaps = RADII.map((radius) => {
      const largest = pga(objective, point, { quantity: "loss", radius, key: key(2), steps: 8, restarts: 1 });
      return { radius, gap: Math.max(0, largest - loss) };
    });
    return { step, topEigenvalue: top.value, gaps };
  } finally {
    arena.close();
  }
}
