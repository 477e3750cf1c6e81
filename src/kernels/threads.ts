import { LowlandError } from "../errors.ts";

/** How threads divide over work. */
export interface ThreadPlan {
  /** Workers, each with kernels and a memory of its own; 1 for this thread alone. */
  readonly workers: number;
  /** Threads that a kernel may use in each of them. */
  readonly inside: number;
}

/**
 * Instances first, then threads inside: independent pieces of work keep every thread busy without waiting, and only
 * what is left goes into the kernels. Any division gives the same bits.
 *
 * @param threads threads in all
 * @param instances pieces of work that do not wait for each other
 * @throws {LowlandError} E_CONFIG
 */
export function divideThreads(threads: number, instances: number): ThreadPlan {
  if (!(Number.isInteger(threads) && threads >= 1)) {
    throw new LowlandError("E_CONFIG", `${threads} threads are no whole number from 1; give one`);
  }
  const workers = Math.max(1, Math.min(threads, instances));
  return { workers, inside: Math.floor(threads / workers) };
}
