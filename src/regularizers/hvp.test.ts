import { describe, expect, it } from "vitest";
import { norm } from "../kernels/vector.ts";
import { key, normal } from "../random/key.ts";
import { quarticObjective } from "../testing/quartic.ts";
import { countGradients } from "./count.ts";
import { hessianVectorProducts } from "./hvp.ts";

const matrix = [
  [2, -1, 0.5],
  [-1, -3, 0],
  [0.5, 0, 0.1],
];
const batch = key(0);

describe.each([
  ["float64", Float64Array, 1e-8],
  ["float32", Float32Array, 2e-3],
] as const)("central differences in %s", (_, kind, tolerance) => {
  const exact = hessianVectorProducts(quarticObjective(matrix));
  const approximate = hessianVectorProducts(quarticObjective(matrix, { exactProducts: false }));

  it.each([0, 1e-3, 1, 30])("agree with exact products at parameters of scale %d", (size) => {
    for (let draw = 0; draw < 20; draw++) {
      const params = new kind(3);
      const vector = new kind(3);
      normal(key(draw), params, { stddev: size });
      normal(key(100 + draw), vector, { stddev: 10 ** (draw / 5 - 2) });
      const before = params.slice();
      const expected = new kind(3);
      const product = new kind(3).fill(NaN);
      exact(params, batch, vector, expected);
      approximate(params, batch, vector, product);
      const error = product.map((entry, i) => entry - expected[i]!);
      // Relative to the Hessian's own size: a product may cancel, its rounding error does not.
      const curvature = 4 + 3 * norm(params) ** 2;
      expect(norm(error)).toBeLessThan(tolerance * curvature * norm(vector));
      expect(params).toStrictEqual(before);
    }
  });

  it("are zero along the zero vector, without an evaluation", () => {
    const counted = countGradients(quarticObjective(matrix, { exactProducts: false }));
    const product = new kind(3).fill(NaN);
    hessianVectorProducts(counted)(kind.from([1, 2, 3]), batch, new kind(3), product);
    expect(Array.from(product)).toEqual([0, 0, 0]);
    expect(counted.gradients).toBe(0);
  });
});

it("exact products are preferred to differences", () => {
  const counted = countGradients(quarticObjective(matrix));
  const product = new Float64Array(3);
  hessianVectorProducts(counted)(new Float64Array(3), batch, Float64Array.from([1, 0, 0]), product);
  expect(Array.from(product)).toEqual([2, -1, 0.5]);
  expect([counted.gradients, counted.hessianVectorProducts]).toEqual([0, 1]);
});
