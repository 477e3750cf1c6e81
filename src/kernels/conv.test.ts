import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectWithin } from "../../test/kernels/within.ts";
import { foldIn, key, normal } from "../random/key.ts";
import { openArena } from "./module.ts";
import { type ConvShape, kernelOps, type Ops, referenceOps } from "./ops.ts";
import type { Vector } from "./types.ts";

const ops = kernelOps(openArena());

/** The same numbers in both precisions, and how large they are; `zeros` is the share of entries that are zero. */
function pair(
  seed: number,
  length: number,
  zeros = 0,
): { single: Vector; double: Vector; magnitude: Float64Array } {
  const single = ops.allocate(length);
  normal(key(seed), single);
  if (zeros > 0) {
    const mask = new Float64Array(length);
    normal(foldIn(key(seed), 1), mask);
    for (let i = 0; i < length; i++) if (mask[i]! * mask[i]! < zeros) single[i] = 0;
  }
  return { single, double: Float64Array.from(single), magnitude: Float64Array.from(single, Math.abs) };
}

/** Float32 rounding of sums of up to a few thousand products, relative to the sum of their magnitudes: cancelling does not lessen it. */
const TOLERANCE = 2e-6;

function expectClose(actual: Vector, expected: Vector, tolerance: number, atLeast: number): void {
  let largest = atLeast;
  for (const value of expected) largest = Math.max(largest, Math.abs(value));
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!) / largest;
    worst = Math.max(worst, error); // NaN if one is
  }
  expect(worst).toBeLessThan(tolerance);
}

function run(shape: ConvShape, { zeros = 0, accumulate = false } = {}): void {
  const { batch, height, width, channels, kernelHeight, kernelWidth, outHeight, outWidth, filters } = shape;
  const x = pair(1, batch * height * width * channels);
  const w = pair(2, filters * kernelHeight * kernelWidth * channels);
  const bias = pair(3, filters);
  const dy = pair(4, batch * outHeight * outWidth * filters, zeros);
  const y = pair(5, dy.single.length);
  const dx = pair(6, x.single.length);
  const dw = pair(7, w.single.length);
  const db = pair(8, filters);
  const apply = (o: Ops, precision: "single" | "double" | "magnitude"): void => {
    const scratch = o.allocate(o.convScratch(shape));
    o.convForward(shape, x[precision], w[precision], bias[precision], y[precision], scratch);
    o.convBackwardWeights(
      shape,
      x[precision],
      dy[precision],
      dw[precision],
      db[precision],
      accumulate,
      scratch,
    );
    o.convBackwardInput(shape, dy[precision], w[precision], dx[precision], scratch);
  };
  apply(ops, "single");
  apply(referenceOps, "double");
  apply(referenceOps, "magnitude"); // Σ|a|·|b| for every Σ a·b
  for (const { single, double, magnitude } of [y, dx, dw, db]) {
    expectWithin(single, double, (i) => TOLERANCE * magnitude[i]!);
  }
}

const shapes = fc
  .record({
    batch: fc.integer({ min: 1, max: 5 }),
    channels: fc.constantFrom(1, 2, 3, 5, 16),
    kernelHeight: fc.integer({ min: 1, max: 5 }),
    kernelWidth: fc.integer({ min: 1, max: 5 }),
    outHeight: fc.integer({ min: 1, max: 6 }),
    outWidth: fc.integer({ min: 1, max: 6 }),
    filters: fc.constantFrom(1, 3, 4, 16, 21, 32, 39),
    dropped: fc.integer({ min: 0, max: 1 }),
  })
  .map(({ dropped, ...s }) => ({
    ...s,
    height: s.outHeight + s.kernelHeight - 1 + dropped,
    width: s.outWidth + s.kernelWidth - 1 + dropped,
  }));

describe("convolution", () => {
  it.each([
    ["the first of the small CNN", 28, 28, 1, 3, 16],
    ["the first on colour images", 32, 32, 3, 3, 16],
    ["the second of the small CNN", 13, 13, 16, 5, 32],
    ["an odd one", 9, 7, 5, 3, 7],
  ])("agrees with the plain reference: %s", (_, height, width, channels, kernel, filters) => {
    const shape = { batch: 3, height, width, channels, kernelHeight: kernel, kernelWidth: kernel, filters };
    run({ ...shape, outHeight: height - kernel + 1, outWidth: width - kernel + 1 }, { zeros: 0.5 });
  });

  it("agrees with the plain reference in every shape, whether gradients are added or written", () => {
    fc.assert(
      fc.property(shapes, fc.boolean(), fc.constantFrom(0, 0.5, 10), (shape, accumulate, zeros) => {
        run(shape, { accumulate, zeros });
      }),
      { numRuns: 150 },
    );
  });

  it("lets a NaN in the gradient through to the filters and the input", () => {
    const shape = { batch: 1, height: 3, width: 3, channels: 16, kernelHeight: 1, kernelWidth: 1 };
    const full = { ...shape, outHeight: 3, outWidth: 3, filters: 4 };
    const scratch = ops.allocate(ops.convScratch(full));
    const dy = ops.allocate(36);
    dy[5] = Number.NaN;
    const [x, w, dw, db, dx] = [144, 64, 64, 4, 144].map((n) => ops.allocate(n).fill(1)) as Vector[];
    ops.convBackwardWeights(full, x!, dy, dw!, db!, false, scratch);
    ops.convBackwardInput(full, dy, w!, dx!, scratch);
    expect([...dw!].map(Number.isNaN)).toEqual(Array.from({ length: 64 }, (_, i) => i >> 4 === 1));
    expect([...db!].map(Number.isNaN)).toEqual([false, true, false, false]);
    expect([...dx!].map(Number.isNaN)).toEqual(Array.from({ length: 144 }, (_, i) => i >> 4 === 1));
  });
});

describe("max-pooling", () => {
  const extents = fc.record({
    batch: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 2, max: 9 }),
    width: fc.integer({ min: 2, max: 9 }),
    channels: fc.constantFrom(1, 3, 4, 6, 16),
  });

  it("agrees with the plain reference in every shape, forward, in what it chose and backward", () => {
    fc.assert(
      fc.property(extents, fc.constantFrom(0, 0.5), (shape, zeros) => {
        const { batch, height, width, channels } = shape;
        const x = pair(1, batch * height * width * channels, zeros);
        const pooled = batch * (height >> 1) * (width >> 1) * channels;
        const dy = pair(2, pooled);
        const y = pair(3, pooled);
        const dx = pair(4, x.single.length);
        const at = ops.allocateBytes(pooled);
        const expected = new Uint8Array(pooled);
        ops.maxPool(shape, x.single, y.single, at);
        ops.maxPoolBackward(shape, dy.single, at, dx.single);
        referenceOps.maxPool(shape, x.double, y.double, expected);
        referenceOps.maxPoolBackward(shape, dy.double, expected, dx.double);
        expect([...at]).toEqual([...expected]);
        expect([...y.single]).toEqual([...y.double]);
        expect([...dx.single]).toEqual([...dx.double]);
      }),
    );
  });

  it("takes the first among equals", () => {
    const shape = { batch: 1, height: 2, width: 2, channels: 4 };
    const at = ops.allocateBytes(4);
    ops.maxPool(shape, ops.allocate(16).fill(3), ops.allocate(4), at);
    expect([...at]).toEqual([0, 0, 0, 0]);
  });
});

describe("batch normalization", () => {
  const extents = fc.record({
    rows: fc.integer({ min: 1, max: 600 }),
    channels: fc.constantFrom(1, 3, 4, 7, 16, 32),
    offset: fc.constantFrom(0, 20),
    frozen: fc.boolean(),
    accumulate: fc.boolean(),
  });

  it("agrees with the plain reference in every shape, far from the origin and with few rows", () => {
    fc.assert(
      fc.property(extents, ({ rows, channels, offset, frozen, accumulate }) => {
        const x = pair(1, rows * channels);
        for (const values of [x.single, x.double])
          for (let i = 0; i < values.length; i++) values[i]! += offset;
        x.double.set(x.single);
        const dy = pair(2, rows * channels);
        const [gamma, beta, dgamma, dbeta] = [3, 4, 5, 6].map((seed) => pair(seed, channels)) as [
          ReturnType<typeof pair>,
          ReturnType<typeof pair>,
          ReturnType<typeof pair>,
          ReturnType<typeof pair>,
        ];
        const y = pair(7, rows * channels);
        const dx = pair(8, rows * channels);
        const mean = pair(9, channels);
        const variance = pair(10, channels);
        const mode = { frozen, accumulate };
        const eps = 1e-2; // large, so that a single row, whose variance is 0, does not magnify rounding
        const apply = (o: Ops, p: "single" | "double"): void => {
          const statistics = { mean: mean[p], variance: variance[p] };
          o.batchNormStatistics(rows, x[p], statistics);
          o.batchNormForward(rows, x[p], gamma[p], beta[p], statistics, eps, y[p]);
          o.batchNormBackward(rows, x[p], dy[p], gamma[p], statistics, eps, dgamma[p], dbeta[p], dx[p], mode);
        };
        apply(ops, "single");
        apply(referenceOps, "double");
        // twenty standard deviations off the origin digits are lost, and sums over all rows may cancel
        for (const result of [mean, variance, y, dx]) expectClose(result.single, result.double, 5e-5, 1);
        for (const result of [dgamma, dbeta]) {
          expectClose(result.single, result.double, 5e-5, Math.sqrt(rows));
        }
      }),
    );
  });

  it("computes the gradients of the parameters alone where no input gradient is asked for", () => {
    const x = pair(1, 40);
    const [dgamma, dbeta] = [ops.allocate(4), ops.allocate(4)];
    const statistics = { mean: ops.allocate(4), variance: ops.allocate(4).fill(1) };
    const mode = { frozen: true, accumulate: false };
    ops.batchNormBackward(10, x.single, x.single, dbeta, statistics, 0, dgamma, dbeta, undefined, mode);
    expect(dgamma[2]).toBeCloseTo(
      Array.from({ length: 10 }, (_, r) => x.double[4 * r + 2]! ** 2).reduce((a, b) => a + b),
      4,
    );
  });
});
