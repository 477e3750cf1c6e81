import { describe, expect, it } from "vitest";
import { symmetricEigensystem } from "../kernels/symmetric.ts";
import { key, normal } from "../random/key.ts";
import { countGradients } from "../regularizers/count.ts";
import { quarticObjective } from "../testing/quartic.ts";
import { hessianEigenvalues } from "./eigenvalues.ts";

function randomSymmetric(n: number, seed: number): number[][] {
  const draws = new Float64Array(n * n);
  normal(key(seed), draws);
  return Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => draws[i * n + j]! + draws[j * n + i]!),
  );
}

/** I − 2uuᵀ/uᵀu conjugates a diagonal matrix: the same eigenvalues, every coordinate mixed. */
function withEigenvalues(values: readonly number[], seed = 0): number[][] {
  const u = new Float64Array(values.length);
  normal(key(seed), u);
  const square = u.reduce((sum, x) => sum + x * x, 0);
  const q = (i: number, j: number): number => (i === j ? 1 : 0) - (2 * u[i]! * u[j]!) / square;
  return values.map((_, i) =>
    values.map((_, j) => values.reduce((sum, value, k) => sum + value * q(i, k) * q(j, k), 0)),
  );
}

/** Number of eigenvalues below μ: the negative pivots of A − μI (Sylvester's law of inertia). */
function eigenvaluesBelow(matrix: readonly (readonly number[])[], mu: number): number {
  const a = matrix.map((row, i) => row.map((x, j) => (i === j ? x - mu : x)));
  let negative = 0;
  for (let k = 0; k < a.length; k++) {
    const pivot = a[k]![k]!;
    if (pivot < 0) negative++;
    for (let i = k + 1; i < a.length; i++) {
      const factor = a[i]![k]! / pivot;
      for (let j = k; j < a.length; j++) a[i]![j]! -= factor * a[k]![j]!;
    }
  }
  return negative;
}

/** Every eigenvalue in ascending order, by bisection. */
function bisected(matrix: readonly (readonly number[])[]): number[] {
  return matrix.map((_, k) => {
    let [low, high] = [-1e3, 1e3];
    for (let i = 0; i < 55; i++) {
      const middle = (low + high) / 2;
      if (eigenvaluesBelow(matrix, middle) > k) high = middle;
      else low = middle;
    }
    return high;
  });
}

describe("symmetricEigensystem", () => {
  it.each([1, 2, 7, 20])("gives the eigenvalues that bisection gives, of size %d", (n) => {
    const matrix = randomSymmetric(n, n);
    const { values } = symmetricEigensystem(matrix);
    bisected(matrix).forEach((value, i) => {
      expect(values[i]).toBeCloseTo(value, 9);
    });
  });

  it("gives orthonormal vectors with Av = λv, multiple eigenvalues included", () => {
    const matrix = withEigenvalues([2, 2, 2, -1, 0, 0, 5]);
    const { values, vectors } = symmetricEigensystem(matrix);
    expect(values.map((value) => Math.round(value * 1e9) / 1e9 + 0)).toEqual([-1, 0, 0, 2, 2, 2, 5]);
    const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
      Array.from(x).reduce((sum, entry, i) => sum + entry * y[i]!, 0);
    vectors.forEach((v, i) => {
      matrix.forEach((row, k) => {
        expect(dot(row, v)).toBeCloseTo(values[i]! * v[k]!, 12);
      });
      vectors.forEach((other, j) => {
        expect(dot(v, other)).toBeCloseTo(i === j ? 1 : 0, 12);
      });
    });
  });
});

describe("hessianEigenvalues", () => {
  const at = (n: number): Float64Array => new Float64Array(n);

  it.each([
    { n: 12, k: 3, exact: true },
    { n: 40, k: 4, exact: true },
    { n: 40, k: 4, exact: false },
  ])("gives both ends of a random spectrum: %o", async ({ n, k, exact }) => {
    for (let seed = 0; seed < 2; seed++) {
      const matrix = randomSymmetric(n, seed);
      const all = bisected(matrix);
      const objective = quarticObjective(matrix, { quartic: 0, exactProducts: exact });
      const found = await hessianEigenvalues(objective, at(n), { key: key(seed), largest: k, smallest: k });
      expect(found.converged).toBe(true);
      const size = Math.max(-all[0]!, all.at(-1)!);
      for (let i = 0; i < k; i++) {
        expect(Math.abs(found.largest[i]! - all[n - 1 - i]!)).toBeLessThan(1e-3 * size);
        expect(Math.abs(found.smallest[i]! - all[i]!)).toBeLessThan(1e-3 * size);
      }
    }
  });

  it("resolves a cluster and finds a multiple eigenvalue as often as it is there", async () => {
    const bulk = Array.from({ length: 90 }, (_, i) => i / 90);
    const values = [9, 9, 9, 9, 8.99, 8.99, 8.98, 3, ...bulk, -4, -4];
    const objective = quarticObjective(withEigenvalues(values), { quartic: 0 });
    const options = { key: key(1), largest: 8, smallest: 2, tolerance: 1e-6 };
    const { largest, smallest, products } = await hessianEigenvalues(objective, at(100), options);
    values.slice(0, 8).forEach((value, i) => {
      expect(largest[i]).toBeCloseTo(value, 6);
    });
    for (const value of smallest) expect(value).toBeCloseTo(-4, 6);
    expect(products).toBeLessThan(100);
  });

  it("finds them in kernel precision by differences of gradients", async () => {
    const values = [50, 20, 19.8, 19.6, ...Array.from({ length: 36 }, (_, i) => i / 40), -3];
    const objective = quarticObjective(withEigenvalues(values), { quartic: 0, exactProducts: false });
    const found = await hessianEigenvalues(objective, new Float32Array(41), {
      key: key(2),
      largest: 4,
      smallest: 1,
    });
    values.slice(0, 4).forEach((value, i) => {
      expect(Math.abs(found.largest[i]! - value)).toBeLessThan(0.05);
    });
    expect(Math.abs(found.smallest[0]! + 3)).toBeLessThan(0.05);
  });

  it("is within its residual of an eigenvalue when stopped early, and says so", async () => {
    const matrix = randomSymmetric(50, 9);
    const all = bisected(matrix);
    const found = await hessianEigenvalues(quarticObjective(matrix, { quartic: 0 }), at(50), {
      key: key(3),
      largest: 2,
      maxProducts: 8,
    });
    expect(found.converged).toBe(false);
    expect(found.products).toBe(8);
    for (const value of found.largest) {
      const nearest = Math.min(...all.map((other) => Math.abs(other - value)));
      expect(nearest).toBeLessThanOrEqual(found.residual);
    }
  });

  it("gives all there are in few dimensions and zeros of a flat loss", async () => {
    const two = quarticObjective([
      [2, 0],
      [0, -1],
    ]);
    const found = await hessianEigenvalues(two, at(2), { key: key(0), largest: 5, smallest: 1 });
    expect(found.largest.map((x) => Math.round(x * 1e9) / 1e9)).toEqual([2, -1]);
    expect(found.smallest[0]).toBeCloseTo(-1, 9);
    const flat = quarticObjective(withEigenvalues([0, 0, 0, 0]), { quartic: 0, linear: [1, 0, 0, 0] });
    const zeros = await hessianEigenvalues(flat, at(4), { key: key(0), largest: 2 });
    expect(zeros).toMatchObject({ largest: [0, 0], residual: 0, converged: true });
  });

  it("counts what it spent and repeats itself to the bit", async () => {
    const counted = countGradients(quarticObjective(randomSymmetric(8, 4), { exactProducts: false }));
    const options = { key: key(4), largest: 2 };
    const found = await hessianEigenvalues(counted, at(8), options);
    expect(found.gradientEvaluations).toBe(counted.gradients);
    expect(counted.gradients).toBe(2 * found.products);
    expect(await hessianEigenvalues(counted, at(8), options)).toStrictEqual(found);
  });

  it.each([{ largest: 0 }, { largest: 21 }, { largest: 1, smallest: -1 }, { largest: 1, block: 0 }])(
    "refuses %o",
    async (options) => {
      const found = hessianEigenvalues(quarticObjective([[1]]), at(1), { key: key(0), ...options });
      await expect(found).rejects.toMatchObject({ code: "E_CONFIG" });
    },
  );
});
