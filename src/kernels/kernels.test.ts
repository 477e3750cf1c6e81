import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectWithin } from "../../test/kernels/within.ts";
import { key, normal } from "../random/key.ts";
import { kernels, openArena, useKernelVariant } from "./module.ts";
import { type DenseShape, kernelOps, referenceOps } from "./ops.ts";
import type { Vector } from "./types.ts";
import { addScaled, axpy, dot, allFinite as finite, norm, scale } from "./vector.ts";

const arena = openArena();
const ops = kernelOps(arena);
const { variant } = kernels();

/** Unit roundoff of float32. */
const U = 2 ** -24;
const GUARD = 12345;

/** Draws into kernel memory, `lead` floats off its alignment and followed by floats that nobody may write. */
function draw(length: number, seed: number, { lead = 0, stddev = 1 } = {}): Float32Array<ArrayBuffer> {
  const own = openArena();
  const whole = own.float32(lead + length + 8).fill(GUARD);
  opened.push({ whole, end: lead + length, close: () => own.close() });
  const view = whole.subarray(lead, lead + length);
  normal(key(seed), view, { stddev });
  return view;
}
const opened: { whole: Float32Array; end: number; close(): void }[] = [];

/** Frees what was drawn; fails where something was written behind a vector. */
function release(): void {
  for (const { whole, end, close } of opened.splice(0)) {
    expect(whole.subarray(end).every((entry) => entry === GUARD)).toBe(true);
    close();
  }
}

const double = (x: Vector): Float64Array => Float64Array.from(x);
const absolute = (x: Vector): Float64Array => Float64Array.from(x, Math.abs);

const shapes: fc.Arbitrary<DenseShape & { lead: number; seed: number }> = fc.record({
  batch: fc.integer({ min: 1, max: 13 }),
  inputs: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(63, 64, 65, 127, 784)),
  outputs: fc.integer({ min: 1, max: 23 }),
  lead: fc.integer({ min: 0, max: 3 }),
  seed: fc.nat(),
});
const runs = { numRuns: 120 };

// A sum of n products in float32, in any order and with or without fusing, is off by at most (n+1)·u·Σ|terms|.
describe(`dense layer (${variant})`, () => {
  it("forward agrees with the reference to the rounding of its sums", () => {
    fc.assert(
      fc.property(shapes, ({ lead, seed, ...shape }) => {
        const { batch, inputs, outputs } = shape;
        const x = draw(batch * inputs, seed, { lead });
        const w = draw(outputs * inputs, seed + 1, { lead });
        const b = draw(outputs, seed + 2, { lead });
        const y = draw(batch * outputs, seed + 3, { lead });
        ops.denseForward(shape, x, w, b, y);
        const expected = new Float64Array(y.length);
        const terms = new Float64Array(y.length);
        referenceOps.denseForward(shape, double(x), double(w), double(b), expected);
        referenceOps.denseForward(shape, absolute(x), absolute(w), absolute(b), terms);
        expectWithin(y, expected, (i) => (inputs + 2) * U * terms[i]!);
        release();
      }),
      runs,
    );
  });

  it.each([false, true])("gradients of the parameters agree with it (accumulate: %s)", (accumulate) => {
    fc.assert(
      fc.property(shapes, ({ lead, seed, ...shape }) => {
        const { batch, inputs, outputs } = shape;
        const x = draw(batch * inputs, seed, { lead });
        const dy = draw(batch * outputs, seed + 1, { lead });
        const dw = draw(outputs * inputs, seed + 2, { lead });
        const db = draw(outputs, seed + 3, { lead });
        const [expectedW, expectedB, termsW, termsB] = [double(dw), double(db), absolute(dw), absolute(db)];
        referenceOps.denseBackwardWeights(shape, double(x), double(dy), expectedW, expectedB, accumulate);
        referenceOps.denseBackwardWeights(shape, absolute(x), absolute(dy), termsW, termsB, accumulate);
        ops.denseBackwardWeights(shape, x, dy, dw, db, accumulate);
        expectWithin(dw, expectedW, (i) => (batch + 2) * U * termsW[i]!);
        expectWithin(db, expectedB, (i) => (batch + 2) * U * termsB[i]!);
        release();
      }),
      runs,
    );
  });

  it("gradient of the input agrees with it", () => {
    fc.assert(
      fc.property(shapes, ({ lead, seed, ...shape }) => {
        const { batch, inputs, outputs } = shape;
        const dy = draw(batch * outputs, seed, { lead });
        const w = draw(outputs * inputs, seed + 1, { lead });
        const dx = draw(batch * inputs, seed + 2, { lead });
        const expected = new Float64Array(dx.length);
        const terms = new Float64Array(dx.length);
        referenceOps.denseBackwardInput(shape, double(dy), double(w), expected);
        referenceOps.denseBackwardInput(shape, absolute(dy), absolute(w), terms);
        ops.denseBackwardInput(shape, dy, w, dx);
        expectWithin(dx, expected, (i) => (outputs + 1) * U * terms[i]!);
        release();
      }),
      runs,
    );
  });
});

const lengths = fc.record({ length: fc.integer({ min: 1, max: 71 }), lead: fc.nat(3), seed: fc.nat() });

describe(`activations (${variant})`, () => {
  // the accuracy of the functions themselves is in elementary.test.ts
  it.each([
    ["sigmoid", 2.2e-7],
    ["tanh", 4.2e-7],
    ["relu", 0],
  ] as const)("%s and its gradient agree with the reference", (name, accuracy) => {
    fc.assert(
      fc.property(lengths, ({ length, lead, seed }) => {
        const x = draw(length, seed, { lead, stddev: 3 });
        const y = draw(length, seed + 1, { lead });
        const d = draw(length, seed + 2, { lead });
        const expected = new Float64Array(length);
        referenceOps[name](double(x), expected, length);
        ops[name](x, y, length);
        expectWithin(y, expected, (i) => accuracy * Math.abs(expected[i]!));
        const gradient = double(d);
        const before = absolute(d);
        referenceOps[`${name}Backward`](double(y), gradient, length);
        ops[`${name}Backward`](y, d, length);
        // three roundings; 1 − y² cancels, so the error is relative to its terms
        expectWithin(d, gradient, (i) => (name === "relu" ? 0 : 4 * U * before[i]!));
        ops[name](x, x, length);
        expect(x).toEqual(y);
        release();
      }),
      runs,
    );
  });

  it("relu keeps NaN and its gradient is 0 at 0", () => {
    const x = draw(6, 0);
    x.set([NaN, -1, 0, 2, -0, NaN]);
    ops.relu(x, x, 6);
    expect([...x]).toEqual([NaN, 0, 0, 2, expect.closeTo(0), NaN]);
    const d = draw(4, 1).fill(1);
    ops.reluBackward(x.subarray(1, 5), d, 4);
    expect([...d]).toEqual([0, 0, 1, 0]);
    release();
  });
});

describe(`softmax cross-entropy (${variant})`, () => {
  it("agrees with the reference in loss, count and gradient", () => {
    const settings = fc.record({
      rows: fc.integer({ min: 1, max: 9 }),
      classes: fc.integer({ min: 2, max: 23 }),
      lead: fc.nat(3),
      seed: fc.nat(),
      spread: fc.constantFrom(0.01, 1, 8),
    });
    fc.assert(
      fc.property(settings, ({ rows, classes, lead, seed, spread }) => {
        const z = draw(rows * classes, seed, { lead, stddev: spread });
        const expected = double(z);
        const labels = Uint8Array.from({ length: rows }, (_, r) => (seed + 7 * r) % classes);
        const range = 2 * Math.max(...absolute(z));
        const actual = ops.softmaxCrossEntropy(z, labels, rows, classes, 0.5);
        const reference = referenceOps.softmaxCrossEntropy(expected, labels, rows, classes, 0.5);
        expect(actual.correct).toBe(reference.correct);
        // an exponential is off by the rounding of z − max (≤ u·range), its own error (3 u) and the sum's
        const relative = (range + classes + 6) * U;
        expect(Math.abs(actual.loss - reference.loss)).toBeLessThan(
          rows * (relative + 1.2e-7 * Math.log(classes)),
        );
        // the label's entry is scale·(p − 1), its error that of p
        const p = (i: number): number =>
          Math.abs(expected[i]! + (labels[Math.floor(i / classes)] === i % classes ? 0.5 : 0));
        expectWithin(z, expected, (i) => 2 * relative * p(i) + U);
        release();
      }),
      runs,
    );
  });

  // subnormal numbers make every product after them a hundred times slower
  it.each([3, 10, 40])(
    "leaves no subnormal number among %i classes, however far apart the logits are",
    (classes) => {
      const smallest = 2 ** -126;
      for (const far of [50, 61, 80, 88, 100, 1e4]) {
        const z = draw(classes, 0);
        for (let j = 0; j < classes; j++) z[j] = j === 1 ? far : (j % 3) / 3;
        ops.softmaxCrossEntropy(z, Uint8Array.of(0), 1, classes, 1 / 512);
        expect(z.every((entry) => entry === 0 || Math.abs(entry) >= smallest)).toBe(true);
        expect(z[2] === 0).toBe(far > 60);
      }
      release();
    },
  );

  it("is finite for logits far apart, and not for NaN or infinite ones", () => {
    const loss = (logits: number[], label: number): number => {
      const z = draw(logits.length, 0);
      z.set(logits);
      return ops.softmaxCrossEntropy(z, Uint8Array.of(label), 1, logits.length, 1).loss;
    };
    expect(loss([1e4, 0, -1e4, 3, 2], 2)).toBeCloseTo(2e4);
    expect(loss([1e4, 0, -1e4, 3, 2], 0)).toBe(0);
    for (const bad of [NaN, Infinity]) {
      for (const place of [0, 1, 4]) expect(loss([0, 1, 2, 3, 4].with(place, bad), 2)).toBeNaN();
    }
    release();
  });
});

describe(`unpackPixels (${variant})`, () => {
  it("divides every byte by 255 exactly rounded, from inside and outside kernel memory", () => {
    for (const length of [1, 15, 16, 17, 256, 784, 785]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 37) & 255);
      const inside = arena.uint8(length);
      inside.set(bytes);
      for (const pixels of [bytes, inside]) {
        const out = draw(length, 0);
        ops.unpackPixels(pixels, out);
        expect(out).toEqual(Float32Array.from(bytes, (byte) => byte / 255));
        release();
      }
    }
  });
});

describe(`whole vectors (${variant})`, () => {
  it("dot sums in float64, with the same bits in and out of kernel memory", () => {
    fc.assert(
      fc.property(lengths, ({ length, lead, seed }) => {
        const x = draw(length, seed, { lead });
        const y = draw(length, seed + 1, { lead });
        const inside = dot(x, y);
        expect(inside).toBe(dot(x.slice(), y.slice()));
        const plain = double(x).reduce((sum, value, i) => sum + value * y[i]!, 0);
        const terms = absolute(x).reduce((sum, value, i) => sum + value * Math.abs(y[i]!), 0);
        expect(Math.abs(inside - plain)).toBeLessThanOrEqual(length * 2 ** -52 * terms);
        expect(norm(x)).toBe(Math.sqrt(dot(x, x)));
        release();
      }),
    );
  });

  it("addScaled and scale give the same bits in and out of kernel memory, also in place", () => {
    fc.assert(
      fc.property(lengths, fc.double({ min: -3, max: 3, noNaN: true }), ({ length, lead, seed }, a) => {
        const x = draw(length, seed, { lead });
        const y = draw(length, seed + 1, { lead });
        const out = draw(length, seed + 2, { lead });
        const [x2, y2, out2] = [x.slice(), y.slice(), out.slice()];
        addScaled(x, a, y, out);
        addScaled(x2, a, y2, out2);
        expect(out).toEqual(out2);
        const factor = Math.fround(a);
        expect(out).toEqual(Float32Array.from(x, (value, i) => value + Math.fround(factor * y[i]!)));
        axpy(a, x, y);
        axpy(a, x2, y2);
        expect(y).toEqual(y2);
        scale(a, x);
        scale(a, x2);
        expect(x).toEqual(x2);
        release();
      }),
    );
  });

  it("allFinite finds a NaN or an infinity anywhere, and takes large numbers for what they are", () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      for (const place of [0, 7, 8, 12]) {
        const x = draw(13, 1);
        expect(finite(x)).toBe(true);
        x[place] = bad;
        expect(finite(x)).toBe(false);
        expect(finite(x.slice())).toBe(false);
      }
    }
    expect(finite(draw(9, 1).fill(3e38))).toBe(true);
    release();
  });
});

describe("kernel variants", () => {
  it("cannot be changed once one is in use", () => {
    useKernelVariant(variant);
    const other = variant === "fma" ? "portable" : "fma";
    expect(() => useKernelVariant(other)).toThrow(/in use already; choose/);
  });
});
