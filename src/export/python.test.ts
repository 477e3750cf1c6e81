import { describe, expect, it } from "vitest";
import { learnedOptimizers } from "../learned/registry.ts";
import { architectureSpec, decodeWeights, type Weights } from "../learned/weights.ts";
import { buildSpec } from "../spec.ts";
import { exportedArchitectures, exportPython, exportTargets, pythonName } from "./python.ts";

function weightsOf(spec: string): Weights {
  const learned = buildSpec(spec, "learned optimizer", learnedOptimizers);
  const metaParams = Float32Array.from({ length: learned.layout.size }, (_, i) => i);
  return { learned, spec: architectureSpec(spec, learned), metaParams, metadata: {} };
}

// what they compute is tested in test/export/python.check.ts, which needs Python
describe("exported Python", () => {
  it("is there for every architecture", () => {
    expect([...exportedArchitectures].sort()).toEqual(Object.keys(learnedOptimizers).sort());
  });

  it.each(
    exportTargets.flatMap((target) =>
      [...exportedArchitectures, "celo:schedule=0"].map((spec) => [target, spec] as const),
    ),
  )("for %s of %s is filled in, and its weights are Lowland's", (target, spec) => {
    const weights = weightsOf(spec);
    const { name, code, weights: bytes } = exportPython(weights, { target, name: "an-optimizer" });
    expect(name).toBe("an_optimizer");
    expect(code).not.toMatch(/\{\{|\}\}|undefined|NaN|\bxp\.|# (if|end|include|rule)\b/);
    expect(code.split("\n").filter((line) => line.length > 120)).toEqual([]);
    expect(code).toMatch(
      target === "torch" ? /^class LearnedOptimizer\(torch/m : /^def learned_optimizer\(/m,
    );
    expect(code.includes(target === "torch" ? "jnp" : "torch")).toBe(false);
    expect(decodeWeights(bytes, "bytes").metaParams).toEqual(weights.metaParams);
  });

  it("has the settings of its architecture", () => {
    const { code } = exportPython(weightsOf("celo2:lr=0.25,decay=0.5"), { target: "torch", name: "a" });
    expect(code).toMatch(/lr=0\.25, \*, weight_decay=0\.5/);
    expect(exportPython(weightsOf("lstm:k=7"), { target: "optax", name: "a" }).code).toMatch(/^K = 7$/m);
  });

  it("is refused for an architecture without a template", () => {
    const { learned, ...rest } = weightsOf("mlp");
    expect(() =>
      exportPython(
        { ...rest, learned: { ...learned, name: "own" }, spec: "./own.mjs" },
        { target: "torch", name: "a" },
      ),
    ).toThrow(/^\.\/own\.mjs cannot be exported; there are templates for lstm, /);
  });

  it.each([
    ["lstm-sam", "lstm_sam"],
    ["7-fold", "optimizer_7_fold"],
    ["..", "optimizer"],
  ])("calls %s %s", (name, module) => expect(pythonName(name)).toBe(module));
});
