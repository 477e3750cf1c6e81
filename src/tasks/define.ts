import { type Layout, layoutOf, type Vector } from "../kernels/types.ts";
import { type Key, normal } from "../random/key.ts";
import { completeTask, type TaskObject } from "./complete.ts";
import type { Metric, Objective, Split, Task } from "./types.ts";

/** What a user's own task needs: a loss with its gradient. Everything else has a default. */
export interface TaskDefinition {
  readonly name: string;
  /** Number of parameters, or named slots. */
  readonly layout: number | Layout;
  /** Writes ∇L(params; batch) to `gradient` and returns L(params; batch). `batch` draws the minibatch, if any. */
  readonly lossAndGradient: (params: Vector, batch: Key, gradient: Vector) => number;
  /** L(params; batch) alone, the same bits, where that is cheaper. */
  readonly loss?: (params: Vector, batch: Key) => number;
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
  return completeTask({
    name,
    layout,
    ...(splits && { splits }),
    ...(metrics && { metrics }),
    init: init ?? normal,
    objective: () => ({
      layout,
      lossAndGradient,
      ...(loss && { loss }),
      ...(hessianVectorProduct && { hessianVectorProduct }),
    }),
    fixedObjective: () => ({
      layout,
      lossAndGradient: (params, _batch, gradient) => lossAndGradient(params, EVALUATION_BATCH, gradient),
      ...(loss && { loss: (params: Vector) => loss(params, EVALUATION_BATCH) }),
      ...(hessianVectorProduct && {
        hessianVectorProduct: (params, _batch, direction, product) =>
          hessianVectorProduct(params, EVALUATION_BATCH, direction, product),
      }),
    }),
    evaluate:
      evaluate ??
      ((params) => ({
        loss: lossAndGradient(params, EVALUATION_BATCH, params.slice()),
        count: 1,
      })),
  });
}
