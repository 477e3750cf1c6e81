import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openArena } from "../kernels/module.ts";
import { kernelOps, referenceOps } from "../kernels/ops.ts";
import { symmetricEigensystem } from "../kernels/symmetric.ts";
import { layoutOf } from "../kernels/types.ts";
import { key, normal } from "../random/key.ts";
import { adamw } from "./first-order.ts";
import { muon } from "./muon.ts";
import { orthogonalize } from "./newton-schulz.ts";

function draw(length: number, seed: number): Float64Array {
  const out = new Float64Array(length);
  normal(key(seed), out);
  return out;
}

type Matrix = number[][];
const matrix = (flat: ArrayLike<number>, rows: number, cols: number): Matrix =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: cols }, (__, j) => flat[i * cols + j]!));
const transpose = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));
const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, x, k) => sum + x * b[k]![j]!, 0)));
const singularValues = (a: Matrix): number[] =>
  symmetricEigensystem(times(a, transpose(a))).values.map((value) => Math.sqrt(Math.max(0, value)));

/** The quintic applied to the singular values: what the iteration does to X = U·S·Vᵀ, by way of X·Xᵀ = U·S²·Uᵀ. */
function orthogonalReference(x: Matrix, iterations: number): Matrix {
  const { values, vectors } = symmetricEigensystem(times(x, transpose(x)));
  const length = Math.sqrt(values.reduce((a, b) => a + b, 0)) + 1e-7;
  const factors = values.map((square) => {
    const start = Math.sqrt(Math.max(0, square)) / length;
    let s = start;
    for (let i = 0; i < iterations; i++) s = 3.4445 * s - 4.775 * s ** 3 + 2.0315 * s ** 5;
    return s / start / length;
  });
  const rows: Matrix = vectors.map((vector) => [...vector]);
  const scaled = rows.map((row, i) => row.map((entry) => entry * factors[i]!));
  return times(times(transpose(rows), scaled), x);
}

describe("orthogonalize", () => {
  it("brings the singular values of any matrix near 1, and leaves its singular vectors alone", () => {
    const shapes = fc.record({
      rows: fc.integer({ min: 1, max: 8 }),
      cols: fc.integer({ min: 1, max: 20 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(shapes, ({ rows, cols, seed }) => {
        const flat = draw(rows * cols, seed);
        const x = matrix(flat, rows, cols);
        const before = singularValues(rows <= cols ? x : transpose(x));
        orthogonalize(flat, rows, cols, { iterations: 5, ops: referenceOps });
        const found = matrix(flat, rows, cols);
        const after = singularValues(rows <= cols ? found : transpose(found));
        // the quintic's band; below a hundredth of the norm five iterations are not enough
        const length = Math.hypot(...before);
        if (Math.min(...before) > 0.01 * length) {
          expect(Math.min(...after)).toBeGreaterThan(0.67);
          expect(Math.max(...after)).toBeLessThan(1.21);
          const expected =
            rows <= cols ? orthogonalReference(x, 5) : transpose(orthogonalReference(transpose(x), 5));
          // eigenvectors are known to 1e-12; five quintics multiply errors by less than 4^5
          found.flat().forEach((entry, i) => {
            expect(Math.abs(entry - expected.flat()[i]!)).toBeLessThan(1e-8);
          });
        }
      }),
    );
  });

  it("does the same on the kernels, to their precision", () => {
    const shapes = fc.record({
      rows: fc.integer({ min: 2, max: 40 }),
      cols: fc.integer({ min: 2, max: 40 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(shapes, ({ rows, cols, seed }) => {
        const double = draw(rows * cols, seed);
        const single = Float32Array.from(double);
        orthogonalize(double, rows, cols, { iterations: 5, ops: referenceOps });
        const arena = openArena();
        try {
          orthogonalize(single, rows, cols, { iterations: 5, ops: kernelOps(arena) });
        } finally {
          arena.close();
        }
        // sums of 40 products below 1 are known to 40·2^-24, and the quintic's slope is below 4: five times that
        const tolerance = 40 * 2 ** -24 * 4 ** 5;
        single.forEach((entry, i) => {
          expect(Math.abs(entry - double[i]!)).toBeLessThan(tolerance);
        });
      }),
      { numRuns: 30 },
    );
  });

  it("leaves zeros alone and lets a NaN through", () => {
    const zeros = new Float64Array(6);
    orthogonalize(zeros, 2, 3, { iterations: 5, ops: referenceOps });
    expect([...zeros]).toEqual([0, 0, 0, 0, 0, 0]);
    const broken = Float64Array.of(1, 2, Number.NaN, 4);
    orthogonalize(broken, 2, 2, { iterations: 5, ops: referenceOps });
    expect(broken.every(Number.isNaN)).toBe(true);
  });
});

describe("muon", () => {
  const layout = layoutOf([
    { name: "conv0.w", shape: [4, 1, 2, 1] },
    { name: "dense0.w", shape: [2, 3] },
    { name: "dense0.b", shape: [3], kind: "bias" },
    { name: "dense1.w", shape: [1, 4] },
  ]);
  const settings = { lr: 0.1, momentum: 0.7, decay: 0.2, adamLr: 0.05, b1: 0.8, b2: 0.9 };

  it("takes the steps of its definition on matrices, and AdamW's on the rest", () => {
    const optimizer = muon(settings);
    const fresh = optimizer.init(layout);
    const double = (name: string): [string, Float32Array] => [
      name,
      new Float64Array(layout.size) as unknown as Float32Array,
    ];
    const state = { ...fresh, vectors: Object.fromEntries(Object.keys(fresh.vectors).map(double)) };
    const params = draw(layout.size, 5);
    const start = params.slice();
    const gradients = [0, 1, 2, 3].map((t) => draw(layout.size, t));
    for (const gradient of gradients) optimizer.step(params, gradient, state);

    for (const { offset, size, shape } of layout.slots.slice(0, 2)) {
      const [rows, cols] = [shape[0]!, size / shape[0]!];
      let w = matrix(start.subarray(offset, offset + size), rows, cols);
      let momentum = w.map((row) => row.map(() => 0));
      for (const gradient of gradients) {
        const g = matrix(gradient.subarray(offset, offset + size), rows, cols);
        momentum = momentum.map((row, i) => row.map((m, j) => 0.7 * m + 0.3 * g[i]![j]!));
        const ahead = momentum.map((row, i) => row.map((m, j) => 0.7 * m + 0.3 * g[i]![j]!));
        const direction =
          rows <= cols ? orthogonalReference(ahead, 5) : transpose(orthogonalReference(transpose(ahead), 5));
        const factor = Math.sqrt(Math.max(1, rows / cols));
        w = w.map((row, i) => row.map((x, j) => x - 0.1 * (factor * direction[i]![j]! + 0.2 * x)));
      }
      // orthogonalReference goes through the squares of singular values
      w.flat().forEach((entry, i) => {
        expect(Math.abs(params[offset + i]! - entry)).toBeLessThan(1e-8);
      });
    }

    const rest = adamw({ lr: 0.05, b1: 0.8, b2: 0.9, decay: 0.2 });
    const [from, to] = [layout.slots[2]!.offset, layout.size];
    const tail = start.subarray(from, to);
    const one = layoutOf([{ name: "w", shape: [to - from] }]);
    const tailState = {
      ...rest.init(one),
      vectors: Object.fromEntries(
        ["mu", "nu"].map((name) => [name, new Float64Array(to - from) as unknown as Float32Array]),
      ),
    };
    for (const gradient of gradients) rest.step(tail, gradient.subarray(from, to), tailState);
    expect(params.subarray(from, to)).toEqual(tail);
  });

  it("orthogonalizes only the matrices that are named", () => {
    const all = muon({ ...settings, adamLr: 0 });
    const some = muon({ ...settings, adamLr: 0, matrices: "dense*" });
    const moved = (optimizer: typeof all): boolean[] => {
      const params = new Float32Array(layout.size);
      optimizer.step(params, Float32Array.from(draw(layout.size, 1)), optimizer.init(layout));
      return layout.slots.map(({ offset, size }) =>
        params.subarray(offset, offset + size).some((entry) => entry !== 0),
      );
    };
    expect(moved(all)).toEqual([true, true, false, false]);
    expect(moved(some)).toEqual([false, true, false, false]);
    expect(() => muon({ matrices: "dense7" }).init(layout)).toThrow('no parameters are called "dense7"');
  });

  it("gives the same bits in and out of kernel memory", () => {
    const optimizer = muon(settings);
    const arena = openArena();
    try {
      const inside = arena.float32(layout.size);
      const outside = Float32Array.from(draw(layout.size, 7));
      inside.set(outside);
      const states = [0, 1].map(() => optimizer.init(layout, { arena }));
      for (let t = 0; t < 3; t++) {
        const gradient = arena.float32(layout.size);
        gradient.set(draw(layout.size, t));
        optimizer.step(inside, gradient, states[0]!);
        optimizer.step(outside, gradient.slice(), states[1]!);
      }
      expect(inside.slice()).toEqual(outside);
      expect(states[0]!.vectors.mu).toEqual(states[1]!.vectors.mu);
    } finally {
      arena.close();
    }
  });
});
