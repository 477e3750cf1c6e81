import { describe, expect, it } from "vitest";
import { integer, list, positive, radii, seeds } from "./flags.ts";

describe("flag parsers", () => {
  it("read what they promise", () => {
    expect(integer(0)("0")).toBe(0);
    expect(integer(1)("1e3")).toBe(1000);
    expect(positive(".5")).toBe(0.5);
    expect(list(String)("a, b,c,")).toEqual(["a", "b", "c"]);
    expect(radii("0.001,0.1")).toEqual([0.001, 0.1]);
    expect(seeds("3")).toEqual([0, 1, 2]);
    expect(seeds("7,3")).toEqual([7, 3]);
    expect(seeds("7,")).toEqual([7]);
  });

  it.each([
    ["integer", integer(1), ["0", "-1", "1.5", "x", "", "0x10", "Infinity", "1e30"]],
    ["positive", positive, ["0", "-1", "NaN", "1e999", ""]],
    ["list", list(String), ["", ",", "a,,b"]],
    ["radii", radii, ["0", "0.1,0.1", "a"]],
    ["seeds", seeds, ["0", "-1", "1,1", "1,x", ""]],
  ] as const)("%s refuses anything else and says what it takes", (_name, parse, texts) => {
    for (const text of texts) {
      expect(() => parse(text)).toThrow(
        expect.objectContaining({ code: "E_USAGE", message: expect.stringMatching(/^must be .+, not /) }),
      );
    }
  });
});
