import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bucketExponent, cutIntoBuckets } from "./buckets.ts";

/** Ascending x with some y that are not finite. */
const series = fc
  .array(
    fc.record({
      step: fc.double({ min: 1e-3, max: 50, noNaN: true }),
      y: fc.oneof(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.constant(Number.NaN)),
    }),
    { minLength: 1, maxLength: 300 },
  )
  .map((records) => {
    let at = 0;
    return records.map(({ step, y }) => {
      at += step;
      return { x: at, y };
    });
  });
const scale = fc.constantFrom("linear" as const, "log" as const);
const count = fc.integer({ min: 1, max: 100 });

const columns = (records: readonly { x: number; y: number }[]) => ({
  x: records.map(({ x }) => x),
  y: records.map(({ y }) => y),
});

describe("bucketExponent", () => {
  it("needs no more buckets than were asked for, and with the next smaller width would", () => {
    fc.assert(
      fc.property(series, count, scale, (records, most, along) => {
        const { x, y } = columns(records);
        const exponent = bucketExponent(x[0]!, x.at(-1)!, most, along);
        const finite = y.map(() => 0);
        expect(cutIntoBuckets(x, finite, exponent, { scale: along }).x.length).toBeLessThanOrEqual(most);
        const t = (value: number): number =>
          (along === "log" ? Math.log2(value) : value) / 2 ** (exponent - 1);
        const needed = Math.floor(t(x.at(-1)!)) - Math.floor(t(x[0]!)) + 1;
        if (exponent > -40) expect(needed).toBeGreaterThan(most);
      }),
    );
  });

  it("keeps every outer step of a run that is shorter than that", () => {
    const x = Array.from({ length: 400 }, (_, i) => i + 1);
    expect(cutIntoBuckets(x, x, bucketExponent(1, 400, 400, "linear"))).toEqual({
      x,
      mean: x,
      low: x,
      high: x,
    });
  });
});

describe("cutIntoBuckets", () => {
  it("loses no extreme, makes none up, and keeps means between them", () => {
    fc.assert(
      fc.property(series, count, scale, (records, most, along) => {
        const { x, y } = columns(records);
        const finite = y.filter(Number.isFinite);
        const cut = cutIntoBuckets(x, y, bucketExponent(x[0]!, x.at(-1)!, most, along), { scale: along });
        if (finite.length === 0) expect(cut.x).toEqual([]);
        else {
          expect(Math.min(...cut.low)).toBe(Math.min(...finite));
          expect(Math.max(...cut.high)).toBe(Math.max(...finite));
        }
        cut.x.forEach((at, i) => {
          expect(cut.mean[i]).toBeGreaterThanOrEqual(cut.low[i]!);
          expect(cut.mean[i]).toBeLessThanOrEqual(cut.high[i]!);
          if (i > 0) expect(at).toBeGreaterThan(cut.x[i - 1]!);
        });
      }),
    );
  });

  it("gives what it gave before while a series grows, the last bucket aside", () => {
    fc.assert(
      fc.property(series, fc.integer({ min: -3, max: 6 }), (records, exponent) => {
        const { x, y } = columns(records);
        const whole = cutIntoBuckets(x, y, exponent);
        const half = x.length >> 1;
        const part = cutIntoBuckets(x.slice(0, half), y.slice(0, half), exponent);
        const settled = Math.max(0, part.x.length - 1);
        for (const key of ["x", "mean", "low", "high"] as const) {
          expect(part[key].slice(0, settled)).toEqual(whole[key].slice(0, settled));
        }
      }),
    );
  });

  it("leaves out what lies outside the part that is shown, and what has no place on a logarithmic axis", () => {
    const x = [0, 1, 2, 3, 4];
    expect(cutIntoBuckets(x, x, 0, { from: 1, to: 3 }).x).toEqual([1, 2, 3]);
    expect(cutIntoBuckets(x, x, -10, { scale: "log" }).x).toEqual([1, 2, 3, 4]);
  });
});
