import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { log, normalCdf, normalQuantile } from "./quantile.ts";

const golden: { normalQuantile: [number, number][] } = JSON.parse(
  readFileSync(new URL("../../test/golden/random/jax.json", import.meta.url), "utf8"),
);

describe("log", () => {
  it("is within two units in the last place of the engine's", () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -1022, max: Number.MAX_VALUE, noNaN: true }), (x) => {
        expect(Math.abs(log(x) - Math.log(x))).toBeLessThanOrEqual(2 ** -51 * Math.abs(Math.log(x)));
      }),
      { numRuns: 2000 },
    );
    expect(log(1)).toBe(0);
  });
});

describe("normalQuantile", () => {
  it.each(golden.normalQuantile)("of %d is SciPy's ndtri, %d", (p, expected) => {
    expect(Math.abs(normalQuantile(p) - expected)).toBeLessThanOrEqual(4e-15 * Math.abs(expected));
  });

  it("is the inverse of normalCdf", () => {
    for (const x of [-30, -8, -3, -2, -1, -0.1, 0, 0.5, 1, 2, 3]) {
      expect(Math.abs(normalQuantile(normalCdf(x)) - x)).toBeLessThan(1e-12 * Math.max(1, Math.abs(x)));
    }
    // Φ(2) from Abramowitz & Stegun, table 26.1.
    expect(normalCdf(2)).toBeCloseTo(0.97724986805182, 14);
  });
});
