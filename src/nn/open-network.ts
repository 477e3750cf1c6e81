import { LowlandError } from "../errors.ts";
import type { Ops } from "../kernels/ops.ts";
import type { Vector } from "../kernels/types.ts";
import { type Layer, type Shape, sizeOf, type TangentPasses } from "./layers.ts";

/** Floats of activations, 2 MB, that go through the layers at a time: as much as a second-level cache holds. */
const PART_ACTIVATIONS = 2 ** 19;

interface PartOptions {
  readonly weights: readonly Vector[][];
  readonly outputs: readonly Vector[][] | undefined;
  readonly scale: number;
  readonly accumulate: boolean;
  readonly frozen: boolean;
}

/** What products need beside the buffers of `run`. */
interface Tangents {
  readonly passes: readonly TangentPasses[];
  /** Derivatives of the values and of their gradients; none of the input, a constant. */
  readonly values: readonly (Vector | undefined)[];
  readonly gradients: readonly (Vector | undefined)[];
}

/** Layers one behind the other, and the flat vector that holds their parameters. */
export interface Stack {
  readonly layers: readonly Layer[];
  /** The input's shape, then every layer's output. */
  readonly shapes: readonly Shape[];
  /** Entries of the statistics over the minibatch that the layers normalize by. */
  readonly statisticsSize: number;
  /** Floats of activations an example takes. */
  readonly activationSize: number;
  /** The parameters of every layer as views into a flat vector. */
  viewsOf(vector: Vector): Vector[][];
}

/** A network with the buffers for minibatches of at most one size. */
export interface OpenNetwork {
  /** Where the caller writes the inputs, example after example. */
  readonly input: Vector;
  /**
   * Runs the network on the first `count` examples of `input` (or of `x`) and returns the sum of their softmax
   * cross-entropies and the number classified correctly. With `gradient`, writes or adds
   * scale · ∂(that sum)/∂params to it. With `statistics`, normalizes by these constants instead of the minibatch's.
   */
  run(
    params: Vector,
    labels: Uint8Array,
    count: number,
    options?: {
      x?: Vector;
      gradient?: Vector | undefined;
      scale?: number;
      accumulate?: boolean;
      statistics?: Vector | undefined;
    },
  ): { loss: number; correct: number };
  /**
   * Writes or adds scale · H·direction to `product`, exactly: H is the Hessian of the sum that `run` returns, with
   * statistics over the minibatch as constants, and at kinks that of the branch taken. Costs about as much as three runs
   * with a gradient, half as much where the first layer dominates.
   *
   * @param statistics what to normalize by; needed where the network has statistics
   */
  hessianVectorProduct(
    params: Vector,
    labels: Uint8Array,
    count: number,
    options: {
      direction: Vector;
      product: Vector;
      x?: Vector;
      scale?: number;
      accumulate?: boolean;
      statistics?: Vector | undefined;
    },
  ): void;
  /** Copies what the last run normalized by into `out` (length `statisticsSize`). */
  readStatistics(out: Vector): void;
}

/** Allocates the buffers for minibatches of up to `most` examples, and runs a stack of layers forward and back in them. */
export function openNetwork(
  { layers, shapes, statisticsSize, activationSize, viewsOf }: Stack,
  ops: Ops,
  most: number,
): OpenNetwork {
  const inputSize = sizeOf(shapes[0]!);
  const classes = sizeOf(shapes.at(-1)!);
  // examples that go through the layers together: all of them, where layers normalize over them
  const batch = statisticsSize > 0 ? most : Math.min(most, Math.ceil(PART_ACTIVATIONS / activationSize));
  const opened = layers.map((layer, i) =>
    layer.open({ ops, batch, input: shapes[i]!, output: shapes[i + 1]! }),
  );
  const statisticsOf = opened.flatMap((layer) => layer.statistics ?? []);
  const allocate = (shape: Shape): Vector => ops.allocate(batch * sizeOf(shape));
  const values: Vector[] = [ops.allocate(most * inputSize)];
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
  /** `run` for as many examples as the buffers hold. */
  const runPart = (
    x: Vector,
    labels: Uint8Array,
    count: number,
    { weights, outputs, scale, accumulate, frozen }: PartOptions,
  ): { loss: number; correct: number } => {
    const inputOf = (i: number): Vector => (i === 0 ? x : values[i]!);
    opened.forEach((layer, i) => {
      layer.forward(inputOf(i), values[i + 1]!, count, weights[i]!, frozen);
    });
    const logits = values.at(-1)!;
    const result = ops.softmaxCrossEntropy(logits, labels, count, classes, scale);
    if (outputs === undefined) return result;
    // The loss leaves its gradient where the logits were.
    let dy = logits;
    for (let i = layers.length - 1; i >= 0; i--) {
      const dx = i === 0 ? undefined : layers[i]!.inPlace ? dy : gradients[i];
      opened[i]!.backward(inputOf(i), values[i + 1]!, dy, dx, count, weights[i]!, outputs[i]!, accumulate);
      if (dx !== undefined) dy = dx;
    }
    return result;
  };
  /** Buffers in which layers that work in place share their output's with their input's. */
  const buffersLike = (own: readonly (Vector | undefined)[]): (Vector | undefined)[] => {
    const like = new Map<Vector, Vector>();
    return own.map((vector, i) => {
      if (i === 0 || vector === undefined) return undefined;
      const buffer = like.get(vector) ?? allocate(shapes[i]!);
      like.set(vector, buffer);
      return buffer;
    });
  };
  let tangents: Tangents | undefined;
  const tangentsOf = (): Tangents => {
    tangents ??= {
      passes: opened.map((layer) => layer.openTangents()),
      values: buffersLike(values),
      gradients: buffersLike(gradients),
    };
    return tangents;
  };
  /** `hessianVectorProduct` for as many examples as the buffers hold. */
  const productPart = (
    x: Vector,
    labels: Uint8Array,
    count: number,
    directions: readonly Vector[][],
    { weights, outputs, scale, accumulate }: PartOptions,
  ): void => {
    const { passes, values: dots, gradients: gradientDots } = tangentsOf();
    const inputOf = (i: number): Vector => (i === 0 ? x : values[i]!);
    opened.forEach((layer, i) => {
      layer.forward(inputOf(i), values[i + 1]!, count, weights[i]!, true);
      passes[i]!.forward(inputOf(i), dots[i], dots[i + 1]!, count, weights[i]!, directions[i]!);
    });
    const logits = values.at(-1)!;
    ops.softmaxCrossEntropy(logits, labels, count, classes, scale);
    let dy = logits;
    let dyDot = dots.at(-1)!;
    softmaxTangent(dy, dyDot, labels, count, classes, scale);
    for (let i = layers.length - 1; i >= 0; i--) {
      const own = layers[i]!.inPlace;
      const into =
        i === 0 ? undefined : { dx: own ? dy : gradients[i]!, dxDot: own ? dyDot : gradientDots[i]! };
      passes[i]!.backward(
        { x: inputOf(i), xDot: dots[i], y: values[i + 1]!, yDot: dots[i + 1]! },
        dy,
        dyDot,
        into,
        count,
        weights[i]!,
        directions[i]!,
        outputs![i]!,
        accumulate,
      );
      if (into !== undefined) [dy, dyDot] = [into.dx, into.dxDot];
    }
  };
  /** Goes through `count` examples in as many as the buffers hold; gradients of all but the first are added to those before. */
  const eachBatch = (
    x: Vector,
    labels: Uint8Array,
    count: number,
    accumulate: boolean,
    use: (x: Vector, labels: Uint8Array, length: number, accumulate: boolean) => void,
  ): void => {
    if (count <= batch) {
      use(x, labels, count, accumulate);
      return;
    }
    for (let start = 0; start < count; start += batch) {
      const end = Math.min(start + batch, count);
      const part = x.subarray(start * inputSize, end * inputSize);
      use(part, labels.subarray(start, end), end - start, accumulate || start > 0);
    }
  };
  return {
    input: values[0]!,
    hessianVectorProduct(
      params,
      labels,
      count,
      { direction, product, x = values[0]!, scale = 1, accumulate = false, statistics },
    ) {
      checkLabels(labels, count, classes);
      if (statistics !== undefined) eachPart(statistics, statisticsOf, (part, own) => own.set(part));
      const directions = viewsOf(direction);
      const options = { weights: views(params), outputs: views(product), scale, frozen: true };
      eachBatch(x, labels, count, accumulate, (part, own, length, added) =>
        productPart(part, own, length, directions, { ...options, accumulate: added }),
      );
    },
    run(params, labels, count, { x = values[0]!, gradient, scale = 1, accumulate = false, statistics } = {}) {
      checkLabels(labels, count, classes);
      const frozen = statistics !== undefined;
      if (frozen) eachPart(statistics, statisticsOf, (part, own) => own.set(part));
      const weights = views(params);
      const outputs = gradient && views(gradient);
      const options = { weights, outputs, scale, frozen };
      let loss = 0;
      let correct = 0;
      eachBatch(x, labels, count, accumulate, (part, own, length, added) => {
        const result = runPart(part, own, length, { ...options, accumulate: added });
        loss += result.loss;
        correct += result.correct;
      });
      return { loss, correct };
    },
    readStatistics(out) {
      eachPart(out, statisticsOf, (part, own) => part.set(own));
    },
  };
}

/** Refuses labels that are missing or name no output: the loss would read and write beyond a row. */
function checkLabels(labels: Uint8Array, count: number, classes: number): void {
  for (let i = 0; i < count; i++) {
    if (labels[i]! < classes) continue;
    throw new LowlandError(
      "E_DATA",
      `label ${i} of ${count} is ${labels[i]}, ${classes} outputs go from 0 to ${classes - 1}; correct the labels`,
    );
  }
}

/**
 * Replaces ż, the derivative of the logits, by that of the gradient dz = scale·(p − onehot) that softmax cross-entropy
 * leaves: scale·p∘(ż − pᵀż).
 */
function softmaxTangent(
  dz: Vector,
  zDot: Vector,
  labels: Uint8Array,
  rows: number,
  classes: number,
  scale: number,
): void {
  for (let row = 0; row < rows; row++) {
    const first = row * classes;
    const probability = (c: number): number => dz[first + c]! / scale + (c === labels[row] ? 1 : 0);
    let mean = 0;
    for (let c = 0; c < classes; c++) mean += probability(c) * zDot[first + c]!;
    for (let c = 0; c < classes; c++) {
      zDot[first + c] = scale * probability(c) * (zDot[first + c]! - mean);
    }
  }
}

/** Goes through a flat vector in parts as long as `owners`. */
function eachPart(flat: Vector, owners: readonly Vector[], use: (part: Vector, owner: Vector) => void): void {
  let offset = 0;
  for (const owner of owners) {
    use(flat.subarray(offset, offset + owner.length), owner);
    offset += owner.length;
  }
}
