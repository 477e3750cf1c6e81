import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { curveOf, interpolated, smoothed } from "./curves.ts";

const values = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 50 });
const of = (run: string, x: number[], mean: number[]) => ({ run, metric: "metaLoss", x, mean });

describe("smoothed", () => {
  it("leaves a line alone with a weight of 0, and stays between the extremes", () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 0.99, noNaN: true }), (y, weight) => {
        // −0 and 0 are the same here
        expect(smoothed(y, 0).every((value, i) => value === y[i])).toBe(true);
        const [low, high] = [Math.min(...y), Math.max(...y)];
        for (const value of smoothed(y, weight)) {
          // 1e-9: rounding of a sum of numbers up to 100
          expect(value).toBeGreaterThanOrEqual(low - 1e-9);
          expect(value).toBeLessThanOrEqual(high + 1e-9);
        }
      }),
    );
  });
});

describe("interpolated", () => {
  it("goes through the points, straight between them, and nowhere outside", () => {
    expect(interpolated([1, 3], [10, 30], [0, 1, 2, 3, 4])).toEqual([Number.NaN, 10, 20, 30, Number.NaN]);
  });
});

describe("curveOf", () => {
  it("is the mean of its runs with their standard deviation, each as far as it goes", () => {
    const curve = curveOf([of("a", [1, 2, 3], [1, 2, 3]), of("b", [1, 3], [3, 5])], 0)!;
    expect(curve.x).toEqual([1, 2, 3]);
    expect(curve.raw).toEqual([2, 3, 4]);
    // two values that are 2 apart: √2
    expect(curve.high![1]! - curve.smooth[1]!).toBeCloseTo(Math.SQRT2, 12);
    const longer = curveOf([of("a", [1, 2], [1, 2]), of("b", [1, 2, 3], [1, 2, 9])], 0)!;
    expect(longer.raw[2]).toBe(9);
    expect(longer.high![2]).toBe(9);
  });

  it("is nothing without records", () => {
    expect(curveOf([of("a", [], [])], 0)).toBeUndefined();
  });
});
