import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SPLIT_SEED, splitIndices } from "./splits.ts";

describe("splitIndices", () => {
  it("divides any number of examples into three parts that share none", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.nat(1000), (count, seed) => {
        const parts = splitIndices(count, seed);
        const all = [...parts.train, ...parts["meta-validation"], ...parts["report-validation"]];
        expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
        expect(parts["meta-validation"]).toHaveLength(Math.floor(count / 10));
        expect(parts["report-validation"]).toHaveLength(Math.floor(count / 10));
      }),
    );
  });

  it("gives MNIST 48,000, 6,000 and 6,000 examples, in an order that only the seed decides", () => {
    const parts = splitIndices(60_000);
    expect([parts.train.length, parts["meta-validation"].length, parts["report-validation"].length]).toEqual([
      48_000, 6_000, 6_000,
    ]);
    expect(splitIndices(60_000, SPLIT_SEED)).toEqual(parts);
    expect(splitIndices(60_000, 1).train).not.toEqual(parts.train);
    // The order is part of every published number: a change here changes them all.
    expect([...parts.train.subarray(0, 4)]).toEqual([41153, 31418, 3895, 2618]);
  });
});
