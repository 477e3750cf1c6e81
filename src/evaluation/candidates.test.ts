import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseMethod } from "../optimizers/method.ts";
import { candidatesOf, SCHEDULES } from "./candidates.ts";
import { loadMethod } from "./optimizers.ts";

describe("candidatesOf", () => {
  it("gives as many settings with schedules and regularizers as without, no two alike", () => {
    const cases = fc.record({
      each: fc.integer({ min: 2, max: 20 }),
      schedules: fc.subarray([...SCHEDULES, "linear"], { minLength: 1, maxLength: 2 }),
      radii: fc.constantFrom(["none"] as const, ["sam", "sam:rho=1"] as const),
    });
    fc.assert(
      fc.property(cases, ({ each, schedules, radii }) => {
        const space = { optimizer: "adam", rates: [1e-5, 1] as const, schedules, regularizers: radii };
        const specs = candidatesOf(space, each * radii.length);
        expect(specs).toHaveLength(each * radii.length);
        expect(new Set(specs).size).toBe(specs.length);
      }),
    );
  });

  it("scales a learned optimizer, under schedules within the same number", () => {
    const space = { optimizer: "scale", setting: "by", rates: [0.1, 10], schedules: SCHEDULES } as const;
    expect(candidatesOf(space, 3)).toEqual(["scale:by=0.1", "scale:by=10", "scale:by=1+cosine:warmup=0.05"]);
  });

  it("writes specs that can be built, with the schedule around the optimizer", async () => {
    const specs = candidatesOf(
      { optimizer: "lion", rates: [1e-4, 1e-2], regularizers: ["sam"], schedules: SCHEDULES },
      4,
    );
    for (const spec of specs) await loadMethod(spec);
    expect(specs.map((spec) => parseMethod(spec).combinators)).toEqual([
      [],
      [],
      ["cosine:warmup=0.05"],
      ["cosine:warmup=0.05"],
    ]);
  });
});
