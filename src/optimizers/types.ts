import type { Arena } from "../kernels/memory.ts";
import type { Layout, Vector } from "../kernels/types.ts";

/** Explicit, serializable state of an optimizer: a step counter and named flat vectors. */
export interface OptimizerState {
  /** Steps taken so far. */
  step: number;
  readonly vectors: Readonly<Record<string, Float32Array>>;
}

/**
 * A pair of functions over explicit state; hand-designed and learned optimizers alike.
 *
 * @example
 * const optimizer = adam({ lr: 0.01 });
 * const state = optimizer.init(layout);
 * optimizer.step(params, gradient, state); // params and state change in place
 */
export interface Optimizer {
  readonly name: string;
  readonly settings: Readonly<Record<string, number | string | boolean>>;
  /** Fresh state for parameters of this layout, allocated from `arena` (default: one that is never freed). */
  init(layout: Layout, arena?: Arena): OptimizerState;
  /** w ← w + u(gradient, state), in place. `params` and `gradient` have the layout's length. */
  step(params: Vector, gradient: Vector, state: OptimizerState): void;
}
