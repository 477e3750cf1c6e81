import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bits,
  foldIn,
  type Key,
  key,
  keyFromString,
  keyToString,
  normal,
  permutation,
  rademacher,
  randomIntegers,
  split,
  truncatedNormal,
  uniform,
} from "./key.ts";

interface Case {
  seed: number;
  key: [number, number];
  split: [number, number][];
  split5: [number, number][];
  foldIn: Record<string, [number, number]>;
  bits: number[];
  uniform: number[];
  uniformPlusMinus3: number[];
}
const golden: { cases: Case[] } = JSON.parse(
  readFileSync(new URL("../../test/golden/random/jax.json", import.meta.url), "utf8"),
);
const words = (k: Key): [number, number] => [k.hi, k.lo];
const anyKey = fc.record({ hi: fc.nat(0xffffffff), lo: fc.nat(0xffffffff) });

describe("keys equal JAX's", () => {
  it.each(golden.cases)("for seed $seed", (golden) => {
    const k = key(golden.seed);
    expect(words(k)).toEqual(golden.key);
    expect(split(k).map(words)).toEqual(golden.split);
    expect(split(k, 5).map(words)).toEqual(golden.split5);
    for (const [i, expected] of Object.entries(golden.foldIn)) {
      expect(words(foldIn(k, Number(i)))).toEqual(expected);
    }
    const drawn = new Uint32Array(9);
    bits(k, drawn);
    expect([...drawn]).toEqual(golden.bits);
    const values = new Float32Array(9);
    uniform(k, values);
    expect([...values]).toEqual(golden.uniform);
    uniform(k, values, { min: -3, max: 3 });
    // JAX rounds the product and the sum to float32 one after the other.
    values.forEach((value, i) => {
      expect(Math.abs(value - golden.uniformPlusMinus3[i]!)).toBeLessThanOrEqual(2 ** -22);
    });
  });

  it("and the published Threefry-2x32-20 known answer for the zero key and counter", () => {
    // Random123 kat_vectors: threefry2x32 20 00000000 00000000 00000000 00000000 → 6b200159 99ba4efe.
    expect(keyToString(foldIn({ hi: 0, lo: 0 }, 0))).toBe("6b20015999ba4efe");
  });
});

describe("a key", () => {
  it("survives its string form", () => {
    fc.assert(
      fc.property(anyKey, (k) => {
        expect(keyFromString(keyToString(k))).toEqual(k);
      }),
    );
  });

  it("accepts a bigint seed of 64 bits", () => {
    expect(keyToString(key(0x0123456789abcdefn))).toBe("0123456789abcdef");
    expect(key(42n)).toEqual(key(42));
  });

  it("refuses what is not a seed, a fold or a key string", () => {
    for (const seed of [0.5, Number.NaN, 2 ** 53]) expect(() => key(seed)).toThrow(/whole number/);
    for (const data of [-1, 0.5, 2 ** 32, Number.NaN]) expect(() => foldIn(key(0), data)).toThrow(/integer/);
    for (const text of ["", "0".repeat(15), "g".repeat(16)]) {
      expect(() => keyFromString(text)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
    }
  });

  it("draws a prefix of the same numbers whatever the length asked for", () => {
    fc.assert(
      fc.property(anyKey, fc.integer({ min: 0, max: 20 }), (k, length) => {
        const long = new Float32Array(32);
        const short = new Float32Array(length);
        normal(k, long);
        normal(k, short);
        expect(short).toEqual(long.subarray(0, length));
      }),
      { numRuns: 30 },
    );
  });

  it("draws in float32 what it draws in float64, rounded", () => {
    for (const sample of [uniform, normal, truncatedNormal, rademacher]) {
      const single = new Float32Array(1000);
      const double = new Float64Array(1000);
      sample(key(5), single);
      sample(key(5), double);
      expect(single).toEqual(Float32Array.from(double));
    }
  });
});

// Six standard errors: a correct sampler fails one comparison in 5e8, and the seeds are fixed.
const SIGMAS = 6;
const COUNT = 100_000;

function expectMean(values: ArrayLike<number>, mean: number, variance: number): void {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  expect(Math.abs(sum / values.length - mean)).toBeLessThan(SIGMAS * Math.sqrt(variance / values.length));
}

describe("samples have the moments of their distribution:", () => {
  const out = new Float64Array(COUNT);

  it("normal", () => {
    normal(key(1), out);
    expectMean(out, 0, 1);
    expectMean(
      out.map((x) => x ** 2),
      1,
      2,
    );
    expectMean(
      out.map((x) => x ** 3),
      0,
      15,
    );
    expectMean(
      out.map((x) => x ** 4),
      3,
      96,
    );
    // P(|z| > 3) = 0.0026998
    expectMean(
      out.map((x) => (Math.abs(x) > 3 ? 1 : 0)),
      0.0026998,
      0.0027,
    );
    normal(key(2), out, { mean: 3, stddev: 0.5 });
    expectMean(out, 3, 0.25);
    expectMean(
      out.map((x) => (x - 3) ** 2),
      0.25,
      2 * 0.0625,
    );
  });

  it("uniform", () => {
    uniform(key(3), out, { min: -1, max: 3 });
    expectMean(out, 1, 16 / 12);
    expectMean(
      out.map((x) => (x - 1) ** 2),
      16 / 12,
      256 / 180,
    );
    expect(Math.min(...out.subarray(0, 1000))).toBeGreaterThanOrEqual(-1);
  });

  it("truncated normal", () => {
    truncatedNormal(key(4), out, { stddev: 2 });
    // Variance of a standard normal within ±2: 1 − 4φ(2)/(2Φ(2) − 1) = 0.7737413.
    expectMean(out, 0, 4 * 0.7737413);
    expectMean(
      out.map((x) => (x / 2) ** 2),
      0.7737413,
      1,
    );
    expect(out.every((x) => Math.abs(x) <= 4)).toBe(true);
    expect(out.some((x) => x > 3.99) && out.some((x) => x < -3.99)).toBe(true);
    truncatedNormal(key(4), out, { lower: 1, upper: 1.5 });
    expect(out.every((x) => x >= 1 && x <= 1.5)).toBe(true);
    expect(() => truncatedNormal(key(4), out, { lower: 2, upper: -2 })).toThrow(/lower < upper/);
  });

  it("rademacher", () => {
    rademacher(key(5), out);
    expect(out.every((x) => x === 1 || x === -1)).toBe(true);
    expectMean(out, 0, 1);
  });

  it("different keys are uncorrelated, and so are neighbours of one stream", () => {
    const [a, b] = split(key(6));
    const other = new Float64Array(COUNT);
    normal(a, out);
    normal(b, other);
    expectMean(
      out.map((x, i) => x * other[i]!),
      0,
      1,
    );
    expectMean(
      out.subarray(1).map((x, i) => x * out[i]!),
      0,
      1,
    );
  });
});

describe("random integers", () => {
  it("are uniform: χ² stays within six standard deviations of its mean", () => {
    const bound = 100;
    const out = new Int32Array(COUNT);
    randomIntegers(key(7), out, bound);
    const counts = new Float64Array(bound);
    for (const value of out) counts[value]! += 1;
    const expected = COUNT / bound;
    const chi2 = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(Math.abs(chi2 - (bound - 1))).toBeLessThan(SIGMAS * Math.sqrt(2 * (bound - 1)));
  });

  it("lie in [0, bound) for every bound", () => {
    fc.assert(
      fc.property(anyKey, fc.integer({ min: 1, max: 2 ** 31 }), (k, bound) => {
        const out = new Uint32Array(16);
        randomIntegers(k, out, bound);
        expect(out.every((value) => value < bound)).toBe(true);
      }),
    );
    expect(() => randomIntegers(key(0), new Int32Array(1), 0)).toThrow(/bound/);
  });
});

describe("a permutation", () => {
  it("holds every index once", () => {
    fc.assert(
      fc.property(anyKey, fc.integer({ min: 0, max: 200 }), (k, n) => {
        expect([...permutation(k, n)].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
      }),
    );
  });

  it("is each of the 24 orders of four things equally often", () => {
    const trials = 24_000;
    const counts = new Map<string, number>();
    for (let i = 0; i < trials; i++) {
      const order = permutation(foldIn(key(8), i), 4).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chi2 = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chi2).toBeLessThan(23 + SIGMAS * Math.sqrt(2 * 23));
  });
});
