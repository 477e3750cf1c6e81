/** Eigenvalues in ascending order, and the unit eigenvector of each. */
export interface Eigensystem {
  readonly values: readonly number[];
  readonly vectors: readonly Float64Array[];
}

/** Rotations are left out below this size relative to the matrix: nothing in float64 would change. */
const NEGLIGIBLE = 1e-16;
/** Cyclic Jacobi converges quadratically: ten sweeps are many. */
const MAX_SWEEPS = 50;

/**
 * All eigenvalues and eigenvectors of a small symmetric matrix, by cyclic Jacobi rotations.
 *
 * @param matrix rows; only read
 * @see Golub, Van Loan, "Matrix Computations", §8.5
 */
export function symmetricEigensystem(matrix: readonly ArrayLike<number>[]): Eigensystem {
  const { values, vectors } = diagonalize(matrix);
  const order = values.map((_, i) => i).sort((i, j) => values[i]! - values[j]!);
  return { values: order.map((i) => values[i]!), vectors: order.map((i) => vectors[i]!) };
}

/**
 * The same in the order of the rotations: of a matrix that is nearly diagonal, the k-th vector stays near the k-th
 * axis.
 */
export function diagonalize(matrix: readonly ArrayLike<number>[]): Eigensystem {
  const n = matrix.length;
  const a = matrix.map((row) => Float64Array.from(row));
  // row k ends as the k-th eigenvector
  const v = a.map((_, i) => new Float64Array(n).fill(1, i, i + 1));
  const size = Math.sqrt(a.reduce((sum, row) => sum + row.reduce((part, x) => part + x * x, 0), 0));
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let rotated = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p]![q]!) <= NEGLIGIBLE * size) continue;
        rotated = true;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        for (const row of a) {
          const x = row[p]!;
          row[p] = c * x - t * c * row[q]!;
          row[q] = t * c * x + c * row[q]!;
        }
        rotateRows(a[p]!, a[q]!, c, t * c);
        rotateRows(v[p]!, v[q]!, c, t * c);
      }
    }
    if (!rotated) break;
  }
  return { values: a.map((row, i) => row[i]!), vectors: v };
}

function rotateRows(x: Float64Array, y: Float64Array, cosine: number, sine: number): void {
  for (let i = 0; i < x.length; i++) {
    const entry = x[i]!;
    x[i] = cosine * entry - sine * y[i]!;
    y[i] = sine * entry + cosine * y[i]!;
  }
}
