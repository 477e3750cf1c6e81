import { symmetricEigensystem } from "../../kernels/symmetric.ts";
import type { Vector } from "../../kernels/types.ts";
import { foldIn, type Key, key as keyOf, normal } from "../../random/key.ts";
import { type NumberParameter, type SpecRegistry, specEntry } from "../../spec.ts";
import { defineTask } from "../define.ts";
import { distanceTo, plantedLeastSquares } from "./planted.ts";
import { DISTANCE, type Domain, SEED, VIOLATION } from "./types.ts";

/** A convex set: its projection, how far outside a point lies, and an optimum that the constraint shapes. */
interface Feasible {
  /** Projects in place. */
  project(x: Float64Array): void;
  /** 0 inside. */
  violation(x: Vector): number;
  /** x* and ∇f(x*), by the optimality conditions of least squares on the set. */
  plant(key: Key, size: number): { readonly optimum: Float64Array; readonly slope: Float64Array };
}

const drawn = (key: Key, size: number): Float64Array => {
  const out = new Float64Array(size);
  normal(key, out);
  return out;
};
const sumOf = (x: Vector): number => Array.from(x).reduce((sum, entry) => sum + entry, 0);
const lengthOf = (x: Vector): number =>
  Math.sqrt(Array.from(x).reduce((sum, entry) => sum + entry * entry, 0));

/** −1 ≤ x ≤ 1; a third of the entries of x* at a bound, pushed against it by the slope. */
const box: Feasible = {
  project: (x) => x.set(x.map((entry) => Math.min(1, Math.max(-1, entry)))),
  violation: (x) => Math.max(0, ...Array.from(x, (entry) => Math.abs(entry) - 1)),
  plant(key, size) {
    const optimum = drawn(foldIn(key, 0), size).map((z, i) =>
      i % 3 === 0 ? Math.sign(z) : Math.tanh(0.5 * z),
    );
    return { optimum, slope: optimum.map((x) => (Math.abs(x) === 1 ? -0.3 * x : 0)) };
  },
};

/** ‖x‖ ≤ 1; x* on the sphere, the slope towards the centre. */
const ball: Feasible = {
  project(x) {
    const length = lengthOf(x);
    if (length > 1) for (let i = 0; i < x.length; i++) x[i]! /= length;
  },
  violation: (x) => Math.max(0, lengthOf(x) - 1),
  plant(key, size) {
    const z = drawn(foldIn(key, 0), size);
    const optimum = z.map((entry) => entry / lengthOf(z));
    return { optimum, slope: optimum.map((x) => -0.3 * x) };
  },
};

/** x ≥ 0, Σx = 1; two thirds of x* zero, where the slope is larger. */
const simplex: Feasible = {
  project: (x) => ontoSimplex(x, 1),
  violation: (x) => Math.max(Math.abs(sumOf(x) - 1), ...Array.from(x, (entry) => -entry)),
  plant(key, size) {
    const mass = drawn(foldIn(key, 0), size).map((z, i) => (i % 3 === 0 ? 0.2 + Math.abs(z) : 0));
    const total = sumOf(mass);
    return { optimum: mass.map((x) => x / total), slope: mass.map((x) => (x > 0 ? 0.1 : 0.15)) };
  },
};

/** Σσ(X) ≤ 1 for a square matrix X; X* of rank 2 on the boundary, the slope −0.1·UVᵀ. */
const nuclear: Feasible = {
  project(x) {
    const side = Math.sqrt(x.length);
    const { values, vectors } = singularValues(x, side);
    if (sumOf(values) <= 1) return;
    const shrunk = values.slice();
    ontoSimplex(shrunk, 1);
    // X V diag(σ′/σ) Vᵀ
    const map = new Float64Array(x.length);
    vectors.forEach((v, k) => {
      const factor = values[k]! > 0 ? shrunk[k]! / values[k]! : 0;
      for (let i = 0; i < side; i++) {
        for (let j = 0; j < side; j++) map[i * side + j]! += factor * v[i]! * v[j]!;
      }
    });
    x.set(product(x, map, side));
  },
  violation: (x) => Math.max(0, sumOf(singularValues(x, Math.sqrt(x.length)).values) - 1),
  plant(key, size) {
    const side = Math.sqrt(size);
    const [u, v] = [0, 1].map((i) => orthogonalPair(foldIn(key, i), side)) as [Pair, Pair];
    const outer = (first: number, second: number): Float64Array =>
      Float64Array.from({ length: size }, (_, at) => {
        const [i, j] = [Math.floor(at / side), at % side];
        return first * u[0][i]! * v[0][j]! + second * u[1][i]! * v[1][j]!;
      });
    return { optimum: outer(0.7, 0.3), slope: outer(-0.1, -0.1) };
  },
};

type Pair = readonly [Float64Array, Float64Array];

function orthogonalPair(key: Key, size: number): Pair {
  const [a, b] = [drawn(foldIn(key, 0), size), drawn(foldIn(key, 1), size)];
  const first = a.map((entry) => entry / lengthOf(a));
  const along = sumOf(first.map((entry, i) => entry * b[i]!));
  const rest = b.map((entry, i) => entry - along * first[i]!);
  return [first, rest.map((entry) => entry / lengthOf(rest))];
}

/** Singular values and right singular vectors of a square matrix, from the eigensystem of XᵀX. */
function singularValues(x: Vector, side: number): { values: Float64Array; vectors: readonly Float64Array[] } {
  const gram = Array.from({ length: side }, (_, i) =>
    Float64Array.from({ length: side }, (__, j) => {
      let sum = 0;
      for (let k = 0; k < side; k++) sum += x[k * side + i]! * x[k * side + j]!;
      return sum;
    }),
  );
  const { values, vectors } = symmetricEigensystem(gram);
  return { values: Float64Array.from(values, (value) => Math.sqrt(Math.max(0, value))), vectors };
}

function product(a: Vector, b: Vector, side: number): Float64Array {
  return Float64Array.from({ length: side * side }, (_, at) => {
    const [i, j] = [Math.floor(at / side), at % side];
    let sum = 0;
    for (let k = 0; k < side; k++) sum += a[i * side + k]! * b[k * side + j]!;
    return sum;
  });
}

/**
 * Projects onto x ≥ 0, Σx = total: x ← max(x − θ, 0).
 *
 * @see Duchi et al., "Efficient Projections onto the ℓ1-Ball for Learning in High Dimensions", 2008
 */
function ontoSimplex(x: Float64Array, total: number): void {
  const sorted = x.slice().sort().reverse();
  let [sum, theta] = [0, 0];
  for (let i = 0; i < sorted.length; i++) {
    sum += sorted[i]!;
    const candidate = (sum - total) / (i + 1);
    if (sorted[i]! > candidate) theta = candidate;
  }
  for (let i = 0; i < x.length; i++) x[i] = Math.max(0, x[i]! - theta);
}

const parameters = (size: NumberParameter) => ({
  size,
  condition: {
    default: 10,
    min: 1,
    description: "condition of the least squares: squared ratio of their scales",
  },
  seed: SEED,
});
const numbers: NumberParameter = { default: 30, min: 3, max: 300, integer: true, description: "numbers" };
const side: NumberParameter = {
  default: 6,
  min: 2,
  max: 16,
  integer: true,
  description: "rows and columns of the matrix",
};

function entry(description: string, feasible: Feasible, size: NumberParameter = numbers) {
  return specEntry({
    description,
    parameters: parameters(size),
    create:
      ({ size, condition, seed }): Domain =>
      (name) => {
        const count = feasible === nuclear ? size * size : size;
        const { optimum, slope } = feasible.plant(foldIn(keyOf(seed), 0), count);
        const squares = plantedLeastSquares(foldIn(keyOf(seed), 1), { optimum, slope, condition });
        const project = (x: Vector): void => {
          const point = Float64Array.from(x);
          feasible.project(point);
          x.set(point);
        };
        return {
          ...defineTask({
            name,
            layout: count,
            metrics: [DISTANCE, VIOLATION],
            init(key, x) {
              normal(key, x, { stddev: count ** -0.5 });
              project(x);
            },
            lossAndGradient: (x, _batch, gradient) => squares.value(x, gradient),
            hessianVectorProduct: (_x, _batch, v, out) => squares.product(v, out),
            evaluate: (x) => ({
              loss: squares.value(x, x.slice()),
              count: 1,
              metrics: { distance: distanceTo(optimum, x), violation: feasible.violation(x) },
            }),
          }),
          project,
        };
      },
  });
}

/** Least squares on convex sets, projected onto them after every step, each with a known optimum. */
export const constrained: SpecRegistry<Domain> = {
  box: entry("least squares with all numbers in [−1, 1]", box),
  ball: entry("least squares in the unit ball", ball),
  simplex: entry("least squares over probabilities", simplex),
  "nuclear-norm": entry("least squares over matrices with singular values of sum 1 or less", nuclear, side),
};
