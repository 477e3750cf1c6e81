import { describe, expect, it } from "vitest";
import { symmetricEigensystem } from "../kernels/symmetric.ts";
import { layoutOf } from "../kernels/types.ts";
import { key, normal } from "../random/key.ts";
import { buildSpec } from "../spec.ts";
import { adam } from "./first-order.ts";
import { optimizers } from "./registry.ts";
import { soap } from "./soap.ts";
import type { Optimizer } from "./types.ts";

function draw(length: number, seed: number): Float32Array {
  const out = new Float32Array(length);
  normal(key(seed), out);
  return out;
}

type Matrix = number[][];
const matrix = (flat: ArrayLike<number>, rows: number, cols: number): Matrix =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: cols }, (__, j) => flat[i * cols + j]!));
const transpose = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));
const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, x, k) => sum + x * b[k]![j]!, 0)));
const eigenvectors = (a: Matrix): Matrix =>
  transpose(symmetricEigensystem(a).vectors.map((vector) => [...vector]));

/** ½·Σ λ_i·(q_i·w)², its axes q_i far from those of the coordinates: the loss after `steps` steps. */
function descend(optimizer: Optimizer, steps: number): number {
  const [rows, cols] = [4, 3];
  const sides = [rows, cols].map((size, i) => {
    const random = matrix(draw(size * size, 40 + i), size, size);
    return eigenvectors(times(random, transpose(random)));
  });
  const curvature = (i: number, j: number) => 10 ** (i - 2 * j);
  const layout = layoutOf([{ name: "w", shape: [rows, cols] }]);
  const state = optimizer.init(layout);
  const params = new Float32Array(rows * cols);
  params.set(times(times(sides[0]!, matrix(new Array(12).fill(1), rows, cols)), transpose(sides[1]!)).flat());
  let loss = 0;
  for (let step = 0; step < steps; step++) {
    const rotated = times(times(transpose(sides[0]!), matrix(params, rows, cols)), sides[1]!);
    loss = rotated
      .flatMap((row, i) => row.map((x, j) => (curvature(i, j) * x * x) / 2))
      .reduce((a, b) => a + b);
    const slope = rotated.map((row, i) => row.map((x, j) => curvature(i, j) * x));
    optimizer.step(
      params,
      Float32Array.from(times(times(sides[0]!, slope), transpose(sides[1]!)).flat()),
      state,
    );
  }
  return loss;
}

describe("soap", () => {
  it("takes the steps of its definition", () => {
    const [rows, cols] = [3, 3];
    const settings = { lr: 0.05, b1: 0.8, b2: 0.9, decay: 0.7 };
    const optimizer = soap({ ...settings, frequency: 100 });
    const layout = layoutOf([{ name: "w", shape: [rows, cols] }]);
    const params = Float64Array.from(draw(9, 9));
    const state = optimizer.init(layout);
    let expected = matrix(params, rows, cols);
    const zero = () => matrix(new Array(9).fill(0), rows, cols);
    let [m, v] = [zero(), zero()];
    let bases: [Matrix, Matrix] | undefined;
    for (let t = 0; t <= 5; t++) {
      const gradient = Float64Array.from(draw(9, t));
      optimizer.step(params, gradient, state);
      const g = matrix(gradient, rows, cols);
      if (t === 0) bases = [eigenvectors(times(g, transpose(g))), eigenvectors(times(transpose(g), g))];
      if (t === 0) continue;
      const [left, right] = bases!;
      const into = (x: Matrix) => times(times(transpose(left), x), right);
      m = m.map((row, i) => row.map((x, j) => 0.8 * x + 0.2 * g[i]![j]!));
      v = v.map((row, i) => row.map((x, j) => 0.9 * x + 0.1 * into(g)[i]![j]! ** 2));
      const direction = into(m).map((row, i) =>
        row.map((x, j) => x / (1 - 0.8 ** t) / (Math.sqrt(v[i]![j]! / (1 - 0.9 ** t)) + 1e-8)),
      );
      const update = times(times(left, direction), transpose(right));
      expected = expected.map((row, i) => row.map((x, j) => x - 0.05 * update[i]![j]!));
      expected.flat().forEach((x, i) => void expect(params[i]!).toBeCloseTo(x, 5));
    }
  });

  it("is Adam, the first gradient aside, where every side keeps its axes", () => {
    const layout = layoutOf([
      { name: "w", shape: [5, 4] },
      { name: "b", shape: [4], kind: "bias" },
    ]);
    const moments = { lr: 0.02, b1: 0.8, b2: 0.9 };
    const optimizer = soap({ ...moments, maxDimension: 1 });
    const other = adam(moments);
    const params = draw(24, 0);
    const others = params.slice();
    const [state, otherState] = [optimizer.init(layout), other.init(layout)];
    optimizer.step(params, draw(24, 0), state);
    for (let t = 1; t <= 6; t++) {
      optimizer.step(params, draw(24, t), state);
      other.step(others, draw(24, t), otherState);
    }
    params.forEach((x, i) => void expect(x).toBeCloseTo(others[i]!, 5));
  });

  it("does not mind how the axes of a quadratic lie, unlike Adam", () => {
    const settings = { lr: 0.01, b1: 0.9, b2: 0.95 };
    const [ours, others] = [descend(soap({ ...settings, frequency: 1 }), 400), descend(adam(settings), 400)];
    expect(ours).toBeLessThan(others / 10);
  });

  it("keeps its bases orthonormal over many eigendecompositions", () => {
    const layout = layoutOf([{ name: "w", shape: [6, 5] }]);
    const optimizer = soap({ frequency: 1 });
    const params = draw(30, 0);
    const state = optimizer.init(layout);
    for (let t = 1; t <= 300; t++) optimizer.step(params, draw(30, t), state);
    const left = matrix(state.vectors.basis!.subarray(0, 36), 6, 6);
    times(left, transpose(left)).forEach((row, i) => {
      for (const [j, x] of row.entries()) expect(x).toBeCloseTo(i === j ? 1 : 0, 5);
    });
  });

  it("goes on from a copy of its state to the same bits", () => {
    const layout = layoutOf([{ name: "w", shape: [4, 3] }]);
    const optimizer = buildSpec("soap:frequency=3", "optimizer", optimizers);
    const params = draw(12, 0);
    const state = optimizer.init(layout);
    for (let t = 0; t < 5; t++) optimizer.step(params, draw(12, t), state);
    const vectors = Object.entries(state.vectors).map(([name, vector]) => [name, vector.slice()] as const);
    const copy = { ...state, vectors: Object.fromEntries(vectors) };
    const copied = params.slice();
    for (let t = 5; t < 11; t++) {
      optimizer.step(params, draw(12, t), state);
      optimizer.step(copied, draw(12, t), copy);
    }
    expect(copied).toEqual(params);
  });

  it("leaves parameters without a gradient where they are, and refuses other lengths", () => {
    const layout = layoutOf([{ name: "w", shape: [3, 2] }]);
    const optimizer = soap();
    const params = draw(6, 0);
    const state = optimizer.init(layout);
    optimizer.step(params, new Float32Array(6), state);
    expect(params).toEqual(draw(6, 0));
    expect(() => optimizer.step(params, new Float32Array(5), state)).toThrow(/gradient has 5/);
  });
});
