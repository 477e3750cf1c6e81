import { LowlandError } from "../errors.ts";
import type { Arena } from "./memory.ts";
import * as reference from "./reference.ts";
import * as convolution from "./reference-conv.ts";
import type { Vector } from "./types.ts";

/** Extents of a dense layer over a minibatch. */
export interface DenseShape {
  readonly batch: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** Extents of a valid convolution over a minibatch of images [height][width][channels]. */
export interface ConvShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  /** Outputs computed: at most height − kernelHeight + 1; fewer leave out the last rows. */
  readonly outHeight: number;
  /** At most width − kernelWidth + 1. */
  readonly outWidth: number;
  readonly filters: number;
}

/** Extents of max-pooling over a minibatch of images. */
export interface PoolShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Statistics of batch normalization: one entry a channel. */
export interface ChannelStatistics {
  readonly mean: Vector;
  /** Mean squared deviation (divided by the count, not the count − 1). */
  readonly variance: Vector;
}

/** Buffers of one precision and the functions that work on them. */
export interface Ops {
  /** `length` zeros. */
  allocate(length: number): Vector;
  /** Y[b][o] = bias[o] + Σ_i X[b][i]·W[o][i]. */
  denseForward(shape: DenseShape, x: Vector, w: Vector, bias: Vector, y: Vector): void;
  /** dW[o][i] (+)= Σ_b dY[b][o]·X[b][i]; dbias[o] (+)= Σ_b dY[b][o]. */
  denseBackwardWeights(
    shape: DenseShape,
    x: Vector,
    dy: Vector,
    dw: Vector,
    dbias: Vector,
    accumulate: boolean,
  ): void;
  /** dX[b][i] = Σ_o dY[b][o]·W[o][i]. */
  denseBackwardInput(shape: DenseShape, dy: Vector, w: Vector, dx: Vector): void;
  /** Floats of scratch the convolution needs: the packed filters and lists of nonzero gradients. */
  convScratch(shape: ConvShape): number;
  /** y[b][oy][ox][o] = bias[o] + Σ x[b][oy+ky][ox+kx][i]·w[o][ky][kx][i]. */
  convForward(shape: ConvShape, x: Vector, w: Vector, bias: Vector, y: Vector, scratch: Vector): void;
  /** dW[o][ky][kx][i] (+)= Σ dY[b][oy][ox][o]·x[b][oy+ky][ox+kx][i]; dbias[o] (+)= Σ dY[b][oy][ox][o]. */
  convBackwardWeights(
    shape: ConvShape,
    x: Vector,
    dy: Vector,
    dw: Vector,
    dbias: Vector,
    accumulate: boolean,
    scratch: Vector,
  ): void;
  /** dX[b][oy+ky][ox+kx][i] = Σ dY[b][oy][ox][o]·w[o][ky][kx][i]. */
  convBackwardInput(shape: ConvShape, dy: Vector, w: Vector, dx: Vector, scratch: Vector): void;
  /** y ← largest of each 2×2 window, `at` ← which: 2·row + column, the first among equals. Odd edges are dropped. */
  maxPool(shape: PoolShape, x: Vector, y: Vector, at: Uint8Array): void;
  /** dX ← dY where `at` says the largest was, else 0. */
  maxPoolBackward(shape: PoolShape, dy: Vector, at: Uint8Array, dx: Vector): void;
  /** y ← the entry of x in each 2×2 window that `at` names. */
  maxPoolAt(shape: PoolShape, x: Vector, at: Uint8Array, y: Vector): void;
  /** Mean and variance of every column of x[rows][channels]. */
  batchNormStatistics(rows: number, x: Vector, statistics: ChannelStatistics): void;
  /** y ← γ·x̂ + β, x̂ = (x − mean)/√(variance + ε). */
  batchNormForward(
    rows: number,
    x: Vector,
    gamma: Vector,
    beta: Vector,
    statistics: ChannelStatistics,
    eps: number,
    y: Vector,
  ): void;
  /**
   * dγ (+)= Σ dY·x̂; dβ (+)= Σ dY; dX = γ/√(variance + ε)·(dY − mean(dY) − x̂·mean(dY·x̂)), or without the two means
   * where the statistics are constants (`frozen`).
   */
  batchNormBackward(
    rows: number,
    x: Vector,
    dy: Vector,
    gamma: Vector,
    statistics: ChannelStatistics,
    eps: number,
    dgamma: Vector,
    dbeta: Vector,
    dx: Vector | undefined,
    mode: { readonly frozen: boolean; readonly accumulate: boolean },
  ): void;
  /** `length` zero bytes. */
  allocateBytes(length: number): Uint8Array;
  /** y ← σ(x) over `count` entries; `y` may be `x`. */
  sigmoid(x: Vector, y: Vector, count: number): void;
  /** d ← d·y·(1−y). */
  sigmoidBackward(y: Vector, d: Vector, count: number): void;
  /** y ← tanh(x). */
  tanh(x: Vector, y: Vector, count: number): void;
  /** d ← d·(1−y²). */
  tanhBackward(y: Vector, d: Vector, count: number): void;
  /** y ← max(x, 0). */
  relu(x: Vector, y: Vector, count: number): void;
  /** d ← d where y > 0, else 0. */
  reluBackward(y: Vector, d: Vector, count: number): void;
  /**
   * Softmax cross-entropy of `rows` rows of `classes` logits. Replaces them by scale·(softmax − onehot) and returns
   * the sum of the losses (float64) and the number of rows whose largest logit is the label's.
   */
  softmaxCrossEntropy(
    logits: Vector,
    labels: Uint8Array,
    rows: number,
    classes: number,
    scale: number,
  ): { loss: number; correct: number };
  /** out ← pixels / 255. */
  unpackPixels(pixels: Uint8Array, out: Vector): void;
}

/** Float32 on the kernels of the arena; every vector must come from `allocate` or lie in the arena's memory. */
export function kernelOps(arena: Arena): Ops {
  const { calls, memory } = arena.kernels;
  const correct = arena.int32(1);
  let bytes = arena.uint8(0);
  let sums = arena.float32(0);
  /** Scratch of batch normalization: 28 bytes a channel. */
  const scratchOf = (channels: number): number => {
    if (sums.length < 7 * channels) sums = arena.float32(7 * channels);
    return sums.byteOffset;
  };
  /** Where `data` lies in kernel memory, copied there if it lies elsewhere. */
  const staged = (data: Uint8Array): number => {
    if (data.buffer === memory.buffer) return data.byteOffset;
    if (bytes.length < data.length) bytes = arena.uint8(data.length);
    bytes.set(data);
    return bytes.byteOffset;
  };
  return {
    allocate: (length) => arena.float32(length),
    denseForward({ batch, inputs, outputs }, x, w, bias, y) {
      calls.gemmDot(
        batch,
        outputs,
        inputs,
        x.byteOffset,
        inputs,
        w.byteOffset,
        inputs,
        y.byteOffset,
        outputs,
        bias.byteOffset,
      );
    },
    denseBackwardWeights({ batch, inputs, outputs }, x, dy, dw, dbias, accumulate) {
      calls.gemmLanes(
        outputs,
        inputs,
        batch,
        dy.byteOffset,
        1,
        outputs,
        x.byteOffset,
        inputs,
        dw.byteOffset,
        inputs,
        accumulate,
      );
      calls.columnSums(batch, outputs, dy.byteOffset, outputs, dbias.byteOffset, accumulate);
    },
    denseBackwardInput({ batch, inputs, outputs }, dy, w, dx) {
      calls.gemmLanes(
        batch,
        inputs,
        outputs,
        dy.byteOffset,
        outputs,
        1,
        w.byteOffset,
        inputs,
        dx.byteOffset,
        inputs,
        false,
      );
    },
    convScratch(shape) {
      const { kernelHeight, kernelWidth, channels, filters } = shape;
      const [, ...rest] = extents(shape);
      const lists = calls.convScratchBytes(...rest);
      // the panels of `convPack` are filled up to 16 filters
      return Math.max(lists / 4, kernelHeight * kernelWidth * channels * 16 * Math.ceil(filters / 16));
    },
    convForward(shape, x, w, bias, y, scratch) {
      const { kernelHeight, kernelWidth, channels, filters } = shape;
      calls.convPack(w.byteOffset, filters, kernelHeight * kernelWidth * channels, scratch.byteOffset);
      calls.convForward(...extents(shape), x.byteOffset, scratch.byteOffset, bias.byteOffset, y.byteOffset);
    },
    convBackwardWeights(shape, x, dy, dw, dbias, accumulate, scratch) {
      if (!accumulate) {
        dw.fill(0);
        dbias.fill(0);
      }
      calls.convBackwardWeights(
        ...extents(shape),
        x.byteOffset,
        dy.byteOffset,
        dw.byteOffset,
        dbias.byteOffset,
        scratch.byteOffset,
      );
    },
    convBackwardInput(shape, dy, w, dx, scratch) {
      calls.convBackwardInput(
        ...extents(shape),
        dy.byteOffset,
        w.byteOffset,
        dx.byteOffset,
        scratch.byteOffset,
      );
    },
    maxPool({ batch, height, width, channels }, x, y, at) {
      calls.maxPool(batch, height, width, channels, x.byteOffset, y.byteOffset, at.byteOffset);
    },
    maxPoolBackward({ batch, height, width, channels }, dy, at, dx) {
      calls.maxPoolBackward(batch, height, width, channels, dy.byteOffset, at.byteOffset, dx.byteOffset);
    },
    maxPoolAt: convolution.maxPoolAt,
    batchNormStatistics(rows, x, { mean, variance }) {
      const channels = mean.length;
      calls.batchNormStatistics(
        rows,
        channels,
        x.byteOffset,
        mean.byteOffset,
        variance.byteOffset,
        scratchOf(channels),
      );
    },
    batchNormForward(rows, x, gamma, beta, { mean, variance }, eps, y) {
      const channels = mean.length;
      calls.batchNormForward(
        rows,
        channels,
        x.byteOffset,
        gamma.byteOffset,
        beta.byteOffset,
        mean.byteOffset,
        variance.byteOffset,
        eps,
        y.byteOffset,
        scratchOf(channels),
      );
    },
    batchNormBackward(rows, x, dy, gamma, { mean, variance }, eps, dgamma, dbeta, dx, mode) {
      if (!mode.accumulate) {
        dgamma.fill(0);
        dbeta.fill(0);
      }
      const channels = mean.length;
      calls.batchNormBackward(
        rows,
        channels,
        x.byteOffset,
        dy.byteOffset,
        gamma.byteOffset,
        mean.byteOffset,
        variance.byteOffset,
        eps,
        dgamma.byteOffset,
        dbeta.byteOffset,
        dx?.byteOffset ?? 0,
        mode.frozen,
        scratchOf(channels),
      );
    },
    allocateBytes: (length) => arena.uint8(length),
    sigmoid: (x, y, count) => calls.sigmoid(x.byteOffset, y.byteOffset, count),
    sigmoidBackward: (y, d, count) => calls.sigmoidBackward(y.byteOffset, d.byteOffset, count),
    tanh: (x, y, count) => calls.tanh(x.byteOffset, y.byteOffset, count),
    tanhBackward: (y, d, count) => calls.tanhBackward(y.byteOffset, d.byteOffset, count),
    relu: (x, y, count) => calls.relu(x.byteOffset, y.byteOffset, count),
    reluBackward: (y, d, count) => calls.reluBackward(y.byteOffset, d.byteOffset, count),
    softmaxCrossEntropy(logits, labels, rows, classes, scale) {
      const loss = calls.softmaxCrossEntropy(
        logits.byteOffset,
        staged(labels),
        rows,
        classes,
        scale,
        correct.byteOffset,
      );
      if (correct[0]! < 0) {
        const label = labels.subarray(0, rows).find((entry) => entry >= classes);
        throw new LowlandError("E_DATA", `label ${label} is not below the number of classes, ${classes}`);
      }
      return { loss, correct: correct[0]! };
    },
    unpackPixels: (pixels, out) => calls.unpackPixels(staged(pixels), pixels.length, out.byteOffset),
  };
}

/** The extents in the order in which the kernels take them. */
function extents(s: ConvShape): [number, number, number, number, number, number, number, number, number] {
  return [
    s.batch,
    s.height,
    s.width,
    s.channels,
    s.kernelHeight,
    s.kernelWidth,
    s.outHeight,
    s.outWidth,
    s.filters,
  ];
}

/** The plain TypeScript reference in float64. */
export const referenceOps: Ops = {
  allocate: (length) => new Float64Array(length),
  allocateBytes: (length) => new Uint8Array(length),
  ...reference,
  ...convolution,
};
