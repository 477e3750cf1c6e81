import { describe, expect, it } from "vitest";
import type { Comparison } from "../evaluation/results.ts";
import { noWorseP, noWorseTally, outcomeOf, tallyOf } from "./decisions.ts";
import { pairedTest } from "./statistics.ts";

const test: Comparison = {
  task: "t",
  steps: 1,
  measure: "maxLoss",
  candidate: { optimizer: "a", regularizer: "none" },
  baseline: { optimizer: "b", regularizer: "none" },
  pairs: 8,
  meanDifference: -1,
  low: -2,
  high: -0.5,
  t: -5,
  p: 0.001,
  pHolm: 0.01,
  effectSize: -2,
};

describe("tallyOf", () => {
  it("counts a difference by its corrected p and its direction", () => {
    const tests = [
      test,
      { ...test, meanDifference: 1 },
      { ...test, pHolm: 0.06 },
      { ...test, p: null, pHolm: null },
    ];
    expect(tallyOf(tests, "lower")).toMatchObject({ support: 1, against: 1, undecided: 1 });
    expect(tallyOf(tests.slice(0, 1), "higher")).toMatchObject({ support: 0, against: 1, undecided: 0 });
  });

  it("decides nothing where repetitions disagree", () => {
    const split = { ...test, repetitions: 2, agreeing: 1 };
    expect(tallyOf([split], "lower")).toMatchObject({ support: 0, against: 0, undecided: 1 });
    expect(tallyOf([{ ...split, agreeing: 2 }], "lower").support).toBe(1);
  });

  it("says how many decided tests rest on one meta-training run", () => {
    const learned = { optimizer: "lstm", regularizer: "sam", source: ["t"] };
    const single = { ...test, candidate: learned };
    const repeated = { ...single, repetitions: 2, agreeing: 2 };
    expect(tallyOf([single, repeated, test], "lower")).toMatchObject({ support: 3, ofOneRun: 1 });
    expect(tallyOf([repeated, test], "lower")).not.toHaveProperty("ofOneRun");
  });

  it("gives the median change and its quartiles over all tests, decided or not", () => {
    const changes = [-0.4, -0.3, -0.2, -0.1, 0];
    const tests = changes.map((meanDifference) => ({
      ...test,
      meanDifference,
      pHolm: 1,
      scale: "share" as const,
    }));
    expect(tallyOf(tests, "lower").effect).toEqual({ of: "share", low: -0.3, median: -0.2, high: -0.1 });
  });
});

describe("outcomeOf", () => {
  const of = (support: number, against: number, undecided: number) => ({ support, against, undecided });

  it.each([
    [[of(3, 0, 2)], "reproduced"],
    [[of(2, 0, 2)], "partly reproduced"],
    [[of(3, 1, 0)], "mixed"],
    [[of(17, 13, 186)], "mixed"],
    [[of(1, 42, 11)], "not reproduced"],
    [[of(2, 2, 0)], "mixed"],
    [[of(0, 1, 3)], "not reproduced"],
    [[of(0, 0, 4)], "undecided"],
    [[of(0, 0, 0)], "not tested"],
    [[], "not tested"],
  ] as const)("of %o is %s", (parts, outcome) => {
    expect(outcomeOf(parts)).toBe(outcome);
  });

  it.each([
    [of(2, 0, 0), "reproduced"],
    [of(0, 0, 0), "reproduced"],
    [of(1, 0, 3), "partly reproduced"],
    [of(0, 0, 3), "partly reproduced"],
    [of(0, 1, 3), "mixed"],
    [of(0, 3, 1), "not reproduced"],
  ] as const)("of a reproduced part and %o is %s", (part, outcome) => {
    expect(outcomeOf([of(3, 0, 1), part])).toBe(outcome);
  });
});

describe("noWorseP", () => {
  const values = [0.9, 0.91, 0.92, 0.905, 0.915];
  const shifted = (by: number) => {
    const candidate = values.map((value, i) => value + by + (i % 2 === 0 ? 0.001 : -0.001));
    return { ...test, ...pairedTest(candidate, values) };
  };

  it("is that of the paired test of the difference against minus the margin", () => {
    const moved = pairedTest(
      values.map((value, i) => value + 0.004 + 0.01 + (i % 2 === 0 ? 0.001 : -0.001)),
      values,
    );
    expect(noWorseP(shifted(0.004), 0.01)).toBeCloseTo(moved.p! / 2, 12);
  });

  it("is near one where the candidate is clearly worse by more, and one half at the margin", () => {
    expect(noWorseP(shifted(-0.05), 0.01)).toBeGreaterThan(0.99);
    // five differences of ±0.001 that do not average out: their mean is 0.0002
    expect(noWorseP(shifted(-0.0102), 0.01)).toBeCloseTo(0.5, 6);
  });

  it("is nothing where there is no interval", () => {
    expect(noWorseP({ ...test, low: null, high: null }, 0.01)).toBeNull();
  });
});

describe("noWorseTally", () => {
  const close = { ...test, meanDifference: -0.005, low: -0.0051, high: -0.0049 };
  const worse = { ...test, meanDifference: -0.05, low: -0.06, high: -0.04 };
  const open = { ...test, meanDifference: 0, low: -0.2, high: 0.2, p: 1, pHolm: 1 };

  it("is for what is no worse by the margin, even if lower, and against what is lower by more", () => {
    const { tally, close: lower } = noWorseTally([close, worse, open], [close, worse, open], 0.01);
    expect(tally).toMatchObject({ support: 1, against: 1, undecided: 1 });
    expect(lower).toBe(1);
  });

  it("corrects over all tests of the results, not its own alone", () => {
    const loose = { ...test, meanDifference: 0, low: -0.009, high: 0.009, p: 1, pHolm: 1 };
    expect(noWorseTally([loose], [], 0.01).tally.support).toBe(1);
    expect(noWorseTally([loose], Array(1000).fill({ ...test, p: 0.5 }), 0.01).tally.support).toBe(0);
  });
});
