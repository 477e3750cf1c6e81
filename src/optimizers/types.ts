import type { Arena } from "../kernels/memory.ts";
import type { Layout, Vector } from "../kernels/types.ts";
import type { Key } from "../random/key.ts";

/** Explicit state of an optimizer: a step counter and named flat vectors, which are all that changes. */
export interface OptimizerState {
  /** Steps taken so far. */
  step: number;
  /** How the parameters divide into tensors. */
  readonly layout: Layout;
  /** Steps of the whole training, where it is known. */
  readonly horizon?: number;
  readonly vectors: Readonly<Record<string, Float32Array>>;
}

/** What an optimizer may ask for when a training starts. */
export interface OptimizerStart {
  /** Steps of the whole training: what schedules and some learned optimizers go by. */
  readonly horizon?: number | undefined;
  /** For optimizers that draw. */
  readonly key?: Key;
  /** Where the state lies; by default it is never freed. */
  readonly arena?: Arena;
}

/** What an optimizer may read at a step besides gradient and state. */
export interface StepContext {
  /** w before the step; only read. */
  readonly params: Vector;
  /** L(w; batch) before the step, for optimizers that declare `reads.loss`. */
  readonly loss?: number | undefined;
}

/** What an optimizer reads besides the gradient. */
export interface OptimizerReads {
  /** The parameters themselves (weight decay, relative step sizes). */
  readonly params?: boolean;
  /** The loss at every step. */
  readonly loss?: boolean;
  /** The length of the training. */
  readonly horizon?: boolean;
  /** The shapes of the tensors, not their entries alone. */
  readonly shapes?: boolean;
}

/**
 * A pair of functions over explicit state; hand-designed and learned optimizers alike. Combinators (clip, schedule,
 * decay, mask …) wrap one in another.
 *
 * @example
 * const optimizer = adam({ lr: 0.01 });
 * const state = optimizer.init(layout);
 * optimizer.step(params, gradient, state); // params and state change in place
 */
export interface Optimizer {
  readonly name: string;
  readonly settings: Readonly<Record<string, number | string | boolean>>;
  readonly reads: OptimizerReads;
  /**
   * Fresh state for parameters of this layout.
   *
   * @throws {LowlandError} E_CONFIG where `reads.horizon` and none is given
   */
  init(layout: Layout, start?: OptimizerStart): OptimizerState;
  /** Writes u to `update` and changes the state; w ← w + u is the caller's. All vectors have the layout's length. */
  update(gradient: Vector, state: OptimizerState, context: StepContext, update: Vector): void;
  /** w ← w + u(gradient, state, w), in place: the same bits as `update` and an addition, often in one pass. */
  step(params: Vector, gradient: Vector, state: OptimizerState, context?: { readonly loss?: number }): void;
}
