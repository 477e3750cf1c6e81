// What every kernel computes, as plainly as it can be written; in the precision of the vectors it is given
// (float64 in the tests). The tests hold the WebAssembly kernels against these.
import type { DenseShape } from "./ops.ts";
import type { Vector } from "./types.ts";

export function denseForward(
  { batch, inputs, outputs }: DenseShape,
  x: Vector,
  w: Vector,
  bias: Vector,
  y: Vector,
): void {
  for (let b = 0; b < batch; b++) {
    for (let o = 0; o < outputs; o++) {
      let sum = bias[o]!;
      for (let i = 0; i < inputs; i++) sum += x[b * inputs + i]! * w[o * inputs + i]!;
      y[b * outputs + o] = sum;
    }
  }
}

export function denseBackwardWeights(
  { batch, inputs, outputs }: DenseShape,
  x: Vector,
  dy: Vector,
  dw: Vector,
  dbias: Vector,
  accumulate: boolean,
): void {
  if (!accumulate) {
    dw.fill(0);
    dbias.fill(0);
  }
  for (let b = 0; b < batch; b++) {
    for (let o = 0; o < outputs; o++) {
      const d = dy[b * outputs + o]!;
      dbias[o] = dbias[o]! + d;
      for (let i = 0; i < inputs; i++) dw[o * inputs + i] = dw[o * inputs + i]! + d * x[b * inputs + i]!;
    }
  }
}

export function denseBackwardInput(
  { batch, inputs, outputs }: DenseShape,
  dy: Vector,
  w: Vector,
  dx: Vector,
): void {
  dx.fill(0, 0, batch * inputs);
  for (let b = 0; b < batch; b++) {
    for (let o = 0; o < outputs; o++) {
      const d = dy[b * outputs + o]!;
      for (let i = 0; i < inputs; i++) dx[b * inputs + i] = dx[b * inputs + i]! + d * w[o * inputs + i]!;
    }
  }
}

export function sigmoid(x: Vector, y: Vector, count: number): void {
  for (let i = 0; i < count; i++) y[i] = 1 / (1 + Math.exp(-x[i]!));
}

export function sigmoidBackward(y: Vector, d: Vector, count: number): void {
  for (let i = 0; i < count; i++) d[i] = d[i]! * y[i]! * (1 - y[i]!);
}

export function tanh(x: Vector, y: Vector, count: number): void {
  for (let i = 0; i < count; i++) y[i] = Math.tanh(x[i]!);
}

export function tanhBackward(y: Vector, d: Vector, count: number): void {
  for (let i = 0; i < count; i++) d[i] = d[i]! * (1 - y[i]! * y[i]!);
}

export function relu(x: Vector, y: Vector, count: number): void {
  for (let i = 0; i < count; i++) y[i] = Math.max(x[i]!, 0);
}

export function reluBackward(y: Vector, d: Vector, count: number): void {
  for (let i = 0; i < count; i++) if (!(y[i]! > 0)) d[i] = 0;
}

export function softmaxCrossEntropy(
  logits: Vector,
  labels: Uint8Array,
  rows: number,
  classes: number,
  scale: number,
): { loss: number; correct: number } {
  let loss = 0;
  let correct = 0;
  for (let r = 0; r < rows; r++) {
    const z = logits.subarray(r * classes, (r + 1) * classes);
    const label = labels[r]!;
    let best = 0;
    for (let j = 1; j < classes; j++) if (z[j]! > z[best]!) best = j;
    if (best === label) correct++;
    const max = z[best]!;
    let sum = 0;
    for (let j = 0; j < classes; j++) sum += Math.exp(z[j]! - max);
    loss += Math.log(sum) + max - z[label]!;
    for (let j = 0; j < classes; j++) {
      z[j] = scale * (Math.exp(z[j]! - max) / sum - (j === label ? 1 : 0));
    }
  }
  return { loss, correct };
}

export function unpackPixels(pixels: Uint8Array, out: Vector): void {
  for (let i = 0; i < pixels.length; i++) out[i] = pixels[i]! / 255;
}
