import { describe, expect, it } from "vitest";
import { describeRegularizers, makeRegularizer, regularizerNames } from "./registry.ts";
import { sam } from "./sam.ts";

describe("makeRegularizer", () => {
  it.each(regularizerNames)("builds %s with the defaults it lists", (name) => {
    const listed = describeRegularizers().find((entry) => entry.name === name)!;
    const defaults = Object.entries(listed.parameters).map(([key, parameter]) => [key, parameter.default]);
    expect(makeRegularizer(name)).toMatchObject({ name, settings: Object.fromEntries(defaults) });
  });

  it("reads settings from the spec", () => {
    expect(makeRegularizer("gsam:rho=0.1,alpha=0.2").settings).toEqual({
      rho: 0.1,
      alpha: 0.2,
      weight: 1,
    });
    expect(makeRegularizer("gam-fd:rhoPrime=0.01").settings).toMatchObject({ rho: 0.2, rhoPrime: 0.01 });
  });

  it.each([
    ["smm", /did you mean "sam"/],
    ["sam:roh=1", /did you mean "rho"/],
    ["sam:rho=-1", /rho of regularizer sam must be a number ≥ 0/],
    ["sam:rho=much", /must be a number/],
    ["sam:weight=-1", /weight of regularizer sam must be a number ≥ 0/],
    ["sam:rho=0.1+gam", /joins regularizers, which are not sums; keep one/],
  ])("refuses %s", (spec, message) => {
    expect(() => makeRegularizer(spec)).toThrow(message);
    expect(() => makeRegularizer(spec)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });
});

describe("settings given in code", () => {
  it.each([NaN, Infinity, -0.1])("may not be %d", (rho) => {
    expect(() => sam({ rho })).toThrow(/rho of regularizer sam must be a number ≥ 0/);
  });

  it("may not be misspelled", () => {
    expect(() => sam({ roh: 0.1 } as object)).toThrow(/did you mean "rho"/);
  });

  it("fall back to the default when undefined", () => {
    expect(sam({}).settings.rho).toBe(0.05);
  });
});
