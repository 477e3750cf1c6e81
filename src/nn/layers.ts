import { LowlandError } from "../errors.ts";
import type { Ops } from "../kernels/ops.ts";
import type { Vector } from "../kernels/types.ts";
import { axpy } from "../kernels/vector.ts";

/** Extents of one example: [features] or [height, width, channels]. */
export type Shape = readonly number[];

/** Number of entries of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** A layer with its buffers, for minibatches of at most the size it was opened for. */
export interface OpenLayer {
  /** What the last forward normalized by, of layers that normalize over the minibatch. */
  readonly statistics?: readonly Vector[];
  /**
   * y ← layer(x). `x` and `y` are the same vector for layers that work in place. With `frozen`, `statistics` are
   * taken as they are, as constants.
   */
  forward(x: Vector, y: Vector, batch: number, params: readonly Vector[], frozen: boolean): void;
  /**
   * Adds or writes the gradients of the parameters and, where `dx` is given, writes that of the input. `dx` and `dy`
   * are the same vector for layers that work in place; `dx` is undefined for the first layer.
   */
  backward(
    x: Vector,
    y: Vector,
    dy: Vector,
    dx: Vector | undefined,
    batch: number,
    params: readonly Vector[],
    gradients: readonly Vector[],
    accumulate: boolean,
  ): void;
  /** What exact Hessian-vector products need beyond the two passes; buffers are allocated here, by the first product. */
  openTangents(): TangentPasses;
}

/**
 * Derivatives of both passes along a direction θ̇ of the parameters (Pearlmutter's R operator); a dot marks the derivative
 * of what it stands on. At kinks and ties each follows the branch that `forward` took. Layers that normalize over the
 * minibatch do so by constants.
 *
 * @see Pearlmutter, "Fast exact multiplication by the Hessian", 1994
 */
export interface TangentPasses {
  /** Writes ẏ, after `forward`; ẋ is missing where the input is a constant. In place as `forward` is. */
  forward(
    x: Vector,
    xDot: Vector | undefined,
    yDot: Vector,
    batch: number,
    params: readonly Vector[],
    directions: readonly Vector[],
  ): void;
  /**
   * Adds or writes the derivative of the parameters' gradients to `products` and, where `dx` is given, writes the gradient
   * of the input and its derivative. In place as `backward` is.
   */
  backward(
    at: { x: Vector; xDot: Vector | undefined; y: Vector; yDot: Vector },
    dy: Vector,
    dyDot: Vector,
    into: { dx: Vector; dxDot: Vector } | undefined,
    batch: number,
    params: readonly Vector[],
    directions: readonly Vector[],
    products: readonly Vector[],
    accumulate: boolean,
  ): void;
}

/**
 * The tangents of a layer that is linear in its input and in its weights, by its own passes: (W + Ẇ)(x + ẋ) without the
 * squares.
 *
 * @param sizes entries of an example's input and output, and of the bias; `most` examples at a time
 * @param backwardInput dx ← the gradient of the input with these weights
 */
export function bilinearTangents(
  ops: Ops,
  { most, inputs, outputs, biases }: { most: number; inputs: number; outputs: number; biases: number },
  { forward, backward }: Pick<OpenLayer, "forward" | "backward">,
  backwardInput: (dy: Vector, w: Vector, dx: Vector, batch: number) => void,
): TangentPasses {
  const part = ops.allocate(most * outputs);
  const noBias = ops.allocate(biases);
  const unused = ops.allocate(biases);
  const addFirst = (x: Vector, y: Vector, count: number): void =>
    axpy(1, x.subarray(0, count), y.subarray(0, count));
  return {
    forward(x, xDot, yDot, batch, [w], directions) {
      forward(x, yDot, batch, directions, true);
      if (xDot === undefined) return;
      forward(xDot, part, batch, [w!, noBias], true);
      addFirst(part, yDot, batch * outputs);
    },
    backward({ x, xDot, y }, dy, dyDot, into, batch, params, [wDot], products, accumulate) {
      backward(x, y, dyDot, into?.dxDot, batch, params, products, accumulate);
      if (xDot === undefined || into === undefined) return; // the first layer: neither has a derivative
      backwardInput(dy, wDot!, into.dx, batch);
      addFirst(into.dx, into.dxDot, batch * inputs);
      backward(xDot, y, dy, into.dx, batch, params, [products[0]!, unused], true);
    },
  };
}

/** Parameters; `fanIn` is what initializations divide by, `initial` a constant every initialization uses. */
export type Slots = readonly {
  readonly name: string;
  readonly shape: readonly number[];
  readonly kind: "weight" | "bias";
  readonly fanIn?: number;
  readonly initial?: number;
}[];

/** A layer of a network: shapes and parameters, and how to open it on one precision's operations. */
export interface Layer {
  readonly name: string;
  /** Whether the layer works entry by entry and its output and input share one vector. */
  readonly inPlace: boolean;
  /** Whether it can compute only the first rows and columns of its output. */
  readonly croppable?: boolean;
  /** Shape of the output for this input shape. */
  output(input: Shape): Shape;
  /** The first rows and columns of the input that the output depends on; all of it where missing. */
  reads?(input: Shape): Shape;
  slots(input: Shape): Slots;
  /** Entries of `OpenLayer.statistics`, of layers that have them. */
  statisticsSize?(input: Shape): number;
  /** Floats of activations an example takes inside the layer. */
  activationSize?(input: Shape): number;
  open(context: { ops: Ops; batch: number; input: Shape; output: Shape }): OpenLayer;
}

/**
 * Refuses layers that overwrite what is still needed: the input, what the layer before needs for its gradient, or the output.
 *
 * @param output what the outputs of the last layer are
 * @throws {LowlandError} E_CONFIG
 */
export function refuseOverwriting(layers: readonly Layer[], output: string): void {
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
      `${last.name} comes last, but the outputs of the last layer are ${output}; put a dense layer behind it or leave it out`,
    );
  }
}

/** Fully connected: y = W x + b, W stored [outputs][inputs]. */
export function dense(outputs: number): Layer {
  return {
    name: "dense",
    inPlace: false,
    output: () => [outputs],
    slots: (input) => [
      { name: "w", shape: [outputs, sizeOf(input)], kind: "weight", fanIn: sizeOf(input) },
      { name: "b", shape: [outputs], kind: "bias" },
    ],
    open({ ops, batch: most, input }) {
      const inputs = sizeOf(input);
      const passes: Pick<OpenLayer, "forward" | "backward"> = {
        forward(x, y, batch, [w, b]) {
          ops.denseForward({ batch, inputs, outputs }, x, w!, b!, y);
        },
        backward(x, _y, dy, dx, batch, [w], [dw, db], accumulate) {
          const shape = { batch, inputs, outputs };
          ops.denseBackwardWeights(shape, x, dy, dw!, db!, accumulate);
          if (dx !== undefined) ops.denseBackwardInput(shape, dy, w!, dx);
        },
      };
      return {
        ...passes,
        openTangents: () =>
          bilinearTangents(ops, { most, inputs, outputs, biases: outputs }, passes, (dy, w, dx, batch) =>
            ops.denseBackwardInput({ batch, inputs, outputs }, dy, w, dx),
          ),
      };
    },
  };
}

type Activation = "sigmoid" | "tanh" | "relu";

/** f″/f′ as a function of y = f(x), where it is not zero. */
const BENDS: Readonly<Partial<Record<Activation, (y: number) => number>>> = {
  sigmoid: (y) => 1 - 2 * y,
  tanh: (y) => -2 * y,
};

function activation(name: Activation): Layer {
  return {
    name,
    inPlace: true,
    output: (input) => input,
    slots: () => [],
    open({ ops, input }) {
      const size = sizeOf(input);
      const forward = ops[name];
      const backward = ops[`${name}Backward`];
      const bend = BENDS[name];
      return {
        forward: (x, y, batch) => forward(x, y, batch * size),
        backward: (_x, y, dy, _dx, batch) => backward(y, dy, batch * size),
        openTangents: () => ({
          forward: (y, _xDot, yDot, batch) => backward(y, yDot, batch * size),
          backward({ y, yDot }, dy, dyDot, _into, batch) {
            const count = batch * size;
            backward(y, dyDot, count);
            if (bend !== undefined) {
              for (let i = 0; i < count; i++) dyDot[i] = dyDot[i]! + bend(y[i]!) * yDot[i]! * dy[i]!;
            }
            backward(y, dy, count);
          },
        }),
      };
    },
  };
}

/** y = 1 / (1 + e^−x). */
export function sigmoid(): Layer {
  return activation("sigmoid");
}

/** y = tanh x. */
export function tanh(): Layer {
  return activation("tanh");
}

/** y = max(x, 0). */
export function relu(): Layer {
  return activation("relu");
}
