import { celoColumns, clip1000 } from "./celo-reference.ts";
import {
  normalized,
  perceptron,
  type ReferenceStep,
  type ReferenceTensor,
  referenceAccumulators,
  rsqrt,
  type Theta,
} from "./tensor-reference.ts";

/** Settings of `celo2-base` and `celo2`, the latter `orthogonal`. */
export interface Celo2Reference {
  readonly lr: number;
  readonly decay: number;
  readonly orthogonal: boolean;
}

/** Celo2 in float64, one tensor. */
export function celo2Reference(
  theta: Theta,
  { shape, bias }: ReferenceTensor,
  { lr, decay, orthogonal }: Celo2Reference,
): ReferenceStep {
  if (orthogonal && bias) return adamReference(20 * lr, decay);
  const accumulators = referenceAccumulators(shape, {
    ...{ momenta: [0.9, 0.99, 0.999], second: 0.95, factored: [0.9, 0.99, 0.999] },
  });
  const group = shape.slice(-2).reduce((size, extent) => size * extent, 1);
  return (params, gradient) => {
    const clipped = clip1000(gradient);
    accumulators.update(clipped);
    const all = celoColumns(params, clipped, accumulators, { eps: 1e-8, vectors: false });
    const columns = all.map((x) => normalized(x, group, 1e-9));
    // a vector has the first fifteen inputs alone
    let direction = Float64Array.from(perceptron(theta, columns), ([first]) => first!);
    if (orthogonal && shape.length > 1) {
      for (let from = 0; from < direction.length; from += group) {
        const x = direction.subarray(from, from + group);
        x.set(newtonSchulz(x, shape.at(-2)!, shape.at(-1)!));
      }
    }
    direction = normalized(direction, group, 1e-9) as Float64Array<ArrayBuffer>;
    return params.map((p, i) => p - lr * direction[i]! - decay * lr * p);
  };
}

/** Adam without bias correction, ε inside the root. */
function adamReference(lr: number, decay: number): ReferenceStep {
  let m: Float64Array | undefined;
  let v: Float64Array | undefined;
  return (params, gradient) => {
    m = gradient.map((g, i) => 0.9 * (m?.[i] ?? 0) + 0.1 * g);
    v = gradient.map((g, i) => 0.95 * (v?.[i] ?? 0) + 0.05 * g * g);
    return params.map((p, i) => p - lr * m![i]! * rsqrt(v![i]! + 1e-8) - decay * lr * p);
  };
}

/** Five iterations that take singular values towards 1: A = XXᵀ, X ← 3.4445 X + (−4.7750 A + 2.0315 A²) X. */
export function newtonSchulz(x: Float64Array, rows: number, cols: number): Float64Array {
  if (rows > cols) return transposed(newtonSchulz(transposed(x, rows, cols), cols, rows), cols, rows);
  const length = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0)) + 1e-8;
  let y = x.map((value) => value / length);
  for (let iteration = 0; iteration < 5; iteration++) {
    const a = times(y, transposed(y, rows, cols), rows, cols, rows);
    const squared = times(a, a, rows, rows, rows);
    const factor = a.map((value, i) => -4.775 * value + 2.0315 * squared[i]!);
    const change = times(factor, y, rows, rows, cols);
    y = y.map((value, i) => 3.4445 * value + change[i]!);
  }
  return y;
}

function transposed(x: Float64Array, rows: number, cols: number): Float64Array {
  return x.map((_, i) => x[(i % rows) * cols + Math.floor(i / rows)]!);
}

/** a (m × k) times b (k × n). */
function times(a: Float64Array, b: Float64Array, m: number, k: number, n: number): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let l = 0; l < k; l++) out[i * n + j]! += a[i * k + l]! * b[l * n + j]!;
    }
  }
  return out;
}
