import { describe, expect, it } from "vitest";
import { published } from "../../test/learned/published.ts";
import { importPublished, type PublishedTensor } from "./published.ts";

const tensorsOf = (spec: string): Map<string, PublishedTensor> => new Map(Object.entries(published(spec)));

describe("published weights", () => {
  it.each([
    ["celo", "celo:schedule=1"],
    ["celo2", "celo2:lr=0.001,decay=0"],
    ["adafac-mlp", "adafac-mlp"],
    ["mlp", "mlp"],
    ["rnnprop:hidden=12", "rnnprop:hidden=12,b1=0.95,b2=0.95,eps=1e-8,scale=0.01,outputInit=1"],
    ["lstm:hidden=8", "lstm:hidden=8,k=5,scale=0.01,outputInit=1"],
  ])("of %s are known by their names, and read in Lowland's order", (spec, found) => {
    const imported = importPublished(tensorsOf(spec));
    expect(imported.spec).toBe(found);
    expect(imported.metaParams).toEqual(Float32Array.from(imported.metaParams, (_, i) => i));
    expect(imported.metaParams).toHaveLength(imported.learned.layout.size);
    expect(imported.unused).toEqual([]);
  });

  it("take the architecture and settings that are given", () => {
    expect(importPublished(tensorsOf("celo2"), { spec: "celo2-base" }).spec).toBe(
      "celo2-base:lr=0.001,decay=0",
    );
    expect(importPublished(tensorsOf("lstm"), { spec: "lstm:k=10" }).learned.settings.k).toBe(10);
  });

  it("say which tensors have no effect", () => {
    const tensors = tensorsOf("celo");
    tensors.set("rnn_params.linear.w", { shape: [18, 64], data: new Float32Array(18 * 64) });
    expect(importPublished(tensors).unused).toEqual(["rnn_params.linear.w"]);
  });

  it("are refused with what is missing, or of another shape", () => {
    const missing = tensorsOf("adafac-mlp");
    missing.delete("rms_decays");
    expect(() => importPublished(missing)).toThrow(
      /of adafac-mlp, the nearest, "rms_decays" is missing; give/,
    );
    const wrong = tensorsOf("mlp");
    wrong.set("mlp/~/linear_1.w", { shape: [16, 64], data: new Float32Array(1024) });
    expect(() => importPublished(wrong)).toThrow(/"mlp\/~\/linear_1.w" has shape \[16,64\], not \[32,32\]/);
    expect(() => importPublished(new Map())).toThrow(/no published architecture fits/);
    expect(() => importPublished(tensorsOf("mlp"), { spec: "vit" })).toThrow(/one of celo, .* can$/);
  });
});
