import type { Arena } from "./memory.ts";
import { kernels } from "./module.ts";
import * as reference from "./reference.ts";
import type { Vector } from "./types.ts";

/** Extents of a dense layer over a minibatch. */
export interface DenseShape {
  readonly batch: number;
  readonly inputs: number;
  readonly outputs: number;
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

/** Float32 on the WebAssembly kernels; every vector must come from `allocate` or an arena of this thread. */
export function kernelOps(arena: Arena): Ops {
  const { wasm, memory } = kernels();
  const correct = arena.int32(1);
  let bytes = arena.uint8(0);
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
      wasm.gemmDot(
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
      wasm.gemmLanes(
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
      wasm.columnSums(batch, outputs, dy.byteOffset, outputs, dbias.byteOffset, accumulate);
    },
    denseBackwardInput({ batch, inputs, outputs }, dy, w, dx) {
      wasm.gemmLanes(
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
    sigmoid: (x, y, count) => wasm.sigmoid(x.byteOffset, y.byteOffset, count),
    sigmoidBackward: (y, d, count) => wasm.sigmoidBackward(y.byteOffset, d.byteOffset, count),
    tanh: (x, y, count) => wasm.tanh(x.byteOffset, y.byteOffset, count),
    tanhBackward: (y, d, count) => wasm.tanhBackward(y.byteOffset, d.byteOffset, count),
    relu: (x, y, count) => wasm.relu(x.byteOffset, y.byteOffset, count),
    reluBackward: (y, d, count) => wasm.reluBackward(y.byteOffset, d.byteOffset, count),
    softmaxCrossEntropy(logits, labels, rows, classes, scale) {
      const loss = wasm.softmaxCrossEntropy(
        logits.byteOffset,
        staged(labels),
        rows,
        classes,
        scale,
        correct.byteOffset,
      );
      return { loss, correct: correct[0]! };
    },
    unpackPixels: (pixels, out) => wasm.unpackPixels(staged(pixels), pixels.length, out.byteOffset),
  };
}

/** The plain TypeScript reference in float64. */
export const referenceOps: Ops = {
  allocate: (length) => new Float64Array(length),
  ...reference,
};
