import { breathe } from "../breathe.ts";
import { LowlandError } from "../errors.ts";
import { symmetricEigensystem } from "../kernels/symmetric.ts";
import type { Vector } from "../kernels/types.ts";
import { axpy, dot, norm, scale } from "../kernels/vector.ts";
import { foldIn, type Key, normal } from "../random/key.ts";
import { countGradients } from "../regularizers/count.ts";
import { hessianVectorProducts } from "../regularizers/hvp.ts";
import { checkVector } from "../tasks/check-vectors.ts";
import { frozenAt, type Objective } from "../tasks/types.ts";
import { checkCount } from "./pga.ts";
import { openVectors } from "./vectors.ts";

/** Both ends of a Hessian's spectrum; plain data for JSON. */
export interface HessianEigenvalues {
  /** The most positive, in descending order, each as often as its multiplicity. */
  readonly largest: readonly number[];
  /** The most negative, in ascending order. */
  readonly smallest: readonly number[];
  /** Largest ‖Hy − θy‖ among them: each lies within this of an eigenvalue, usually much nearer. */
  readonly residual: number;
  readonly converged: boolean;
  /** Hessian-vector products spent. */
  readonly products: number;
  /** Gradients spent: two a product, none where the objective has exact products. */
  readonly gradientEvaluations: number;
}

/** Settings of `hessianEigenvalues`. */
export interface EigenvaluesOptions {
  /** Draws the starting vectors, and is the batch key of every evaluation. */
  readonly key: Key;
  /** How many of the largest, 1 to 20. */
  readonly largest: number;
  /** How many of the smallest, 0 to 20, default 0. */
  readonly smallest?: number;
  /** Starting vectors, default the greater of the two counts: eigenvalues of at most this multiplicity are found. */
  readonly block?: number;
  /** Converged when every residual is at most this times the largest modulus met; default 1e-3. */
  readonly tolerance?: number;
  /** Default 20 for each eigenvalue, at least 100. As many vectors like `params` are held. */
  readonly maxProducts?: number;
  /** Called after each product with the products done. */
  readonly onProgress?: (done: number) => void;
  /** Stops the measurement between two products. */
  readonly signal?: AbortSignal;
}

const MOST = 20;

/** Products grow by this factor from one look at the Ritz values to the next: a look costs their cube. */
const LOOK_AFTER = 1.15;

/**
 * The largest and smallest eigenvalues of the Hessian at `params`, by block Lanczos with full reorthogonalization;
 * statistics over the minibatch are constants.
 *
 * From `block` random vectors it grows an orthonormal basis V, one product w = Hv at a time, w orthogonalized twice
 * against all of V; the eigenvalues θ of VᵀHV are the estimates, with residuals read off the part of HV outside the
 * basis. One starting vector would see every multiple eigenvalue once and split a cluster late; as many as there are
 * eigenvalues wanted find all of them.
 *
 * @param objective usually `task.fixedObjective(...)`
 * @throws LowlandError `E_SHAPE` if `params` does not fit the layout; `E_CONFIG` if a count is out of range; `E_DIVERGED` if a product is not finite; the signal's
 * reason when raised
 * @example
 * const { largest } = await hessianEigenvalues(objective, params, { key: key(0), largest: 10 });
 * @see Ruhe 1979, "Implementation aspects of band Lanczos algorithms"
 */
export async function hessianEigenvalues(
  objective: Objective,
  params: Vector,
  options: EigenvaluesOptions,
): Promise<HessianEigenvalues> {
  const { key, largest, smallest = 0, tolerance = 1e-3, onProgress, signal } = options;
  const { block = Math.max(largest, smallest), maxProducts = Math.max(100, 20 * (largest + smallest)) } =
    options;
  checkVector("params", params, objective.layout);
  checkCount("largest", largest);
  checkCount("block", block);
  checkCount("maxProducts", maxProducts);
  if (largest > MOST || smallest > MOST || !(Number.isSafeInteger(smallest) && smallest >= 0)) {
    throw new LowlandError(
      "E_CONFIG",
      `${largest} largest and ${smallest} smallest eigenvalues asked for; give integers of at most ${MOST}`,
    );
  }
  signal?.throwIfAborted();
  const counted = countGradients(frozenAt(objective, params, key));
  const timesHessian = hessianVectorProducts(counted);
  const size = params.length;
  // what is left of a vector below this share of the largest product is rounding
  const rounding = params instanceof Float32Array ? 1e-5 : 1e-12;
  const fewest = Math.min(size, 2 * block, maxProducts);
  const vectors = openVectors(params);
  try {
    const basis: Vector[] = [];
    /** Column j holds vᵢᵀHvⱼ for every vᵢ known when Hvⱼ was computed, the one it gave rise to included. */
    const columns: number[][] = [];
    let draws = 0;
    const addRandom = (): void => {
      const vector = vectors.next();
      normal(foldIn(key, draws++), vector);
      orthogonalize(vector, basis);
      scale(1 / norm(vector), vector);
      basis.push(vector);
    };
    while (basis.length < Math.min(block, size)) addRandom();

    let modulus = 0;
    let look = fewest;
    let product = vectors.next();
    for (;;) {
      if (columns.length === basis.length) addRandom(); // the basis spans an invariant space, but not all of it
      timesHessian(params, key, basis[columns.length]!, product);
      const length = norm(product);
      if (!Number.isFinite(length)) {
        throw new LowlandError(
          "E_DIVERGED",
          "a Hessian-vector product is not finite at the point to measure; measure one before training diverged",
        );
      }
      modulus = Math.max(modulus, length);
      const column = orthogonalize(product, basis);
      const rest = norm(product);
      if (rest > rounding * modulus && basis.length < size) {
        scale(1 / rest, product);
        basis.push(product);
        column.push(rest);
        product = vectors.next();
      }
      columns.push(column);
      const products = columns.length;
      onProgress?.(products);
      const last = products === maxProducts || products === size;
      if (products >= look || last) {
        look = Math.ceil(products * LOOK_AFTER);
        const ends = ritzEnds(columns, basis.length, largest, smallest);
        const converged = ends.residual <= tolerance * ends.modulus;
        if (converged || last) {
          const { largest, smallest, residual } = ends;
          const gradientEvaluations = counted.gradients;
          return { largest, smallest, residual, converged, products, gradientEvaluations };
        }
      }
      await breathe(signal);
    }
  } finally {
    vectors.close();
  }
}

/** Takes the parts along `basis` out of `vector`, twice, and returns how long they were. */
function orthogonalize(vector: Vector, basis: readonly Vector[]): number[] {
  const lengths = basis.map(() => 0);
  for (let pass = 0; pass < 2; pass++) {
    for (const [i, other] of basis.entries()) {
      const along = dot(other, vector);
      lengths[i]! += along;
      axpy(-along, other, vector);
    }
  }
  return lengths;
}

/** Eigenvalues at both ends of the projected Hessian, and the largest residual among their vectors. */
function ritzEnds(
  columns: readonly (readonly number[])[],
  known: number,
  largest: number,
  smallest: number,
): { largest: number[]; smallest: number[]; residual: number; modulus: number } {
  const count = columns.length;
  const entry = (i: number, j: number): number => columns[j]![i] ?? columns[i]![j] ?? 0;
  const matrix = columns.map((_, i) => columns.map((_, j) => (entry(i, j) + entry(j, i)) / 2));
  const { values, vectors } = symmetricEigensystem(matrix);
  const residualOf = (index: number): number => {
    let sum = 0;
    for (let i = count; i < known; i++) {
      const part = columns.reduce((total, column, j) => total + (column[i] ?? 0) * vectors[index]![j]!, 0);
      sum += part * part;
    }
    return Math.sqrt(sum);
  };
  const top = values.map((_, i) => count - 1 - i).slice(0, largest);
  const bottom = values.map((_, i) => i).slice(0, smallest);
  return {
    largest: top.map((i) => values[i]!),
    smallest: bottom.map((i) => values[i]!),
    residual: Math.max(...[...top, ...bottom].map(residualOf)),
    modulus: Math.max(Math.abs(values[0]!), Math.abs(values.at(-1)!)),
  };
}
