import type { Layout, Vector } from "../kernels/types.ts";
import type { Key } from "../random/key.ts";

/** The plain loss and gradient at a point, handed over by a caller that already has them. */
export interface Known {
  readonly loss: number;
  readonly gradient: Vector;
}

/**
 * A loss L(w; batch) and its gradient: what an optimizer minimizes and what a regularizer transforms.
 * The same `params` and `batch` always give the same bits.
 */
export interface Objective {
  readonly layout: Layout;
  /**
   * Writes ∇L(params; batch) to `gradient` (length `layout.size`) and returns L(params; batch).
   *
   * @param batch key that determines the minibatch; objectives over a fixed set ignore it
   * @param known plain loss and gradient at the same point and batch, if the caller has them: a regularizer
   *   then saves one evaluation. It is never modified and may not alias `gradient`.
   */
  lossAndGradient(params: Vector, batch: Key, gradient: Vector, known?: Known): number;
  /** Exact H(params; batch)·vector, for objectives that have it; others get central differences. */
  hessianVectorProduct?(params: Vector, batch: Key, vector: Vector, product: Vector): void;
  /**
   * The same loss with the statistics over the minibatch (batch normalization) held at what they are at `params` on
   * `batch`: a constant in the gradient and for every other point. Missing where the loss has no such statistics.
   */
  freeze?(params: Vector, batch: Key): Objective;
}

/** The objective whose neighbourhood of `params` is explored: frozen there, if it can be frozen. */
export function frozenAt(objective: Objective, params: Vector, batch: Key): Objective {
  return objective.freeze?.(params, batch) ?? objective;
}

/**
 * Parts of a dataset: 80 % `train`, 10 % `meta-validation` (chooses checkpoints and hyperparameters) and
 * 10 % `report-validation` of the official training set, and the official `test` set, which is read only for
 * final numbers.
 */
export type Split = "train" | "meta-validation" | "report-validation" | "test";

/** Mean loss and, for classification, accuracy in [0, 1], over one split. */
export interface Evaluation {
  readonly loss: number;
  readonly accuracy?: number;
  readonly count: number;
}

/** What is optimized: data, model, loss and the distribution of initial parameters. */
export interface Task {
  /** `<dataset>/<model>`, or a name of the user's own. */
  readonly name: string;
  readonly layout: Layout;
  /** Draws initial parameters into `params` (length `layout.size`). */
  init(key: Key, params: Vector): void;
  /** The minibatch objective on one split, `train` by default. */
  objective(split?: Split): Objective;
  /**
   * The objective on a fixed set: the first `count` examples of the split after a shuffle by `key`, or all of
   * it. Losses and gradients are summed in float64. Batch keys are ignored.
   */
  fixedObjective(options?: { split?: Split; count?: number; key?: Key }): Objective;
  /** Mean loss and accuracy over all of a split. */
  evaluate(params: Vector, split: Split): Evaluation;
  /** Frees the kernel memory the task holds. */
  close?(): void;
}
