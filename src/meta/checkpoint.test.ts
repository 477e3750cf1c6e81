import { describe, expect, it } from "vitest";
import { lstm } from "../learned/lstm.ts";
import { decodeWeights, encodeWeights } from "../learned/weights.ts";
import { key, normal } from "../random/key.ts";
import { decodeSafetensors, encodeSafetensors } from "../runs/safetensors.ts";
import { buildParts } from "./build.ts";
import { decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
import { resolveMetaConfig } from "./config.ts";
import type { TrainerState } from "./outer-loop.ts";

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

const owner = { ...(await buildParts(config)), config };
const metaParams = new Float32Array(learned.layout.size);
learned.init(key(1), metaParams);
const { size } = learned.layout;
const state: TrainerState = {
  metaParams,
  schedule: { stage: 1, best: 0.5 },
  stopped: false,
  innerSteps: 4321,
  outerStep: 17,
  outer: {
    step: 16,
    layout: learned.layout,
    horizon: config.outerSteps,
    vectors: { mu: draw(size, 1), nu: draw(size, 2) },
  },
  instances: [
    {
      index: 0,
      number: 3,
      draw: { task: 0, key: key(5), horizon: 100, start: 20 },
      runs: [
        {
          step: 40,
          params: draw(7, 3),
          optimizer: { lstm: draw(64, 4) },
          teacher: { mu: draw(7, 5) },
          known: { loss: 0.5, gradient: draw(7, 6) },
        },
        { step: 40, params: draw(7, 7), optimizer: { lstm: draw(64, 8) } },
      ],
      tensors: { sum: draw(size, 9) },
    },
    {
      index: 1,
      number: 0,
      draw: { task: 1, key: key(6), horizon: 200, start: 0 },
      runs: [],
      tensors: {},
    },
  ],
  diverged: 1,
  fruitless: 0,
  gradientEvaluations: 12_345,
  best: { outerStep: 10, loss: 0.25, metaParams: draw(size, 10) },
};
const bytes = encodeCheckpoint(state, owner);

describe("a checkpoint", () => {
  it("gives back every bit of the state and the configuration", () => {
    expect(decodeCheckpoint(bytes, "x", owner)).toEqual(state);
    expect(encodeCheckpoint(decodeCheckpoint(bytes, "x", owner), owner)).toEqual(bytes);
  });

  it("keeps the state of any outer optimizer", async () => {
    const other = resolveMetaConfig({ ...config, outerOptimizer: "soap:maxDimension=8" });
    const parts = { ...(await buildParts(other)), config: other };
    const started = parts.outerOptimizer.init(learned.layout, { horizon: other.outerSteps });
    const vectors = Object.entries(started.vectors).map(([name, { length }], i) => [name, draw(length, i)]);
    const odd = { ...state, outer: { ...started, step: 4, vectors: Object.fromEntries(vectors) } };
    expect(Object.keys(odd.outer.vectors)).toEqual(["shapes", "mu", "nu", "covariance", "basis"]);
    expect(decodeCheckpoint(encodeCheckpoint(odd, parts), "x", parts)).toEqual(odd);
  });

  it("keeps a best that was never found, and special numbers", () => {
    const metaParams = state.metaParams.slice();
    metaParams.set([-0, 1e-45, 3e38]);
    const odd = { ...state, metaParams, best: undefined };
    expect(decodeCheckpoint(encodeCheckpoint(odd, owner), "x", owner)).toEqual(odd);
  });

  it("names its tensors as other programs expect them", () => {
    const names = [...decodeSafetensors(bytes, { source: "x" }).tensors.keys()];
    expect(names).toEqual(
      expect.arrayContaining([
        "lstm.0.w_gates",
        "lstm.1.b_gates",
        "linear.w",
        "outer.adam.mu.lstm.0.w_gates",
        "instance.0.run.0.params",
        "instance.0.run.1.optimizer.lstm",
      ]),
    );
  });

  it("serves as a learned optimizer", () => {
    const { learned: found, metaParams } = decodeWeights(bytes, "x");
    expect(found.settings).toEqual(learned.settings);
    expect(metaParams).toEqual(state.metaParams);
    const weights = encodeWeights("lstm:hidden=4", learned.layout, state.metaParams, { note: "hello" });
    expect(decodeWeights(weights, "x")).toMatchObject({ metaParams, metadata: { note: "hello" } });
    expect(() => decodeCheckpoint(weights, "w.safetensors", owner)).toThrow(
      /w\.safetensors is no checkpoint/,
    );
  });

  it("is refused wherever it is cut off", () => {
    for (let end = 0; end < bytes.length; end += 97) {
      for (const decode of [decodeCheckpoint, decodeWeights]) {
        expect(() => decode(bytes.subarray(0, end), "x", owner)).toThrow(
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
    [
      "lacks an instance",
      changed({ "instance.0.run.0.params": undefined }),
      /"instance\.0\.run\.0\.params" is missing/,
    ],
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
    [
      "is of version 0.1.0",
      changed({}, { format: "lowland-meta-training-1" }),
      /start a new run from it with --init/,
    ],
    ["has damaged bookkeeping", changed({}, { state: "{" }), /entry "state" is missing or damaged/],
  ])("that %s is refused", (_what, damaged, message) => {
    expect(() => decodeCheckpoint(damaged, "x", owner)).toThrow(
      expect.objectContaining({ code: "E_CHECKPOINT" }),
    );
    expect(() => decodeCheckpoint(damaged, "x", owner)).toThrow(message);
  });
});
