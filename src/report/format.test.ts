import { describe, expect, it } from "vitest";
import {
  columnFormat,
  count,
  duration,
  fixed,
  listed,
  percent,
  plural,
  pValue,
  signed,
  significant,
} from "./format.ts";

describe("numbers", () => {
  it("have a true minus sign and no negative zero", () => {
    expect(fixed(2)(-1.234)).toBe("−1.23");
    expect(fixed(1)(-0.01)).toBe("0.0");
  });

  it("that are missing or not finite are a dash", () => {
    for (const value of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(fixed(2)(value)).toBe("–");
      expect(significant(value)).toBe("–");
      expect(percent(value)).toBe("–");
      expect(pValue(value)).toBe("–");
    }
  });

  it("keep three significant digits", () => {
    expect([0.26543, 1.4378, 14.378, 143.78, 0, 0.00123].map(significant)).toEqual([
      "0.265",
      "1.44",
      "14.4",
      "144",
      "0",
      "0.00123",
    ]);
    expect(significant(-0.0000481)).toBe("−4.81×10⁻⁵");
    expect(significant(1234567)).toBe("1.23×10⁶");
  });

  it("share their decimals within a column", () => {
    const format = columnFormat([0.265, 0.4, 1.44, null]);
    expect([0.265, 0.4, 1.44].map(format)).toEqual(["0.265", "0.400", "1.440"]);
  });

  it("keep their own digits in a column of many magnitudes", () => {
    expect([0.00012, 3, 250].map(columnFormat([0.00012, 3, 250]))).toEqual(["1.20×10⁻⁴", "3.00", "250"]);
  });

  it("carry signs as differences", () => {
    expect([0.4, -0.4, 0].map(signed(fixed(1)))).toEqual(["+0.4", "−0.4", "0.0"]);
  });

  it("never show a p-value of zero", () => {
    expect(pValue(1e-9)).toBe("<\u00a00.001");
    expect(pValue(0.0313)).toBe("0.031");
  });

  it("group thousands", () => {
    expect([5, 1000, 1234567].map(count)).toEqual(["5", "1\u202f000", "1\u202f234\u202f567"]);
  });
});

describe("words", () => {
  it("say durations as people do", () => {
    expect([1.25, 42.4, 252.4, 7260].map(duration)).toEqual(["1.3 s", "42 s", "4 min 12 s", "2 h 1 min"]);
  });

  it("join lists and count things", () => {
    expect(listed(["a"])).toBe("a");
    expect(listed(["a", "b", "c"])).toBe("a, b and c");
    expect(plural(1, "seed")).toBe("one seed");
    expect(plural(12, "seed")).toBe("12 seeds");
  });
});
