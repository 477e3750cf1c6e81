import { describe, expect, it } from "vitest";
import { faultOf, type Read } from "./table.ts";

const TABLE = {
  Point: { step: "count", loss: "measured", metrics: "measured{}?" },
  Run: { "...": "Point", kind: "quick|slow", points: "Point[]", size: "1|2?" },
} as const;

const run: Read<typeof TABLE, "Run"> = {
  step: 1,
  loss: null,
  kind: "quick",
  points: [{ step: 0, loss: 2, metrics: { accuracy: 0.5 } }],
};

describe("faultOf", () => {
  it("finds none in what the table says, nor in what it does not know", () => {
    expect(faultOf(TABLE, "Run", run)).toBeUndefined();
    expect(faultOf(TABLE, "Run", { ...run, size: 2, novelty: {} })).toBeUndefined();
  });

  it.each([
    [null, "its top: expected an object, not null"],
    [{ ...run, step: -1 }, "step: expected an integer from 0, not -1"],
    [{ ...run, loss: "low" }, 'loss: expected a number or null, not "low"'],
    [{ ...run, kind: "fast" }, 'kind: expected quick or slow, not "fast"'],
    [{ ...run, kind: undefined }, "kind: expected quick or slow, not nothing"],
    [{ ...run, size: 3 }, "size: expected 1 or 2, not 3"],
    [{ ...run, points: {} }, "points: expected a list, not {}"],
    [{ ...run, points: [{ step: 0 }] }, "points[0].loss: expected a number or null, not nothing"],
    [
      { ...run, points: [{ ...run.points[0], metrics: { a: true } }] },
      "points[0].metrics.a: expected a number or null, not true",
    ],
  ])("of %o is %s", (value, fault) => {
    expect(faultOf(TABLE, "Run", value)).toBe(fault);
  });
});
