import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportedArchitectures, exportPython, exportTargets } from "../../src/export/python.ts";
import { openArena } from "../../src/kernels/module.ts";
import { kernelOps } from "../../src/kernels/ops.ts";
import { layoutOf } from "../../src/kernels/types.ts";
import { learnedOptimizers } from "../../src/learned/registry.ts";
import { optimizerOf } from "../../src/learned/types.ts";
import { architectureSpec, decodeWeights, type Weights } from "../../src/learned/weights.ts";
import { dense, sigmoid } from "../../src/nn/layers.ts";
import { sequential } from "../../src/nn/sequential.ts";
import { key, normal, randomIntegers } from "../../src/random/key.ts";
import { readBytes } from "../../src/runs/files.ts";
import { buildSpec } from "../../src/spec.ts";
import { zooNames, zooPath } from "../../src/zoo/zoo.ts";
import { optaxDriver, torchDriver } from "./drivers.ts";

const python = process.env.LOWLAND_PYTHON;
if (python === undefined) throw new Error("LOWLAND_PYTHON is not set; run npm run test:export");

const arena = openArena();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lowland-export-"));
});
afterAll(() => {
  arena.close();
  rmSync(folder, { recursive: true });
});

const HORIZON = 200;

/** Weights drawn at random, except where the zoo has trained ones. */
function drawn(spec: string, seed: number): Weights {
  const learned = buildSpec(spec, "learned optimizer", learnedOptimizers);
  const metaParams = new Float32Array(learned.layout.size);
  if (spec.startsWith("lstm") || spec.startsWith("rnnprop")) learned.init(key(seed), metaParams);
  else normal(key(seed), metaParams, { stddev: 0.3 });
  for (const { name, offset, size } of learned.layout.slots) {
    // decays stay decays
    if (name.startsWith("decays.")) for (let i = 0; i < size; i++) metaParams[offset + i]! *= 0.1;
  }
  return { learned, spec: architectureSpec(spec, learned), metaParams, metadata: {} };
}

interface Case {
  readonly name: string;
  readonly weights: Weights;
}

const architectures: readonly Case[] = [
  ...exportedArchitectures,
  ...["lstm:hidden=8,k=5", "celo:schedule=0", "celo2:lr=0.01,decay=0.3"],
].map((spec, i) => ({ name: spec.replaceAll(/\W+/g, "_"), weights: drawn(spec, 40 + i) }));
const zoo: readonly Case[] = zooNames().map((name) => ({
  name: name.replaceAll("-", "_"),
  weights: decodeWeights(readBytes(zooPath(name)), name),
}));
/** Folder for the figures of agreement, which `npm run test:export -- --figures` puts into docs/export.md. */
const figuresFolder = process.env.LOWLAND_EXPORT_FIGURES;
/** XLA compiles every one anew, for seconds: of the zoo it gets one, unless there are to be figures. */
const casesOf = {
  torch: [...architectures, ...zoo],
  optax: [...architectures, ...(figuresFolder === undefined ? zoo.slice(0, 1) : zoo)],
} as const;

/** By case and target: the largest difference after five steps, relative to a tensor's movement, and of a loss in 200. */
const figures: Record<string, Record<string, { steps?: number; losses?: number; tolerance?: number }>> = {};
const figureOf = (name: string, target: string) => {
  figures[name] ??= {};
  figures[name][target] ??= {};
  return figures[name][target];
};
afterAll(() => {
  if (figuresFolder === undefined) return;
  const names = { architectures, zoo };
  const ordered = Object.entries(names).map(([kind, cases]) => [
    kind,
    cases.map(({ name, weights }) => ({ name, learned: weights.spec, ...figures[name] })),
  ]);
  writeFileSync(join(figuresFolder, "agreement.json"), JSON.stringify(Object.fromEntries(ordered)));
});

/** Every kind of tensor, [outputs, positions …, inputs]: equal sizes, positions larger than inputs and outputs, one entry. */
const layout = layoutOf([
  { name: "a", shape: [16, 16] },
  { name: "b", shape: [5], kind: "bias" },
  { name: "c", shape: [33, 5] },
  { name: "d", shape: [4, 33] },
  { name: "e", shape: [9, 3, 3, 2] },
  { name: "f", shape: [2, 5, 6, 3] },
  { name: "g", shape: [3, 4, 2] },
  { name: "h", shape: [1], kind: "bias" },
]);
const losses = [2.3, 2.1, 2.5, 1.9, 1.7];
const network = sequential([8], [dense(6), sigmoid(), dense(3)], { kind: "normal", stddev: 0.5 });
const BATCH = 32;
const STEPS = 200;

const filled = (seed: number, size: number, stddev: number): Float32Array => {
  const vector = arena.float32(size);
  normal(key(seed), vector, { stddev });
  return vector;
};
const start = filled(1, layout.size, 0.1);
const gradients = [0.3, 1e-3, 10, 0.1, 1].map((stddev, t) => filled(2 + t, layout.size, stddev));
const inputs = filled(20, BATCH * 8, 1);
const labels = new Int32Array(BATCH);
randomIntegers(key(21), labels, 3);
const initial = filled(22, network.layout.size, 0.5);

/** The points after each of five steps in Lowland. */
function fiveSteps({ learned, metaParams }: Weights): Float32Array[] {
  const optimizer = optimizerOf(learned, metaParams, arena);
  const state = optimizer.init(layout, { arena, horizon: HORIZON });
  const params = arena.float32(layout.size);
  params.set(start);
  return gradients.map((gradient, t) => {
    optimizer.step(params, gradient, state, { loss: losses[t]! });
    return params.slice();
  });
}

/** Errors of a training, relative: of each coordinate's update and of the loss that Celo's schedule reads. */
interface Errors {
  readonly updates: number;
  readonly loss: number;
  readonly seed: number;
}

/** The loss before each of 200 steps in Lowland, with normal errors at each. */
function training({ learned, metaParams }: Weights, { updates, loss: ofLoss, seed }: Errors): number[] {
  const optimizer = optimizerOf(learned, metaParams, arena);
  const state = optimizer.init(network.layout, { arena, horizon: HORIZON });
  const opened = network.open(kernelOps(arena), BATCH);
  opened.input.set(inputs);
  const { size } = network.layout;
  const [params, gradient, update] = [arena.float32(size), arena.float32(size), arena.float32(size)];
  params.set(initial);
  const factors = new Float32Array(size + 1);
  return Array.from({ length: STEPS }, (_, t) => {
    const { loss } = opened.run(params, Uint8Array.from(labels), BATCH, { gradient, scale: 1 / BATCH });
    const mean = loss / BATCH;
    normal(key(1000 + 1000 * seed + t), factors);
    optimizer.update(gradient, state, { params, loss: mean * (1 + ofLoss * factors[size]!) }, update);
    for (let i = 0; i < size; i++) params[i] = params[i]! + update[i]! * (1 + updates * factors[i]!);
    return mean;
  });
}

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

interface Result {
  readonly points: readonly (readonly number[])[];
  readonly resumed: boolean;
  readonly curve: readonly number[];
  readonly vmapped?: number;
  readonly halfPrecision?: boolean;
}

describe.each(exportTargets)("optimizers exported to %s", (target) => {
  const cases = casesOf[target];
  let results: readonly Result[] = [];
  beforeAll(() => {
    for (const { name, weights } of cases) {
      const { code, weights: bytes } = exportPython(weights, { target, name });
      writeFileSync(join(folder, `${name}.py`), code);
      writeFileSync(join(folder, `${name}.safetensors`), bytes);
    }
    const tensorsOf = (vector: Float32Array, slots = layout.slots) =>
      slots.map(({ shape, offset, size }) => ({ shape, data: [...vector.subarray(offset, offset + size)] }));
    const problem = {
      folder,
      cases: cases.map(({ name, weights: { learned } }) => ({
        name,
        options: learned.settings.schedule === 1 ? { horizon: HORIZON } : {},
      })),
      params: tensorsOf(start),
      gradients: gradients.map((gradient) => tensorsOf(gradient).map(({ data }) => data)),
      losses,
      training: {
        inputs: [...inputs],
        features: 8,
        labels: [...labels],
        params: tensorsOf(initial, network.layout.slots),
        steps: STEPS,
      },
    };
    const { status, stdout, stderr } = spawnSync(
      python,
      ["-c", target === "torch" ? torchDriver : optaxDriver],
      {
        input: JSON.stringify(problem),
        encoding: "utf8",
        maxBuffer: 2 ** 30,
        env: {
          ...process.env,
          PYTHONDONTWRITEBYTECODE: "1",
          XLA_FLAGS: "--xla_backend_optimization_level=0",
        },
      },
    );
    if (status !== 0) throw new Error(stderr);
    results = JSON.parse(stdout) as Result[];
  });

  it.each(cases.map(({ name, weights }, i) => [name, weights, i] as const))(
    "%s: five steps are Lowland's within 1e-5 of each tensor's movement",
    (called, weights, i) => {
      const figure = figureOf(called, target);
      for (const [t, point] of fiveSteps(weights).entries()) {
        for (const { name, offset, size } of layout.slots) {
          const part = (vector: ArrayLike<number>) => Array.from(vector).slice(offset, offset + size);
          const moved = worst(part(point), part(start));
          expect(moved).toBeGreaterThan(0);
          // and half a unit in the last place of the sum, each step, on either side
          const rounding = (t + 1) * 2 ** -23 * worst(part(point), new Float32Array(size));
          const apart = worst(part(point), part(results[i]!.points[t]!));
          figure.steps = Math.max(figure.steps ?? 0, apart / moved);
          expect(apart, `${name}, step ${t}`).toBeLessThan(1e-5 * moved + rounding);
        }
      }
    },
  );

  it.each(cases.map(({ name, weights }, i) => [name, weights, i] as const))(
    "%s: trains 200 steps as Lowland does, as closely as updates within 1e-5 let it",
    (name, weights, i) => {
      const reference = training(weights, { updates: 0, loss: 0, seed: 0 });
      // what such errors, independent at every step and coordinate, come to in the losses; three for the tails of few draws.
      // Losses are float32, and in Python so are the means of them that Lowland takes in float64
      const deviations = [1, 2, 3].map((seed) =>
        worst(training(weights, { updates: 1e-5, loss: 1e-6, seed }), reference),
      );
      const tolerance = 3 * Math.max(...deviations) + 2e-6;
      const change = worst(reference, new Array(STEPS).fill(reference[0]));
      expect(tolerance, "such errors stay small").toBeLessThan(0.05 * change);
      const apart = worst(results[i]!.curve, reference);
      Object.assign(figureOf(name, target), { losses: apart, tolerance });
      expect(apart).toBeLessThan(tolerance);
    },
  );

  it("resume from what was saved to the same bits", () => {
    expect(cases.filter((_, i) => !results[i]!.resumed).map(({ name }) => name)).toEqual([]);
  });

  if (target === "torch") {
    it("keep state in float32 beside parameters in bfloat16, when resumed too", () => {
      expect(cases.filter((_, i) => results[i]!.halfPrecision !== true).map(({ name }) => name)).toEqual([]);
    });
  } else {
    it("run under vmap as one after the other", () => {
      // batched products sum in another order
      for (const [i, { name }] of cases.entries()) expect(results[i]!.vmapped, name).toBeLessThan(1e-5);
    });
  }
});
