import type { Arena } from "./memory.ts";
import { openArena } from "./module.ts";
import type { Vector } from "./types.ts";
import { inKernelMemory } from "./vector.ts";

/** Work vectors of one length and kind; the first `used` are lent out. */
interface Pool {
  readonly vectors: Vector[];
  readonly arena: Arena | undefined;
  used: number;
}

/** Lengths of one kind whose vectors are kept: tasks of a family have parameters of many lengths. */
const KEPT_LENGTHS = 16;

type PoolsByLength = Map<number, Pool>;

const inKernel: PoolsByLength = new Map();
const single: PoolsByLength = new Map();
const double: PoolsByLength = new Map();

/**
 * Lends `count` work vectors like `params` (same length, precision and memory) for the time of one call of `use`.
 * They hold whatever was left in them. Calls may nest; all share one pool in each thread, so that an objective in
 * a loop allocates no vector and many regularized objectives need no more memory than one.
 */
export function withScratch<T>(params: Vector, count: number, use: (vectors: readonly Vector[]) => T): T {
  const pool = poolFor(params);
  const first = pool.used;
  while (pool.vectors.length < first + count) pool.vectors.push(vectorLike(params, pool.arena));
  pool.used += count;
  try {
    return use(pool.vectors.slice(first, pool.used));
  } finally {
    pool.used = first;
  }
}

function poolFor(params: Vector): Pool {
  const kernel = inKernelMemory(params);
  const pools = kernel ? inKernel : params instanceof Float32Array ? single : double;
  const known = pools.get(params.length);
  if (known !== undefined) return known;
  for (const [length, { used, arena }] of pools) {
    if (pools.size < KEPT_LENGTHS) break;
    if (used > 0) continue;
    arena?.close();
    pools.delete(length);
  }
  const pool: Pool = { vectors: [], arena: kernel ? openArena() : undefined, used: 0 };
  pools.set(params.length, pool);
  return pool;
}

function vectorLike(params: Vector, arena: Arena | undefined): Vector {
  if (arena !== undefined) return arena.float32(params.length);
  return params instanceof Float32Array ? new Float32Array(params.length) : new Float64Array(params.length);
}
