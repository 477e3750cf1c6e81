import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import { LowlandError } from "./errors.ts";
import {
  buildSpec,
  describeRange,
  editDistance,
  formatSpec,
  parseSpec,
  resolveSettings,
  resolveSpec,
  type Settings,
  type SpecRegistry,
  specEntry,
  splitSpecs,
  suggest,
} from "./spec.ts";

const adamTable = {
  lr: { default: 0.001, exclusiveMin: 0, description: "learning rate" },
  b1: { default: 0.9, min: 0, max: 1, description: "decay of the first moment" },
  warmup: { default: 0, min: 0, integer: true, description: "steps" },
  nesterov: { default: false, description: "look ahead" },
  schedule: { default: "constant", choices: ["constant", "cosine"], description: "of the learning rate" },
} as const;

const registry: SpecRegistry<unknown> = {
  adam: specEntry({ description: "Adam", parameters: adamTable, create: (settings) => settings }),
  learned: specEntry({
    description: "a learned optimizer",
    parameters: {},
    path: "a run directory or a .safetensors file",
    create: (_settings, path) => ({ path }),
  }),
};

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(LowlandError);
    expect((error as LowlandError).code).toBe("E_CONFIG");
    expect((error as LowlandError).message).not.toContain("\n");
    return (error as LowlandError).message;
  }
  throw new Error("expected an error");
}

describe("parseSpec", () => {
  it("reads names and settings", () => {
    expect(parseSpec("adam")).toEqual({ name: "adam", settings: {} });
    expect(parseSpec("mnist/mlp")).toEqual({ name: "mnist/mlp", settings: {} });
    expect(parseSpec("adam:lr=0.01, b1=0.8")).toEqual({ name: "adam", settings: { lr: "0.01", b1: "0.8" } });
  });

  it("leaves paths alone", () => {
    expect(parseSpec("learned:runs/a,b:c")).toEqual({ name: "learned", settings: {}, path: "runs/a,b:c" });
    expect(parseSpec("learned:C:\\runs\\x")).toEqual({ name: "learned", settings: {}, path: "C:\\runs\\x" });
    for (const path of ["./my-task.mjs", "../a=b.mjs", "/a:b=1", "file:///a.mjs", "C:\\a.mjs"]) {
      expect(parseSpec(path)).toEqual({ name: "", settings: {}, path });
    }
  });

  it.each(["", ":lr=1", "adam:", "adam:lr=", "adam:lr=1,b1", "adam:lr=1,,b1=2", "adam:lr=1,lr=2"])(
    "refuses %j in one line",
    (text) => {
      expect(messageOf(() => parseSpec(text))).toContain(";");
    },
  );

  it("undoes formatSpec", () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,6}$/);
    const settings = fc.dictionary(word, fc.oneof(fc.double({ noNaN: true }), fc.boolean(), word), {
      maxKeys: 4,
    });
    fc.assert(
      fc.property(word, settings, (name, values) => {
        const spec = parseSpec(formatSpec({ name, settings: values }));
        const texts = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]));
        expect(spec).toEqual({ name, settings: texts });
        expect(formatSpec(spec)).toBe(formatSpec({ name, settings: values }));
      }),
    );
    expect(formatSpec(parseSpec("learned:runs/x"))).toBe("learned:runs/x");
    expect(formatSpec(parseSpec("./x.mjs"))).toBe("./x.mjs");
  });

  it("refuses nothing but with a LowlandError", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseSpec(text);
        } catch (error) {
          expect(error).toBeInstanceOf(LowlandError);
        }
      }),
    );
  });
});

describe("splitSpecs", () => {
  it("keeps the settings of a spec with it", () => {
    expect(splitSpecs("adam:lr=0.01,b1=0.8,sgd, learned:runs/x")).toEqual([
      "adam:lr=0.01,b1=0.8",
      "sgd",
      "learned:runs/x",
    ]);
  });
});

describe("resolveSpec", () => {
  it("fills in defaults and types the values", () => {
    expect(buildSpec("adam:lr=1e-2,nesterov=true,schedule=cosine", "optimizer", registry)).toEqual({
      lr: 0.01,
      b1: 0.9,
      warmup: 0,
      nesterov: true,
      schedule: "cosine",
    });
    expectTypeOf<Settings<typeof adamTable>>().toEqualTypeOf<{
      readonly lr: number;
      readonly b1: number;
      readonly warmup: number;
      readonly nesterov: boolean;
      readonly schedule: string;
    }>();
  });

  it("hands a path to entries that take one", () => {
    expect(buildSpec("learned:runs/x", "optimizer", registry)).toEqual({ path: "runs/x" });
    expect(messageOf(() => resolveSpec("learned", "optimizer", registry))).toBe(
      "optimizer learned needs a run directory or a .safetensors file; write it after learned:",
    );
    expect(messageOf(() => resolveSpec("adam:0.01", "optimizer", registry))).toContain(
      'takes no path "0.01"',
    );
  });

  it("suggests the nearest name and lists the valid ones", () => {
    expect(messageOf(() => resolveSpec("adm", "optimizer", registry))).toBe(
      'unknown optimizer "adm"; did you mean "adam"? valid: adam, learned',
    );
    expect(messageOf(() => resolveSpec("adam:rl=1", "optimizer", registry))).toBe(
      'unknown setting of optimizer adam "rl"; did you mean "lr"? valid: lr, b1, warmup, nesterov, schedule',
    );
    expect(messageOf(() => resolveSpec("toString", "optimizer", registry))).toContain("unknown optimizer");
    expect(messageOf(() => resolveSpec("./x.mjs", "optimizer", registry))).toContain('"./x.mjs"');
  });

  it.each([
    "lr=0",
    "lr=abc",
    "lr=0x10",
    "lr=1e999",
    "b1=1.5",
    "b1=-0.1",
    "warmup=1.5",
    "nesterov=1",
    "schedule=x",
  ])("refuses %s", (setting) => {
    expect(messageOf(() => resolveSpec(`adam:${setting}`, "optimizer", registry))).toContain("must be");
  });

  it("does not take inherited keys for settings", () => {
    expect(messageOf(() => resolveSettings({ constructor: "1" }, adamTable, "optimizer adam"))).toContain(
      "unknown",
    );
    expect(resolveSettings({}, { valueOf: { default: 1, description: "" } }, "x")).toEqual({ valueOf: 1 });
  });
});

describe("describeRange", () => {
  it("says what a parameter accepts", () => {
    expect(Object.values(adamTable).map(describeRange)).toEqual([
      "a number > 0",
      "a number ≥ 0 and ≤ 1",
      "an integer ≥ 0",
      "true or false",
      "one of constant, cosine",
    ]);
  });
});

describe("suggest", () => {
  it("prefers the nearest candidate and stays silent when none is near", () => {
    expect(suggest("mnst/mlp", ["fashion-mnist/mlp", "mnist/mlp"])).toBe("mnist/mlp");
    expect(suggest("ADAM", ["adam", "adamw"])).toBe("adam");
    expect(suggest("zzzzzz", ["adam", "sgd"])).toBeUndefined();
    expect(suggest("x", ["y"])).toBeUndefined();
    // nothing near: what begins with the word, the shortest first
    expect(suggest("lstm-sam", ["lstm-sam-mnist-cnn", "lstm-sam-mnist", "adam"])).toBe("lstm-sam-mnist");
  });

  it("uses a distance that is symmetric and counts single edits as one", () => {
    expect(editDistance("adam", "adma")).toBe(1);
    expect(editDistance("adam", "adamw")).toBe(1);
    expect(editDistance("", "abc")).toBe(3);
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
