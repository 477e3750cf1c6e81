import { describe, expect, it } from "vitest";
import { lstm } from "../learned/lstm.ts";
import { key, normal } from "../random/key.ts";
import { decodeSafetensors, encodeSafetensors } from "../runs/safetensors.ts";
import { decodeCheckpoint, decodeWeights, encodeCheckpoint, encodeWeights } from "./checkpoint.ts";
import { resolveMetaConfig } from "./config.ts";
import { initialState, type TrainerState } from "./outer-loop.ts";

const learned = lstm({ hidden: 4 });
const config = resolveMetaConfig({
  tasks: ["a", "b"],
  learned: "lstm:hidden=4",
  outerOptimizer: "adam",
  seed: 3,
});

function draw(length: number, seed: number): Float32Array {
  const out = new Float32Array(length);
  normal(key(seed), out);
  return out;
}

const { size } = learned.layout;
const state: TrainerState = {
  ...initialState(config, learned),
  outerStep: 17,
  outer: { step: 16, layout: learned.layout, vectors: { mu: draw(size, 1), nu: draw(size, 2) } },
  instances: [
    { task: 0, key: key(5), step: 40, params: draw(7, 3), optimizer: { lstm: draw(64, 4) } },
    { task: 1, key: key(6), step: 0 },
  ],
  drawn: 9,
  diverged: 1,
  fruitless: 0,
  gradientEvaluations: 12_345,
  best: { outerStep: 10, loss: 0.25 },
};
const bytes = encodeCheckpoint(state, config);

describe("a checkpoint", () => {
  it("gives back every bit of the state and the configuration", () => {
    expect(decodeCheckpoint(bytes, "x")).toEqual({ state, config });
    expect(encodeCheckpoint(decodeCheckpoint(bytes, "x").state, config)).toEqual(bytes);
  });

  it("keeps the state of any outer optimizer", () => {
    const other = resolveMetaConfig({ ...config, outerOptimizer: "soap:maxDimension=8" });
    const started = initialState(other, learned);
    const vectors = Object.entries(started.outer.vectors).map(([name, { length }], i) => [
      name,
      draw(length, i),
    ]);
    const odd = {
      ...state,
      outer: { step: 4, layout: learned.layout, vectors: Object.fromEntries(vectors) },
    };
    expect(Object.keys(odd.outer.vectors)).toEqual(["shapes", "mu", "nu", "covariance", "basis"]);
    expect(decodeCheckpoint(encodeCheckpoint(odd, other), "x")).toEqual({ state: odd, config: other });
  });

  it("keeps a best that was never found, and special numbers", () => {
    const metaParams = state.metaParams.slice();
    metaParams.set([-0, 1e-45, 3e38]);
    const odd = { ...state, metaParams, best: undefined };
    expect(decodeCheckpoint(encodeCheckpoint(odd, config), "x").state).toEqual(odd);
  });

  it("names its tensors as other programs expect them", () => {
    const names = [...decodeSafetensors(bytes, { source: "x" }).tensors.keys()];
    expect(names).toEqual(
      expect.arrayContaining([
        "lstm.0.w_gates",
        "lstm.1.b_gates",
        "linear.w",
        "outer.adam.mu.lstm.0.w_gates",
        "instance.0.params",
        "instance.0.optimizer.lstm",
      ]),
    );
  });

  it("serves as a learned optimizer", () => {
    const { learned: found, metaParams } = decodeWeights(bytes, "x");
    expect(found.settings).toEqual(learned.settings);
    expect(metaParams).toEqual(state.metaParams);
    const weights = encodeWeights("lstm:hidden=4", learned.layout, state.metaParams, { note: "hello" });
    expect(decodeWeights(weights, "x")).toMatchObject({ metaParams, metadata: { note: "hello" } });
    expect(() => decodeCheckpoint(weights, "w.safetensors")).toThrow(/w\.safetensors is no checkpoint/);
  });

  it("is refused wherever it is cut off", () => {
    for (let end = 0; end < bytes.length; end += 97) {
      for (const decode of [decodeCheckpoint, decodeWeights]) {
        expect(() => decode(bytes.subarray(0, end), "x")).toThrow(
          expect.objectContaining({ code: "E_CHECKPOINT" }),
        );
      }
    }
  });

  const { tensors, metadata } = decodeSafetensors(bytes, { source: "x" });
  const changed = (
    change: Readonly<Record<string, object | undefined>>,
    more: Readonly<Record<string, string>> = {},
  ): Uint8Array => {
    const all = Object.entries({ ...Object.fromEntries(tensors), ...change }).filter(([, tensor]) => tensor);
    return encodeSafetensors(Object.fromEntries(all) as Parameters<typeof encodeSafetensors>[0], {
      ...metadata,
      ...more,
    });
  };

  it.each([
    ["lacks a tensor", changed({ "linear.w": undefined }), /"linear\.w" is missing/],
    ["lacks an instance", changed({ "instance.0.params": undefined }), /"instance\.0\.params" is missing/],
    [
      "has a tensor of another type",
      changed({ "linear.w": { shape: [4, 1], data: new Float64Array(4) } }),
      /"linear\.w" is F64, not F32/,
    ],
    [
      "has a tensor of another size",
      changed({ "linear.w": { shape: [5, 1], data: new Float32Array(5) } }),
      /has 5 entries, not 4; it belongs to another architecture/,
    ],
    [
      "has a tensor of another shape",
      changed({ "linear.w": { shape: [1, 4], data: new Float32Array(4) } }),
      /shape \[1,4\], not \[4,1\]/,
    ],
    ["is of another program", changed({}, { format: "pt" }), /format "pt"/],
    ["has damaged bookkeeping", changed({}, { state: "{" }), /entry "state" is missing or damaged/],
  ])("that %s is refused", (_what, damaged, message) => {
    expect(() => decodeCheckpoint(damaged, "x")).toThrow(expect.objectContaining({ code: "E_CHECKPOINT" }));
    expect(() => decodeCheckpoint(damaged, "x")).toThrow(message);
  });
});
