import { LowlandError } from "../errors.ts";
import { kernels } from "./module.ts";
import type { Vector } from "./types.ts";

// Float32 vectors in kernel memory run on the kernels. Everything else runs on the plain TypeScript
// below, which for float32 rounds after every operation and sums in the kernels' order: the same bits.

/** Whether a vector lies in this thread's kernel memory. */
export function inKernelMemory(x: Vector): x is Float32Array<ArrayBuffer> {
  return x.buffer === kernels().memory.buffer && x instanceof Float32Array;
}

/**
 * Refuses a vector of another length, before a kernel reads or writes past its end.
 *
 * @throws {LowlandError} E_SHAPE
 */
export function requireLength(what: string, vector: Vector, length: number): void {
  if (vector.length === length) return;
  throw new LowlandError("E_SHAPE", `${what} has ${vector.length} entries where ${length} are needed`);
}

/** Rounding of the precision of `x`: the identity for float64. */
export function roundingOf(x: Vector): (value: number) => number {
  return x instanceof Float32Array ? Math.fround : (value) => value;
}

/** Σ x_i y_i, accumulated in float64. */
export function dot(x: Vector, y: Vector): number {
  requireLength("the second vector of dot", y, x.length);
  if (inKernelMemory(x) && inKernelMemory(y)) {
    return kernels().calls.dot(x.byteOffset, y.byteOffset, x.length);
  }
  let sum = 0;
  for (let from = 0; from < x.length; from += STRETCH) {
    sum += dotStretch(x, y, from, Math.min(x.length, from + STRETCH));
  }
  return sum;
}

/** Entries that the kernel sums before it adds them to the rest. */
const STRETCH = 1 << 15;

function dotStretch(x: Vector, y: Vector, from: number, to: number): number {
  const lanes = new Float64Array(16);
  const whole = from + ((to - from) & ~15);
  for (let i = from; i < whole; i++) lanes[(i - from) & 15]! += x[i]! * y[i]!;
  const [a, b, c, d, e, f, g, h] = lanes.subarray(0, 8).map((value, i) => value + lanes[i + 8]!);
  let sum = a! + e! + (c! + g!) + (b! + f! + (d! + h!));
  for (let i = whole; i < to; i++) sum += x[i]! * y[i]!;
  return sum;
}

/** ‖x‖₂, accumulated in float64. */
export function norm(x: Vector): number {
  return Math.sqrt(dot(x, x));
}

/** y ← y + a·x. */
export function axpy(a: number, x: Vector, y: Vector): void {
  addScaled(y, a, x, y);
}

/** out ← x + a·y. `out` may be `x` or `y`. */
export function addScaled(x: Vector, a: number, y: Vector, out: Vector): void {
  requireLength("the vector to add", y, x.length);
  requireLength("the result of addScaled", out, x.length);
  if (inKernelMemory(x) && inKernelMemory(y) && inKernelMemory(out)) {
    kernels().calls.addScaled(x.byteOffset, a, y.byteOffset, out.byteOffset, x.length);
    return;
  }
  const round = roundingOf(out);
  const factor = round(a);
  for (let i = 0; i < x.length; i++) out[i] = x[i]! + round(factor * y[i]!);
}

/** x ← a·x. */
export function scale(a: number, x: Vector): void {
  if (inKernelMemory(x)) {
    kernels().calls.scale(a, x.byteOffset, x.length);
    return;
  }
  const factor = roundingOf(x)(a);
  for (let i = 0; i < x.length; i++) x[i] = factor * x[i]!;
}

/** Whether every entry is a finite number. */
export function allFinite(x: Vector): boolean {
  return Number.isFinite(dot(x, x));
}
