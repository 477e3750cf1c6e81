import type { Ops } from "../kernels/ops.ts";
import { type Layout, layoutOf, type Vector } from "../kernels/types.ts";
import { foldIn, type Key, normal, truncatedNormal } from "../random/key.ts";
import { chainOf } from "./chain.ts";
import { type Head, softmaxCrossEntropy } from "./heads.ts";
import { type Layer, refuseOverwriting, type Shape, sizeOf } from "./layers.ts";
import { type OpenNetwork, openNetwork } from "./open-network.ts";

/** How initial parameters are drawn. */
export type Initialization =
  | { readonly kind: "normal"; readonly stddev: number } // every entry ~ N(0, stddev²)
  | { readonly kind: "he" } // weights ~ N(0, 2/fan-in), biases 0
  | { readonly kind: "truncated" }; // weights ~ N(0, 1/fan-in) cut off at two standard deviations, biases 0

/** A feed-forward network over one flat parameter vector, and the loss of its outputs. */
export interface Network {
  readonly layout: Layout;
  readonly inputSize: number;
  /** Entries in a row of outputs: the classes of a classifier. */
  readonly classes: number;
  /** Entries of the statistics over the minibatch that the layers normalize by; 0 if there are none. */
  readonly statisticsSize: number;
  /** Floats of activations an example takes. */
  readonly activationSize: number;
  /** Draws initial parameters. */
  init(key: Key, params: Vector): void;
  /** Allocates buffers for minibatches of up to `batch` examples. */
  open(ops: Ops, batch: number): OpenNetwork;
}

/**
 * Stacks layers on an input shape, and a head on the last layer's outputs.
 *
 * @param head the loss, softmax cross-entropy by default
 * @throws {LowlandError} E_CONFIG if an activation comes first, follows another or comes last: what it overwrites, or what
 * the loss overwrites of it, is still needed
 * @example
 * sequential([784], [dense(20), sigmoid(), dense(10)], { kind: "normal", stddev: 0.01 }) // 15,910 parameters
 */
export function sequential(
  inputShape: Shape,
  layers: readonly Layer[],
  initialization: Initialization,
  { head = softmaxCrossEntropy() }: { head?: Head } = {},
): Network {
  refuseOverwriting(layers, "the logits");
  const chain = chainOf(inputShape, layers);
  const flat = chain.slots.flat();
  const layout = layoutOf(flat);

  /** The parameters of every layer as views into a flat vector. */
  function viewsOf(vector: Vector): Vector[][] {
    let next = 0;
    return chain.slots.map((slots) =>
      slots.map(() => {
        const { offset, size } = layout.slots[next++]!;
        return vector.subarray(offset, offset + size);
      }),
    );
  }

  return {
    layout,
    inputSize: sizeOf(inputShape),
    classes: chain.shapes.at(-1)!.at(-1)!,
    statisticsSize: chain.statisticsSize,
    activationSize: chain.activationSize,
    init(key, params) {
      if (initialization.kind === "normal") {
        normal(key, params, { stddev: initialization.stddev });
      }
      layout.slots.forEach((slot, i) => {
        const view = params.subarray(slot.offset, slot.offset + slot.size);
        const { fanIn, initial } = flat[i]!;
        if (initial !== undefined) view.fill(initial);
        else if (initialization.kind === "normal") return;
        else if (fanIn === undefined) view.fill(0);
        else if (initialization.kind === "he") {
          normal(foldIn(key, i), view, { stddev: Math.sqrt(2 / fanIn) });
        } else truncatedNormal(foldIn(key, i), view, { stddev: Math.sqrt(1 / fanIn) });
      });
    },
    open: (ops, batch) => openNetwork({ chain, head, viewsOf }, ops, batch),
  };
}
