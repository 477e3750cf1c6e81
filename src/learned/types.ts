import type { Arena } from "../kernels/memory.ts";
import type { Layout, Vector } from "../kernels/types.ts";
import type { Optimizer, OptimizerState } from "../optimizers/types.ts";
import type { Key } from "../random/key.ts";

/**
 * Whether a window's activations are kept for the backward pass or computed again: more memory or more time, the
 * same bits. `auto` keeps them where the arena has room.
 */
export type Activations = "auto" | "stored" | "recomputed";

/** Derivatives of a meta-loss by where a window ends or starts: the parameters and the optimizer's state. */
export interface Adjoints {
  /** ∂/∂w. */
  readonly params: Float32Array;
  /** ∂/∂state, one vector for each that the meta-loss depends on through later updates. */
  readonly vectors: Readonly<Record<string, Float32Array>>;
}

/** One window of a learned optimizer, run forward and then backward. */
export interface Unroll {
  /** Starts a window at this state. */
  begin(metaParams: Vector, state: OptimizerState): void;
  /** One optimizer step: params and state change in place, and what the backward pass needs is kept. */
  step(params: Float32Array, gradient: Float32Array): void;
  /**
   * Writes ∂(meta-loss)/∂φ. Gradients that the optimizer saw count as constants.
   *
   * @param points row t (of `size` entries) is the gradient of the meta-loss term at the point after step t; used up
   * @param options `after`: what later windows add by this window's end; `before`: where the same is written by this
   * window's start (its vectors as `after`'s)
   */
  backward(
    points: Float32Array,
    metaGradient: Float32Array,
    options?: { readonly after?: Adjoints; readonly before?: Adjoints },
  ): void;
  /** Fresh adjoints, all zero. */
  adjoints(arena: Arena): Adjoints;
}

/** An optimizer with room for meta-parameters. */
export interface OpenLearnedOptimizer extends Optimizer {
  /** Makes it the optimizer that φ defines; cheap, so that a perturbed φ may follow another at every window. */
  load(metaParams: Vector): void;
}

/** A learned optimizer's architecture: what is the same for all its meta-parameters φ. */
export interface LearnedOptimizer {
  readonly name: string;
  readonly settings: Readonly<Record<string, number>>;
  /** Settings that a run may start from weights of another value of, such as a learning rate. */
  readonly free?: readonly string[];
  /** Slots of φ, named as in checkpoints. */
  readonly layout: Layout;
  /** Draws initial meta-parameters. */
  init(key: Key, metaParams: Vector): void;
  /** Opens it; what it keeps is freed with the arena, if one is given. `load` comes before the first step. */
  open(arena?: Arena): OpenLearnedOptimizer;
  /** Prepares windows of `window` steps for `size` parameters. Estimators that only need values (es, pes) do without. */
  unroll?(options: { size: number; window: number; activations?: Activations; arena: Arena }): Unroll;
}

/** A learned optimizer that can be backpropagated through. */
export type BackpropagatingOptimizer = LearnedOptimizer & Required<Pick<LearnedOptimizer, "unroll">>;

/** The optimizer that these meta-parameters define. */
export function optimizerOf(learned: LearnedOptimizer, metaParams: Vector, arena?: Arena): Optimizer {
  const optimizer = learned.open(arena);
  optimizer.load(metaParams);
  return optimizer;
}
