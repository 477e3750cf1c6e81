import { LowlandError } from "../errors.ts";
import type { Ops } from "../kernels/ops.ts";
import { type Layout, layoutOf, type Vector } from "../kernels/types.ts";
import { foldIn, type Key, normal, truncatedNormal } from "../random/key.ts";
import { type Layer, type Shape, sizeOf } from "./layers.ts";
import { type OpenNetwork, openNetwork } from "./open-network.ts";

/** How initial parameters are drawn. */
export type Initialization =
  | { readonly kind: "normal"; readonly stddev: number } // every entry ~ N(0, stddev²)
  | { readonly kind: "he" } // weights ~ N(0, 2/fan-in), biases 0
  | { readonly kind: "truncated" }; // weights ~ N(0, 1/fan-in) cut off at two standard deviations, biases 0

/** A feed-forward classifier over one flat parameter vector. */
export interface Network {
  readonly layout: Layout;
  readonly inputSize: number;
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
 * Stacks layers on an input shape; the last layer's outputs are the logits.
 *
 * @throws {LowlandError} E_CONFIG if an activation comes first, follows another or comes last: what it overwrites, or what
 * the loss overwrites of it, is still needed
 * @example
 * sequential([784], [dense(20), sigmoid(), dense(10)], { kind: "normal", stddev: 0.01 }) // 15,910 parameters
 */
export function sequential(
  inputShape: Shape,
  layers: readonly Layer[],
  initialization: Initialization,
): Network {
  layers.forEach((layer, i) => {
    if (layer.inPlace && (i === 0 || layers[i - 1]!.inPlace)) {
      throw new LowlandError(
        "E_CONFIG",
        `${layer.name} overwrites its input, ${i === 0 ? "the network's" : `which ${layers[i - 1]!.name} needs for its gradient`}; put another layer before it`,
      );
    }
  });
  const last = layers.at(-1);
  if (last?.inPlace) {
    throw new LowlandError(
      "E_CONFIG",
      `${last.name} comes last, but the outputs of the last layer are the logits; put a dense layer behind it or leave it out`,
    );
  }
  const shapes: Shape[] = [inputShape];
  for (const layer of layers) shapes.push(layer.output(shapes.at(-1)!));
  crop(layers, shapes);
  const counts = new Map<string, number>();
  const slotsOf = layers.map((layer, i) => {
    const number = counts.get(layer.name) ?? 0;
    counts.set(layer.name, number + 1);
    return layer.slots(shapes[i]!).map((slot) => ({ ...slot, name: `${layer.name}${number}.${slot.name}` }));
  });
  const flat = slotsOf.flat();
  const layout = layoutOf(flat);
  const inputSize = sizeOf(inputShape);
  const classes = sizeOf(shapes.at(-1)!);
  const statisticsSize = layers.reduce((sum, layer, i) => sum + (layer.statisticsSize?.(shapes[i]!) ?? 0), 0);
  const activationSize = shapes.reduce((sum, shape) => sum + sizeOf(shape), 0);

  /** The parameters of every layer as views into a flat vector. */
  function viewsOf(vector: Vector): Vector[][] {
    let next = 0;
    return slotsOf.map((slots) =>
      slots.map(() => {
        const { offset, size } = layout.slots[next++]!;
        return vector.subarray(offset, offset + size);
      }),
    );
  }

  return {
    layout,
    inputSize,
    classes,
    statisticsSize,
    activationSize,
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
    open: (ops, batch) =>
      openNetwork({ layers, shapes, statisticsSize, activationSize, viewsOf }, ops, batch),
  };
}

/** Shrinks the outputs of croppable layers, and of the entrywise ones behind them, to what is read of them. */
function crop(layers: readonly Layer[], shapes: Shape[]): void {
  layers.forEach((layer, i) => {
    const read = layer.reads?.(shapes[i]!);
    let source = i - 1;
    while (layers[source]?.inPlace) source--;
    if (read !== undefined && layers[source]?.croppable) shapes.fill(read, source + 1, i + 1);
  });
}
