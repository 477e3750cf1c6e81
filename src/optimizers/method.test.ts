import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { regularizerNames } from "../regularizers/registry.ts";
import { combinators } from "./combinators/registry.ts";
import { formatMethod, makeOptimizer, parseMethod } from "./method.ts";

describe("parseMethod", () => {
  it("takes an optimizer, combinators and a regularizer apart, in any order after the first", () => {
    expect(parseMethod("adamw:lr=0.003+cosine:warmup=50,end=1e-3+sam:rho=0.05+clip:norm=1")).toEqual({
      optimizer: "adamw:lr=0.003",
      combinators: ["cosine:warmup=50,end=1e-3", "clip:norm=1"],
      regularizer: "sam:rho=0.05",
    });
  });

  it.each([
    ["adam", "adam", "none"],
    ["adam+none", "adam", "none"],
    ["adam:lr=1e+0+sam", "adam:lr=1e+0", "sam"],
    ["learned:runs/a+b=c,d+sam", "learned:runs/a+b=c,d", "sam"],
    ["learned:runs/sam+asam+sam:rho=1", "learned:runs/sam", "asam"],
    ["learned:runs/x+samples", "learned:runs/x+samples", "none"],
    ["zoo:lstm-mnist+./own.mjs", "zoo:lstm-mnist", "./own.mjs"],
    ["adam+./my+own.mjs", "adam", "./my+own.mjs"],
    ["adam+/a/b.mjs", "adam", "/a/b.mjs"],
  ])("reads %s", (text, optimizer, regularizer) => {
    if (text.includes("asam+sam")) expect(() => parseMethod(text)).toThrow("two regularizers, asam and sam");
    else expect(parseMethod(text)).toEqual({ optimizer, combinators: [], regularizer });
  });

  it("reads what formatMethod writes", () => {
    const optimizer = fc.constantFrom(
      "sgd",
      "adam:lr=1e+2,b1=0.5",
      "learned:a+b/c.d",
      "zoo:lstm",
      "learned:x+y=2",
    );
    const spec = fc.record({
      optimizer,
      combinators: fc.array(
        fc.constantFrom(...Object.keys(combinators), "cosine:warmup=5", "clip:norm=1e+1"),
      ),
      regularizer: fc.constantFrom(...regularizerNames, "sam:rho=1e+1", "./own+mine.mjs"),
    });
    fc.assert(
      fc.property(spec, (method) => {
        expect(parseMethod(formatMethod(method))).toEqual(method);
      }),
    );
  });

  it.each([
    ["cosine+adam", "cosine is no optimizer; it is a combinator, which goes with one: adam+cosine"],
    ["sam:rho=1", "sam:rho=1 is no optimizer; it is a regularizer, which goes with one: adam+sam:rho=1"],
    ["adam+sgd", '"sgd" is an optimizer, and adam is one already'],
    [
      "adam+cosin:end=1",
      'is neither a combinator nor a regularizer; did you mean "cosine"? combinators: cosine,',
    ],
    ["adam+gasm", 'did you mean "gsam"'],
    ["adam+sam+gam", "adam+sam+gam has two regularizers, sam and gam; keep one"],
    ["+adam", "names nothing"],
  ])("refuses %s", (text, message) => {
    expect(() => parseMethod(text)).toThrow(message);
  });
});

describe("makeOptimizer", () => {
  it("builds a hand-designed optimizer with combinators around it", () => {
    const { name, settings } = makeOptimizer("adamw:lr=0.5+clip:norm=2+cosine:warmup=3");
    expect(name).toBe("adamw+clip+cosine");
    expect(settings).toMatchObject({ lr: 0.5, "clip.norm": 2, "cosine.warmup": 3 });
  });

  it.each([
    ["adam+sam", "adam+sam has the regularizer sam; give an optimizer alone"],
    ["adma+clip:norm=1", 'unknown optimizer "adma"; did you mean "adam"'],
    ["adam+clip:nrm=1", 'unknown setting of combinator clip "nrm"; did you mean "norm"'],
    ["adam+clip:5", 'combinator clip takes no path "5"; write clip:key=value with norm, value'],
    ["adam+clip", "clip has no limit"],
  ])("refuses %s", (text, message) => {
    expect(() => makeOptimizer(text)).toThrow(message);
  });
});
