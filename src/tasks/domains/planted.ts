import type { Vector } from "../../kernels/types.ts";
import { foldIn, type Key, normal } from "../../random/key.ts";

/** ½‖Ax − b‖²/m, made so that its gradient at a point of one's choice is what one chooses. */
export interface LeastSquares {
  /** Rows m of A. */
  readonly rows: number;
  /** ½‖Ax − b‖²/m; writes Aᵀ(Ax − b)/m. */
  value(x: Vector, gradient: Vector): number;
  /** AᵀA v/m. */
  product(v: Vector, out: Vector): void;
}

/**
 * Least squares with a known solution of a constrained or regularized problem: A has m = 4n rows of N(0, 1), its columns
 * scaled from 1 down to `condition`^−½, and b = Ax* − r with Aᵀr/m = s, so that ∇(x*) = s to rounding. Whoever chooses x* and s
 * by the optimality conditions of a convex problem knows its optimum.
 */
export function plantedLeastSquares(
  key: Key,
  { optimum, slope, condition }: { optimum: Float64Array; slope: Float64Array; condition: number },
): LeastSquares {
  const n = optimum.length;
  const m = 4 * n;
  const a = new Float64Array(m * n);
  normal(foldIn(key, 0), a);
  for (let i = 0; i < a.length; i++) a[i]! *= condition ** (-0.5 * ((i % n) / Math.max(1, n - 1)));
  const gram = Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: n }, (__, j) => {
      let sum = 0;
      for (let row = 0; row < m; row++) sum += a[row * n + i]! * a[row * n + j]!;
      return sum / m;
    }),
  );
  const y = solve(gram, slope);
  const b = new Float64Array(m);
  for (let row = 0; row < m; row++) {
    for (let j = 0; j < n; j++) b[row]! += a[row * n + j]! * (optimum[j]! - y[j]!);
  }
  return {
    rows: m,
    value(x, gradient) {
      const sums = new Float64Array(n);
      let loss = 0;
      for (let row = 0; row < m; row++) {
        let residual = -b[row]!;
        for (let j = 0; j < n; j++) residual += a[row * n + j]! * x[j]!;
        loss += 0.5 * residual * residual;
        for (let j = 0; j < n; j++) sums[j]! += residual * a[row * n + j]!;
      }
      for (let j = 0; j < n; j++) gradient[j] = sums[j]! / m;
      return loss / m;
    },
    product(v, out) {
      for (let i = 0; i < n; i++) {
        let sum = 0;
        for (let j = 0; j < n; j++) sum += gram[i]![j]! * v[j]!;
        out[i] = sum;
      }
    },
  };
}

/** x with Mx = c, M symmetric and positive definite: Gaussian elimination, which then needs no pivoting. */
function solve(matrix: readonly Float64Array[], right: Float64Array): Float64Array {
  const n = right.length;
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  for (let k = 0; k < n; k++) {
    for (let i = k + 1; i < n; i++) {
      const factor = rows[i]![k]! / rows[k]![k]!;
      for (let j = k; j <= n; j++) rows[i]![j]! -= factor * rows[k]![j]!;
    }
  }
  const x = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    let sum = rows[i]![n]!;
    for (let j = i + 1; j < n; j++) sum -= rows[i]![j]! * x[j]!;
    x[i] = sum / rows[i]![i]!;
  }
  return x;
}

/** ‖x − x*‖/‖x*‖. */
export function distanceTo(optimum: Float64Array, x: Vector): number {
  let [error, size] = [0, 0];
  for (let i = 0; i < optimum.length; i++) {
    error += (x[i]! - optimum[i]!) ** 2;
    size += optimum[i]! ** 2;
  }
  return Math.sqrt(error / size);
}
