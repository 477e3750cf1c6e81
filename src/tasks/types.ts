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
   * L(params; batch) alone, the bits that `lossAndGradient` returns: a forward pass only.
   *
   * @param known as in `lossAndGradient`; a plain objective returns its loss
   */
  loss(params: Vector, batch: Key, known?: Known): number;
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

/** The splits that datasets have; a task of another kind names its own. */
export const SPLITS = ["train", "meta-validation", "report-validation", "test"] as const;

/**
 * A part of a task's data, or a distribution of its own. The well-known ones: 80 % `train`, 10 % `meta-validation`
 * (chooses checkpoints and hyperparameters) and 10 % `report-validation` of the official training set, and the official
 * `test` set, which is read only for final numbers.
 */
export type Split = (typeof SPLITS)[number] | (string & {});

/** What `Task.evaluate` gives beside the loss, and how it is read. */
export interface Metric {
  /** Key in `Evaluation.metrics`. */
  readonly name: string;
  /** What tables call it: `accuracy`. */
  readonly label: string;
  readonly better: "higher" | "lower";
  /** How two optimizers are compared by it: by the difference, or by the ratio of positive numbers. */
  readonly compare: "difference" | "ratio";
  /** How it is printed: a share as percent, or a number with significant digits. */
  readonly format: "percent" | "number";
  /** What it can be at all. */
  readonly range?: readonly [min: number, max: number];
}

/** Share of examples whose largest output is the label's. */
export const ACCURACY: Metric = {
  name: "accuracy",
  label: "accuracy",
  better: "higher",
  compare: "difference",
  format: "percent",
  range: [0, 1],
};

/** Means over one split. */
export interface Evaluation {
  readonly loss: number;
  /** Examples. */
  readonly count: number;
  /** One number for each of the task's metrics, by name. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** What is optimized: data, model, loss and the distribution of initial parameters. */
export interface Task {
  /** `<dataset>/<model>`, or a name of the user's own. */
  readonly name: string;
  readonly layout: Layout;
  /** The splits it has. */
  readonly splits: readonly Split[];
  /** What `evaluate` measures beside the loss. */
  readonly metrics: readonly Metric[];
  /** Losses above this are as bad as this one where those of several tasks are averaged: 1.5·ln classes. */
  readonly lossBound?: number;
  /**
   * Projects parameters onto what is allowed, in place: whoever trains does so after every step. Missing where all of them are.
   */
  project?(params: Vector): void;
  /** Draws initial parameters into `params` (length `layout.size`). */
  init(key: Key, params: Vector): void;
  /** The minibatch objective on one split, `train` by default. */
  objective(split?: Split): Objective;
  /**
   * The objective on a fixed set: the first `count` examples of the split after a shuffle by `key`, or all of
   * it. Losses and gradients are summed in float64. Batch keys are ignored.
   */
  fixedObjective(options?: { split?: Split; count?: number; key?: Key }): Objective;
  /** Mean loss and metrics over all of a split. */
  evaluate(params: Vector, split: Split): Evaluation;
  /** Frees the kernel memory the task holds. */
  close?(): void;
}
