import type { Ops } from "../kernels/ops.ts";
import type { Vector } from "../kernels/types.ts";
import { type Layer, type OpenLayer, type Shape, type Slots, sizeOf, type TangentPasses } from "./layers.ts";

/** The parameters of every layer of a chain, as views into one flat vector. */
export type Views = readonly (readonly Vector[])[];

/** Layers one behind the other on an input shape. */
export interface Chain {
  readonly layers: readonly Layer[];
  /** The input's shape, then every layer's output. */
  readonly shapes: readonly Shape[];
  /** The parameters of every layer, numbered among those of its kind: `dense0.w`. */
  readonly slots: readonly Slots[];
  /** Entries of the statistics over the minibatch that the layers normalize by. */
  readonly statisticsSize: number;
  /** Floats of activations an example takes. */
  readonly activationSize: number;
}

/** Places layers behind each other; what no layer reads of a croppable one is left out. */
export function chainOf(input: Shape, layers: readonly Layer[]): Chain {
  const shapes: Shape[] = [input];
  for (const layer of layers) shapes.push(layer.output(shapes.at(-1)!));
  crop(layers, shapes);
  const counts = new Map<string, number>();
  const slots = layers.map((layer, i) => {
    const number = counts.get(layer.name) ?? 0;
    counts.set(layer.name, number + 1);
    return layer.slots(shapes[i]!).map((slot) => ({ ...slot, name: `${layer.name}${number}.${slot.name}` }));
  });
  return {
    layers,
    shapes,
    slots,
    statisticsSize: layers.reduce((sum, layer, i) => sum + (layer.statisticsSize?.(shapes[i]!) ?? 0), 0),
    activationSize: layers.reduce(
      (sum, layer, i) => sum + sizeOf(shapes[i + 1]!) + (layer.activationSize?.(shapes[i]!) ?? 0),
      sizeOf(input),
    ),
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

/** Gives every layer of a chain its part of a list of views, one a slot. */
export function viewsByLayer({ slots }: Chain, views: readonly Vector[]): Views {
  let first = 0;
  return slots.map((own) => {
    const part = views.slice(first, first + own.length);
    first += own.length;
    return part;
  });
}

/** A chain with the buffers between its layers; inputs and outputs are the caller's. */
export interface OpenChain {
  readonly statistics: readonly Vector[];
  /** y ← the last layer's output; `frozen` as in `OpenLayer.forward`. */
  forward(x: Vector, y: Vector, batch: number, params: Views, frozen: boolean): void;
  /** After `forward`; as in `OpenLayer.backward`. `dy` may be overwritten. */
  backward(
    x: Vector,
    y: Vector,
    dy: Vector,
    dx: Vector | undefined,
    batch: number,
    params: Views,
    gradients: Views,
    accumulate: boolean,
  ): void;
  /** Derivatives of both passes, after `forward`. */
  openTangents(): ChainTangents;
}

/** As `TangentPasses`, with the parameters of every layer. */
export interface ChainTangents {
  forward(
    x: Vector,
    xDot: Vector | undefined,
    yDot: Vector,
    batch: number,
    params: Views,
    directions: Views,
  ): void;
  backward(
    at: { x: Vector; xDot: Vector | undefined; y: Vector; yDot: Vector },
    dy: Vector,
    dyDot: Vector,
    into: { dx: Vector; dxDot: Vector } | undefined,
    batch: number,
    params: Views,
    directions: Views,
    products: Views,
    accumulate: boolean,
  ): void;
}

/** Opens the layers of a chain for minibatches of up to `most`, on buffers of their own between them. */
export function openChain({ layers, shapes }: Chain, ops: Ops, most: number): OpenChain {
  const last = layers.length - 1;
  const opened = layers.map((layer, i) =>
    layer.open({ ops, batch: most, input: shapes[i]!, output: shapes[i + 1]! }),
  );
  const allocate = (i: number): Vector => ops.allocate(most * sizeOf(shapes[i]!));
  /** Buffers for what lies between the layers, shared by the input and output of one that works in place. */
  const between = (): Vector[] => {
    const buffers: Vector[] = [];
    for (let i = 1; i <= last; i++) {
      const shared = layers[i - 1]!.inPlace ? buffers[i - 1] : undefined;
      buffers[i] = shared ?? allocate(i);
    }
    return buffers;
  };
  const values = between();
  let gradients: Vector[] | undefined; // for those who ask for gradients
  return {
    statistics: opened.flatMap((layer) => layer.statistics ?? []),
    forward(x, y, batch, params, frozen) {
      for (let i = 0; i <= last; i++) {
        const output = i === last ? y : values[i + 1]!;
        opened[i]!.forward(i === 0 ? x : values[i]!, output, batch, params[i]!, frozen);
      }
    },
    backward(x, y, dy, dx, batch, params, into, accumulate) {
      gradients ??= between();
      let behind = dy;
      for (let i = last; i >= 0; i--) {
        const before = i === 0 ? dx : layers[i]!.inPlace ? behind : gradients[i]!;
        const input = i === 0 ? x : values[i]!;
        const output = i === last ? y : values[i + 1]!;
        opened[i]!.backward(input, output, behind, before, batch, params[i]!, into[i]!, accumulate);
        if (before !== undefined) behind = before;
      }
    },
    openTangents() {
      const passes: readonly TangentPasses[] = opened.map((layer: OpenLayer) => layer.openTangents());
      const dots = between();
      const gradientDots = between();
      gradients ??= between();
      const own = gradients;
      return {
        forward(x, xDot, yDot, batch, params, directions) {
          for (let i = 0; i <= last; i++) {
            const input = i === 0 ? x : values[i]!;
            const inputDot = i === 0 ? xDot : dots[i]!;
            const outputDot = i === last ? yDot : dots[i + 1]!;
            passes[i]!.forward(input, inputDot, outputDot, batch, params[i]!, directions[i]!);
          }
        },
        backward({ x, xDot, y, yDot }, dy, dyDot, into, batch, params, directions, products, accumulate) {
          let [behind, behindDot] = [dy, dyDot];
          for (let i = last; i >= 0; i--) {
            const inPlace = layers[i]!.inPlace;
            const before =
              i === 0
                ? into
                : { dx: inPlace ? behind : own[i]!, dxDot: inPlace ? behindDot : gradientDots[i]! };
            passes[i]!.backward(
              {
                x: i === 0 ? x : values[i]!,
                xDot: i === 0 ? xDot : dots[i]!,
                y: i === last ? y : values[i + 1]!,
                yDot: i === last ? yDot : dots[i + 1]!,
              },
              behind,
              behindDot,
              before,
              batch,
              params[i]!,
              directions[i]!,
              products[i]!,
              accumulate,
            );
            if (before !== undefined) [behind, behindDot] = [before.dx, before.dxDot];
          }
        },
      };
    },
  };
}
