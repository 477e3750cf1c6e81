import type { Arena } from "../kernels/memory.ts";
import type { Layout, Vector } from "../kernels/types.ts";
import type { Optimizer, OptimizerState } from "../optimizers/types.ts";
import type { Key } from "../random/key.ts";

/**
 * Whether a window's activations are kept for the backward pass or computed again: more memory or more time, the
 * same bits. `auto` keeps them where they fit.
 */
export type Activations = "auto" | "stored" | "recomputed";

/** One truncation window of a learned optimizer, run forward and then backward. */
export interface Unroll {
  /** Starts a window at this state. */
  begin(metaParams: Vector, state: OptimizerState): void;
  /** One optimizer step: params and state change in place, and what the backward pass needs is kept. */
  step(params: Float32Array, gradient: Float32Array): void;
  /**
   * Writes ∂(meta-loss)/∂φ.
   *
   * @param cotangents row t (of `size` entries) is ∂(meta-loss)/∂u_t, the effect of step t's update on all later
   *   losses of the window; input gradients count as constants
   */
  backward(cotangents: Float32Array, metaGradient: Float32Array): void;
}

/** A learned optimizer's architecture: what is the same for all its meta-parameters φ. */
export interface LearnedOptimizer {
  readonly name: string;
  readonly settings: Readonly<Record<string, number>>;
  /** Slots of φ, named as in checkpoints. */
  readonly layout: Layout;
  /** Draws initial meta-parameters. */
  init(key: Key, metaParams: Vector): void;
  /** The optimizer that these meta-parameters define, for use; what it keeps is freed with the arena, if one is given. */
  optimizer(metaParams: Float32Array, arena?: Arena): Optimizer;
  /** Prepares windows of `window` steps for `size` parameters. */
  unroll(options: { size: number; window: number; activations?: Activations; arena: Arena }): Unroll;
}
