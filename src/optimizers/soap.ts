import { openArena } from "../kernels/module.ts";
import { diagonalize } from "../kernels/symmetric.ts";
import { type Settings, settle } from "../spec.ts";
import { defineOptimizer, requireLength } from "./define.ts";
import { soapParameters } from "./parameters.ts";
import { LEAST_MOMENT, LEAST_SQUARE, power, settled } from "./reference.ts";
import type { Optimizer, OptimizerState } from "./types.ts";

/** Settings of SOAP: `lr`, `b1`, `b2`, `decay`, `frequency`, `maxDimension`, `eps`. */
export type SoapOptions = Partial<Settings<typeof soapParameters>>;

/** One slot as a matrix, with its parts of the state: views of the state's vectors. */
interface Block {
  readonly offset: number;
  readonly rows: number;
  readonly cols: number;
  readonly left: Side | undefined;
  readonly right: Side | undefined;
}

/** One side of a matrix: the decayed covariance of the gradient along it, and its eigenvectors as rows. */
interface Side {
  readonly size: number;
  readonly covariance: Float32Array;
  readonly basis: Float32Array;
}

/**
 * SOAP: Adam in the eigenbases of Shampoo. For every matrix slot W (a × b) with gradient G,
 * L ← d·L + (1−d)·G·Gᵀ, R ← d·R + (1−d)·Gᵀ·G; Q_L, Q_R: eigenvectors of L and R, computed anew every `frequency`
 * steps; G' = Q_Lᵀ·G·Q_R; V ← b2·V + (1−b2)·G'²; M ← b1·M + (1−b1)·G; W ← W − lr·Q_L·(Q_Lᵀ·M̂·Q_R / (√V̂ + ε))·Q_Rᵀ.
 *
 * The first gradient only sets the bases up. A vector of n entries is a 1 × n matrix; of a slot with more than two dimensions all but the last are rows; a side
 * longer than `maxDimension` keeps its axes, Q = I. The work is in float64, the state in float32. A step costs
 * O(ab(a+b)) for a slot: meant for some thousand parameters, the weights of a learned optimizer.
 *
 * @see Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", 2024
 */
export function soap(options: SoapOptions = {}): Optimizer {
  const settings = settle("optimizer soap", soapParameters, options);
  const { lr, b1, b2, decay, frequency, maxDimension, eps } = settings;
  return defineOptimizer({
    name: "soap",
    settings,
    reads: { shapes: true },
    init(layout, { arena = openArena() } = {}) {
      const shapes = layout.slots.flatMap(({ shape }) => {
        const cols = shape.at(-1) ?? 1;
        return [shape.slice(0, -1).reduce((product, size) => product * size, 1), cols];
      });
      const sides = shapes.reduce((sum, size) => sum + squareOf(size, maxDimension), 0);
      const lengths = {
        shapes: shapes.length,
        mu: layout.size,
        nu: layout.size,
        covariance: sides,
        basis: sides,
      };
      const vectors = Object.fromEntries(
        Object.entries(lengths).map(([name, length]) => [name, arena.float32(length)]),
      );
      vectors.shapes!.set(shapes);
      const state = { step: 0, layout, vectors };
      for (const { left, right } of blocksOf(state, maxDimension)) {
        for (const side of [left, right]) side?.basis.set(identity(side.size));
      }
      return state;
    },
    update(gradient, state, _context, update) {
      const { mu, nu } = state.vectors as { mu: Float32Array; nu: Float32Array };
      requireLength("soap", gradient, mu.length, "gradient has");
      update.fill(0);
      const fresh = state.step % frequency === 0;
      // taken in a basis of its own making, the first gradient would turn rounding errors into whole steps
      const first = state.step === 0;
      const c1 = 1 - power(b1, state.step);
      const c2 = 1 - power(b2, state.step);
      state.step++;
      for (const block of blocksOf(state, maxDimension)) {
        const { offset, rows, cols, left, right } = block;
        const size = rows * cols;
        const g = Float64Array.from(gradient.subarray(offset, offset + size));
        const m = mu.subarray(offset, offset + size);
        const v = nu.subarray(offset, offset + size);
        if (left) accumulate(left, decay, (i, j) => dotOf(g, i * cols, 1, j * cols, 1, cols));
        if (right) accumulate(right, decay, (i, j) => dotOf(g, i, cols, j, cols, rows));
        if (fresh) {
          for (const side of [left, right]) if (side) refresh(side);
        }
        if (first) continue;
        for (let i = 0; i < size; i++) m[i] = settled(b1 * m[i]! + (1 - b1) * g[i]!, LEAST_MOMENT);
        const rotated = rotate(g, block, false);
        const direction = rotate(Float64Array.from(m), block, false);
        for (let i = 0; i < size; i++) {
          v[i] = settled(b2 * v[i]! + (1 - b2) * rotated[i]! * rotated[i]!, LEAST_SQUARE);
          direction[i] = direction[i]! / c1 / (Math.sqrt(v[i]! / c2) + eps);
        }
        const turned = rotate(direction, block, true);
        for (let i = 0; i < size; i++) update[offset + i] = -lr * turned[i]!;
      }
    },
  });
}

/** Entries of the covariance of a side, 0 if it keeps its axes. */
function squareOf(size: number, maxDimension: number): number {
  return size > 1 && size <= maxDimension ? size * size : 0;
}

function identity(size: number): Float32Array {
  const matrix = new Float32Array(size * size);
  for (let i = 0; i < size; i++) matrix[i * size + i] = 1;
  return matrix;
}

function blocksOf({ vectors }: OptimizerState, maxDimension: number): Block[] {
  const { shapes, covariance, basis } = vectors as Record<string, Float32Array>;
  const blocks: Block[] = [];
  let offset = 0;
  let at = 0;
  const side = (size: number): Side | undefined => {
    const square = squareOf(size, maxDimension);
    if (square === 0) return undefined;
    const end = at + square;
    const found = { size, covariance: covariance!.subarray(at, end), basis: basis!.subarray(at, end) };
    at = end;
    return found;
  };
  for (let i = 0; i < shapes!.length; i += 2) {
    const rows = shapes![i]!;
    const cols = shapes![i + 1]!;
    blocks.push({ offset, rows, cols, left: side(rows), right: side(cols) });
    offset += rows * cols;
  }
  return blocks;
}

function dotOf(x: Float64Array, i: number, stepI: number, j: number, stepJ: number, length: number): number {
  let sum = 0;
  for (let k = 0; k < length; k++) sum += x[i + k * stepI]! * x[j + k * stepJ]!;
  return sum;
}

function accumulate(
  { size, covariance }: Side,
  decay: number,
  entry: (i: number, j: number) => number,
): void {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      const next = decay * covariance[i * size + j]! + (1 - decay) * entry(i, j);
      covariance[i * size + j] = next;
      covariance[j * size + i] = next;
    }
  }
}

/**
 * Turns the basis to the eigenvectors of the covariance: diagonalizes the covariance in the old basis, so that every
 * vector stays near the one whose second moments it inherits.
 */
function refresh({ size, covariance, basis }: Side): void {
  const old = rowsOf(Float64Array.from(basis), size);
  const turned = product(product(old, rowsOf(Float64Array.from(covariance), size)), transpose(old));
  const { vectors } = diagonalize(turned);
  orthonormalize(product(vectors, old)).forEach((row, i) => {
    basis.set(row, i * size);
  });
}

/** Q_L·X·Q_Rᵀ with the bases' vectors as rows, into the eigenbases; or Q_Lᵀ·X·Q_R, back. */
function rotate(x: Float64Array, { rows, cols, left, right }: Block, back: boolean): Float64Array {
  let out = x;
  if (left) {
    const from = out;
    out = new Float64Array(rows * cols);
    for (let i = 0; i < rows; i++) {
      for (let k = 0; k < rows; k++) {
        const q = back ? left.basis[k * rows + i]! : left.basis[i * rows + k]!;
        for (let j = 0; j < cols; j++) out[i * cols + j] = out[i * cols + j]! + q * from[k * cols + j]!;
      }
    }
  }
  if (right) {
    const from = out;
    out = new Float64Array(rows * cols);
    for (let i = 0; i < rows; i++) {
      for (let k = 0; k < cols; k++) {
        const entry = from[i * cols + k]!;
        for (let j = 0; j < cols; j++) {
          const q = back ? right.basis[k * cols + j]! : right.basis[j * cols + k]!;
          out[i * cols + j] = out[i * cols + j]! + entry * q;
        }
      }
    }
  }
  return out;
}

type Rows = readonly Float64Array[];

function rowsOf(matrix: Float64Array, size: number): Rows {
  return Array.from({ length: size }, (_, i) => matrix.subarray(i * size, (i + 1) * size));
}

function transpose(a: Rows): Rows {
  return a.map((_, i) => Float64Array.from(a, (row) => row[i]!));
}

function product(a: Rows, b: Rows): Rows {
  return a.map((row) => {
    const out = new Float64Array(row.length);
    row.forEach((x, k) => {
      for (let j = 0; j < out.length; j++) out[j] = out[j]! + x * b[k]![j]!;
    });
    return out;
  });
}

/** Gram–Schmidt: takes away what rounding to float32 has left over. */
function orthonormalize(a: Rows): Rows {
  a.forEach((row, i) => {
    for (let j = 0; j < i; j++) {
      const shared = row.reduce((sum, x, k) => sum + x * a[j]![k]!, 0);
      for (let k = 0; k < row.length; k++) row[k] = row[k]! - shared * a[j]![k]!;
    }
    const length = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
    for (let k = 0; k < row.length; k++) row[k] = row[k]! / length;
  });
  return a;
}
