import type { Ops } from "../kernels/ops.ts";
import { type Layout, layoutOf, type Vector } from "../kernels/types.ts";
import { foldIn, type Key, normal } from "../random/key.ts";
import { type Layer, type Shape, sizeOf } from "./layers.ts";

/** How initial parameters are drawn. */
export type Initialization =
  | { readonly kind: "normal"; readonly stddev: number } // every entry ~ N(0, stddev²)
  | { readonly kind: "he" }; // weights ~ N(0, 2/fan-in), biases 0

/** A network with the buffers for minibatches of at most one size. */
export interface OpenNetwork {
  /** Where the caller writes the inputs, example after example. */
  readonly input: Vector;
  /**
   * Runs the network on the first `count` examples of `input` (or of `x`) and returns the sum of their softmax
   * cross-entropies and the number classified correctly. With `gradient`, writes or adds
   * scale · ∂(that sum)/∂params to it.
   */
  run(
    params: Vector,
    labels: Uint8Array,
    count: number,
    options?: { x?: Vector; gradient?: Vector; scale?: number; accumulate?: boolean },
  ): { loss: number; correct: number };
}

/** A feed-forward classifier over one flat parameter vector. */
export interface Network {
  readonly layout: Layout;
  readonly inputSize: number;
  readonly classes: number;
  /** Draws initial parameters. */
  init(key: Key, params: Vector): void;
  /** Allocates buffers for minibatches of up to `batch` examples. */
  open(ops: Ops, batch: number): OpenNetwork;
}

/**
 * Stacks layers on an input shape; the last layer's outputs are the logits.
 *
 * @example
 * sequential([784], [dense(20), sigmoid(), dense(10)], { kind: "normal", stddev: 0.01 }) // 15,910 parameters
 */
export function sequential(
  inputShape: Shape,
  layers: readonly Layer[],
  initialization: Initialization,
): Network {
  const shapes: Shape[] = [inputShape];
  for (const layer of layers) shapes.push(layer.output(shapes.at(-1)!));
  const counts = new Map<string, number>();
  const slotsOf = layers.map((layer, i) => {
    const number = counts.get(layer.name) ?? 0;
    counts.set(layer.name, number + 1);
    return layer.slots(shapes[i]!).map((slot) => ({ ...slot, name: `${layer.name}${number}.${slot.name}` }));
  });
  const flat = slotsOf.flat();
  const layout = layoutOf(flat);
  const classes = sizeOf(shapes.at(-1)!);

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
    inputSize: sizeOf(inputShape),
    classes,
    init(key, params) {
      if (initialization.kind === "normal") {
        normal(key, params, { stddev: initialization.stddev });
        return;
      }
      layout.slots.forEach((slot, i) => {
        const view = params.subarray(slot.offset, slot.offset + slot.size);
        const { fanIn } = flat[i]!;
        if (fanIn === undefined) view.fill(0);
        else normal(foldIn(key, i), view, { stddev: Math.sqrt(2 / fanIn) });
      });
    },
    open(ops, batch) {
      const opened = layers.map((layer, i) => layer.open({ ops, batch, input: shapes[i]! }));
      const allocate = (shape: Shape): Vector => ops.allocate(batch * sizeOf(shape));
      const values: Vector[] = [allocate(inputShape)];
      const gradients: (Vector | undefined)[] = [undefined];
      layers.forEach((layer, i) => {
        values.push(layer.inPlace ? values[i]! : allocate(shapes[i + 1]!));
        gradients.push(layer.inPlace && gradients[i] !== undefined ? gradients[i] : allocate(shapes[i + 1]!));
      });
      // Views of the vectors met last: a training loop hands in the same ones again and again.
      const cache = new Map<Vector, Vector[][]>();
      const views = (vector: Vector): Vector[][] => {
        let found = cache.get(vector);
        if (found === undefined) {
          if (cache.size >= 8) cache.clear();
          found = viewsOf(vector);
          cache.set(vector, found);
        }
        return found;
      };
      return {
        input: values[0]!,
        run(params, labels, count, { x, gradient, scale = 1, accumulate = false } = {}) {
          const weights = views(params);
          const inputOf = (i: number): Vector => (i === 0 && x !== undefined ? x : values[i]!);
          opened.forEach((layer, i) => layer.forward(inputOf(i), values[i + 1]!, count, weights[i]!));
          const logits = values.at(-1)!;
          const result = ops.softmaxCrossEntropy(logits, labels, count, classes, scale);
          if (gradient === undefined) return result;
          const outputs = views(gradient);
          // The loss leaves its gradient where the logits were.
          let dy = logits;
          for (let i = layers.length - 1; i >= 0; i--) {
            const dx = i === 0 ? undefined : layers[i]!.inPlace ? dy : gradients[i];
            opened[i]!.backward(
              inputOf(i),
              values[i + 1]!,
              dy,
              dx,
              count,
              weights[i]!,
              outputs[i]!,
              accumulate,
            );
            if (dx !== undefined) dy = dx;
          }
          return result;
        },
      };
    },
  };
}
