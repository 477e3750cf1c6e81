import { breathe } from "../breathe.ts";
import { LowlandError } from "../errors.ts";
import type { Layout, Vector } from "../kernels/types.ts";
import { addScaled, axpy, norm, scale } from "../kernels/vector.ts";
import { foldIn, type Key, normal } from "../random/key.ts";
import { checkVector } from "../tasks/check-vectors.ts";
import { frozenAt, type Objective } from "../tasks/types.ts";
import { checkCount } from "./pga.ts";
import { openVectors } from "./vectors.ts";

/** The loss along one or two random directions; plain data for JSON. */
export interface Landscape {
  readonly dimensions: 1 | 2;
  /** Multiples of the directions, ascending from −radius to radius: the same on both axes. */
  readonly coordinates: readonly number[];
  /**
   * L(w + aᵢ d₁) in one dimension; L(w + aᵢ d₁ + aⱼ d₂) at place j·points + i in two. Null where not finite.
   */
  readonly losses: readonly (number | null)[];
  /** Losses spent: one a point. */
  readonly lossEvaluations: number;
}

/** Settings of `landscape`. */
export interface LandscapeOptions {
  /** Draws the directions, and is the batch key of every evaluation. */
  readonly key: Key;
  readonly dimensions: 1 | 2;
  /** Largest multiple of a direction, default 1: there the perturbation of every filter is as long as the filter. */
  readonly radius?: number;
  /** Points on each axis, at least 2, an odd number to include w itself; default 51 in one dimension, 25 in two. */
  readonly points?: number;
  /** Called after each point. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** Stops the measurement between two points. */
  readonly signal?: AbortSignal;
}

/**
 * Draws a random direction and scales it filter by filter to the length of the parameters: d_f ← d_f ‖w_f‖/‖d_f‖.
 *
 * A filter is what one output is made by: a row of a dense layer's weights, a filter of a convolution, in general one
 * index of a slot's first axis. Biases and slots of one axis are left at 0, as in the paper.
 *
 * @param params the parameters w, of `layout.size`
 * @param direction takes the direction d, of `layout.size`, in units of the parameters
 * @throws LowlandError `E_SHAPE` if a vector does not fit the layout; `E_CONFIG` if no filter has a weight other than 0
 * @see Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets", §4
 */
export function filterNormalizedDirection(layout: Layout, params: Vector, key: Key, direction: Vector): void {
  checkVector("params", params, layout);
  checkVector("direction", direction, layout, params);
  normal(key, direction);
  for (const { shape, offset, size, kind } of layout.slots) {
    if (kind === "bias" || shape.length < 2) {
      direction.fill(0, offset, offset + size);
      continue;
    }
    const length = size / shape[0]!;
    for (let start = offset; start < offset + size; start += length) {
      const part = direction.subarray(start, start + length);
      const own = norm(params.subarray(start, start + length));
      if (own === 0) part.fill(0);
      else scale(own / norm(part), part);
    }
  }
  if (norm(direction) === 0) {
    throw new LowlandError(
      "E_CONFIG",
      "no slot of two or more axes has a weight other than 0, so no direction can be filter-normalized; give a layout with shaped weights, and a point off the origin",
    );
  }
}

/**
 * The loss around `params` along one or two filter-normalized random directions. Networks whose layers can be rescaled
 * without changing what they compute then have comparable landscapes, which plain random directions do not give.
 *
 * Statistics over a minibatch are held at what they are at `params`. The same key draws the same directions before
 * they are normalized, for every point it is used at.
 *
 * @param objective a fixed set, `task.fixedObjective(...)`, which sums its losses in float64
 * @throws LowlandError `E_SHAPE` if `params` does not fit the layout; `E_CONFIG` for a radius or a number of points
 * that cannot be, or where nothing can be normalized; the signal's reason when raised
 * @example
 * const { coordinates, losses } = await landscape(objective, params, { key: key(0), dimensions: 1 });
 */
export async function landscape(
  objective: Objective,
  params: Vector,
  options: LandscapeOptions,
): Promise<Landscape> {
  const { key, dimensions, radius = 1, onProgress, signal } = options;
  const { points = dimensions === 1 ? 51 : 25 } = options;
  const { layout } = objective;
  checkVector("params", params, layout);
  checkCount("points", points);
  if (points < 2 || !(radius > 0 && radius < Infinity)) {
    throw new LowlandError(
      "E_CONFIG",
      `radius is ${radius} and points ${points}; give a finite radius > 0 and at least 2 points`,
    );
  }
  signal?.throwIfAborted();
  const frozen = frozenAt(objective, params, key);
  const coordinates = Array.from({ length: points }, (_, i) => radius * ((2 * i) / (points - 1) - 1));
  const total = points ** dimensions;
  const vectors = openVectors(params);
  try {
    const directions = Array.from({ length: dimensions }, (_, axis) => {
      const direction = vectors.next();
      filterNormalizedDirection(layout, params, foldIn(key, axis), direction);
      return direction;
    });
    const point = vectors.next();
    const losses: (number | null)[] = [];
    while (losses.length < total) {
      const place = losses.length;
      addScaled(params, coordinates[place % points]!, directions[0]!, point);
      if (dimensions === 2) axpy(coordinates[Math.floor(place / points)]!, directions[1]!, point);
      const loss = frozen.loss(point, key);
      losses.push(Number.isFinite(loss) ? loss : null);
      onProgress?.({ done: losses.length, total });
      await breathe(signal);
    }
    return { dimensions, coordinates, losses, lossEvaluations: total };
  } finally {
    vectors.close();
  }
}
