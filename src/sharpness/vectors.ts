import { openArena } from "../kernels/module.ts";
import type { Vector } from "../kernels/types.ts";
import { inKernelMemory } from "../kernels/vector.ts";

/** Vectors of one length, precision and kind of memory that are freed together. */
export interface Vectors {
  /** A new vector of zeros. */
  next(): Vector;
  /** Frees every vector handed out. */
  close(): void;
}

/** Opens vectors like `params`, for measurements that let other events run: `withScratch` lends for one call only. */
export function openVectors(params: Vector): Vectors {
  if (inKernelMemory(params)) {
    const arena = openArena();
    return { next: () => arena.float32(params.length), close: () => arena.close() };
  }
  const next = (): Vector =>
    params instanceof Float32Array ? new Float32Array(params.length) : new Float64Array(params.length);
  return { next, close: () => {} };
}
