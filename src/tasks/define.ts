import { type Layout, layoutOf, type Vector } from "../kernels/types.ts";
import { type Key, normal } from "../random/key.ts";
import { completeTask, type ObjectiveDefinition, type TaskObject } from "./complete.ts";
import type { Known, Metric, Objective, Split, Task } from "./types.ts";

/** What a user's own task needs: a loss with its gradient. Everything else has a default. */
export interface TaskDefinition {
  readonly name: string;
  /** Number of parameters, or named slots. */
  readonly layout: number | Layout;
  /** Writes ∇L(params; batch) to `gradient` and returns L(params; batch). `batch` draws the minibatch, if any, of `split`. */
  readonly lossAndGradient: (params: Vector, batch: Key, gradient: Vector, split: Split) => number;
  /** L(params; batch) alone, the same bits, where that is cheaper. */
  readonly loss?: (params: Vector, batch: Key, split: Split) => number;
  /** Exact H(params; batch)·vector, if at hand. */
  readonly hessianVectorProduct?: Objective["hessianVectorProduct"];
  /** Draws initial parameters; N(0, 1) where missing. */
  readonly init?: (key: Key, params: Vector) => void;
  /** The splits it has, the four of a dataset where missing. */
  readonly splits?: readonly Split[];
  /** What `evaluate` gives beside the loss. */
  readonly metrics?: readonly Metric[];
  /** Final figures; the loss at one fixed batch where missing. */
  readonly evaluate?: TaskObject["evaluate"];
}

const EVALUATION_BATCH: Key = { hi: 0, lo: 0 };

/**
 * Makes a task from a plain function.
 *
 * @example
 * const bowl = defineTask({
 *   name: "bowl",
 *   layout: 2,
 *   lossAndGradient(w, _batch, g) {
 *     g[0] = w[0]!;
 *     g[1] = 10 * w[1]!;
 *     return 0.5 * (w[0]! ** 2 + 10 * w[1]! ** 2);
 *   },
 * });
 */
export function defineTask(definition: TaskDefinition): Task {
  const { name, lossAndGradient, loss, hessianVectorProduct, init, evaluate, splits, metrics } = definition;
  const layout =
    typeof definition.layout === "number"
      ? layoutOf([{ name: "w", shape: [definition.layout] }])
      : definition.layout;
  /** The objective of a split, on one fixed batch or on any. */
  const objectiveOf = (split: Split, fixed: Key | undefined): ObjectiveDefinition => ({
    layout,
    lossAndGradient: (params, batch, gradient) => lossAndGradient(params, fixed ?? batch, gradient, split),
    ...(loss && {
      loss: (params: Vector, batch: Key, known?: Known) => known?.loss ?? loss(params, fixed ?? batch, split),
    }),
    ...(hessianVectorProduct && {
      hessianVectorProduct: (params: Vector, batch: Key, direction: Vector, product: Vector) =>
        hessianVectorProduct(params, fixed ?? batch, direction, product),
    }),
  });
  return completeTask({
    name,
    layout,
    ...(splits && { splits }),
    ...(metrics && { metrics }),
    init: init ?? normal,
    objective: (split) => objectiveOf(split!, undefined),
    fixedObjective: (options) => objectiveOf(options!.split!, EVALUATION_BATCH),
    evaluate:
      evaluate ??
      ((params, split) => ({
        loss: lossAndGradient(params, EVALUATION_BATCH, params.slice(), split),
        count: 1,
      })),
  });
}
