import type { Vector } from "../kernels/types.ts";

/** `count` uninitialized work vectors of the kind and length of `params`. */
export function scratchLike(params: Vector, count: number): Vector[] {
  const { length } = params;
  return Array.from({ length: count }, () =>
    params instanceof Float32Array ? new Float32Array(length) : new Float64Array(length),
  );
}

/**
 * Work vectors that are allocated on first use and then kept, one set for each kind of vector: an objective
 * that is called in a loop allocates nothing.
 */
export function scratch(count: number): (params: Vector) => readonly Vector[] {
  let single: readonly Vector[] | undefined;
  let double: readonly Vector[] | undefined;
  return (params) => {
    if (params instanceof Float32Array) {
      single ??= scratchLike(params, count);
      return single;
    }
    double ??= scratchLike(params, count);
    return double;
  };
}
