import { describe, expect, it } from "vitest";
import { layoutOf } from "../kernels/types.ts";
import { spread, trainedPart } from "./trained.ts";

const layout = layoutOf([
  { name: "a.w", shape: [2] },
  { name: "a.b", shape: [1] },
  { name: "ab", shape: [2] },
  { name: "c.w", shape: [3] },
]);

describe("the trained part of φ", () => {
  it.each([
    [["a"], [[0, 3]], [[3, 8]]],
    [
      ["c", "a.b"],
      [
        [2, 3],
        [5, 8],
      ],
      [
        [0, 2],
        [3, 5],
      ],
    ],
    [["a", "ab", "c"], [[0, 8]], []],
  ])("named %j is of whole slots, those side by side in one range", (names, ranges, frozen) => {
    const size = ranges.reduce((sum, [from, to]) => sum + to! - from!, 0);
    expect(trainedPart(layout, names)).toEqual({ ranges, frozen, size });
  });

  it("is everything by the word all", () => {
    expect(trainedPart(layout, ["all"])).toBeUndefined();
  });

  it("is refused where no slot begins with a name", () => {
    expect(() => trainedPart(layout, ["b"])).toThrow(/train: unknown part of φ "b".*valid: all, a, ab, c/);
  });

  it("takes the first entries of a vector in order, the rest is 0", () => {
    const vector = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    spread(trainedPart(layout, ["c", "a.b"])!, vector);
    expect([...vector]).toEqual([0, 0, 1, 0, 0, 2, 3, 4]);
  });
});
