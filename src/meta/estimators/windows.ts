import { LowlandError } from "../../errors.ts";
import { openKept } from "../../kernels/kept.ts";
import type { Arena } from "../../kernels/memory.ts";
import type { LearnedOptimizer, Unroll } from "../../learned/types.ts";
import type { Optimizer } from "../../optimizers/types.ts";
import { foldIn, type Key, uniform } from "../../random/key.ts";
import type { InnerProblem, Rollout } from "../rollout.ts";
import type { Draw, InnerState } from "../types.ts";

/** Stream of an inner training's key that decides which of its windows imitate: "imit" as a number. */
const IMITATION = 0x696d6974;

/** Takes an inner training up where it was saved, or at its start. */
export function takeUp(
  rollout: Rollout,
  draw: Draw,
  saved: InnerState | undefined,
  optimizer: Optimizer,
): void {
  if (saved === undefined) rollout.start(draw, optimizer);
  else rollout.load(draw, saved, optimizer);
}

/** Whether a training has come to its end at this many steps. */
export function ended({ start, horizon }: Draw, step: number): boolean {
  return start + step >= horizon;
}

/** Whether the window of a training that starts at `step` imitates the teacher. */
export function imitates(
  { teacher, imitation = [] }: InnerProblem,
  key: Key,
  step: number,
  stage: number,
): boolean {
  if (teacher === undefined) return false;
  const share = imitation[Math.min(stage, imitation.length - 1)] ?? 0;
  const [drawn] = uniformOf(foldIn(foldIn(key, IMITATION), step));
  return drawn! < share;
}

function uniformOf(key: Key): Float64Array {
  const out = new Float64Array(1);
  uniform(key, out);
  return out;
}

/** Windows that stay open: full backpropagation has segments of two lengths. */
const KEPT_WINDOWS = 2;

/** An unrolled window for one number of parameters and steps, and the gradients at its points. */
export interface OpenWindow {
  readonly unroll: Unroll;
  /** One row of `size` entries a step. */
  readonly points: Float32Array;
  readonly row: (t: number) => Float32Array;
}

/**
 * Opens windows of a learned optimizer, each size and length once while it is in use.
 *
 * @throws {LowlandError} E_CONFIG where it cannot be backpropagated through
 */
export function openWindows(
  { learned, activations = "auto" }: InnerProblem,
  arena: Arena,
): (size: number, steps: number) => OpenWindow {
  const unrolled = requireUnroll(learned);
  const kept = openKept<OpenWindow>(arena, KEPT_WINDOWS);
  return (size, steps) => {
    return kept(`${size}:${steps}`, (own) => {
      const points = own.float32(size * steps);
      // after the rest: activations take what memory is left
      const unroll = unrolled({ size, window: steps, activations, arena: own });
      return { unroll, points, row: (t) => points.subarray(t * size, (t + 1) * size) };
    });
  };
}

/**
 * Windows of a learned optimizer.
 *
 * @throws {LowlandError} E_CONFIG where it cannot be backpropagated through
 */
export function requireUnroll({ name, unroll }: LearnedOptimizer): NonNullable<LearnedOptimizer["unroll"]> {
  if (unroll !== undefined) return unroll;
  throw new LowlandError(
    "E_CONFIG",
    `learned optimizer ${name} cannot be backpropagated through; use the estimator pes or es`,
  );
}
