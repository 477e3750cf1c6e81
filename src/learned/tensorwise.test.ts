import { afterAll, describe, expect, it } from "vitest";
import { celoTheta, golden, inputs, worstUpdate } from "../../test/learned/golden.ts";
import { type KernelOptions, type Kernels, openArena, openKernels } from "../kernels/module.ts";
import { layoutOf, type Vector } from "../kernels/types.ts";
import { key, normal } from "../random/key.ts";
import { adafacMlp } from "./adafac-mlp.ts";
import { adafacMlpReference } from "./adafac-mlp-reference.ts";
import { celo } from "./celo.ts";
import { celoReference } from "./celo-reference.ts";
import { celo2, celo2Base } from "./celo2.ts";
import { celo2Reference } from "./celo2-reference.ts";
import { mlp } from "./mlp.ts";
import { mlpReference } from "./mlp-reference.ts";
import type { ReferenceStep, ReferenceTensor, Theta } from "./tensor-reference.ts";
import { type LearnedOptimizer, optimizerOf } from "./types.ts";

const arena = openArena();
afterAll(() => arena.close());

const product = (shape: readonly number[]): number => shape.reduce((size, extent) => size * extent, 1);

/** Shapes as Lowland has them, [outputs, positions …, inputs], from the papers' (positions …, inputs, outputs). */
const ours = (shape: readonly number[]): readonly number[] =>
  shape.length < 2 ? shape : [shape.at(-1)!, ...shape.slice(0, -1)];

/** The entries of a tensor in the papers' order, in Lowland's: outputs come first. */
function moved(data: ArrayLike<number>, shape: readonly number[]): Float64Array {
  if (shape.length < 2) return Float64Array.from(data);
  const outputs = shape.at(-1)!;
  const rest = data.length / outputs;
  return Float64Array.from(data, (_, i) => data[(i % rest) * outputs + Math.floor(i / rest)]!);
}

/** The reverse. */
function back(data: ArrayLike<number>, shape: readonly number[]): Float64Array {
  if (shape.length < 2) return Float64Array.from(data);
  const outputs = shape.at(-1)!;
  const rest = data.length / outputs;
  return Float64Array.from(data, (_, i) => data[(i % outputs) * rest + Math.floor(i / outputs)]!);
}

/** φ from tensors by name. */
function metaParamsOf(learned: LearnedOptimizer, theta: Theta): Float32Array {
  const metaParams = arena.float32(learned.layout.size);
  for (const { name, offset } of learned.layout.slots) metaParams.set(Array.from(theta[name]!), offset);
  return metaParams;
}

interface Problem {
  readonly tensors: readonly ReferenceTensor[];
  readonly params: readonly Float64Array[];
  readonly gradients: readonly (readonly Float64Array[])[];
  readonly losses: readonly number[];
  readonly horizon: number;
}

/**
 * Runs the kernels on tensors in the papers' order; points in the same. The updates are float32, but added in float64: where
 * they are a thousandth of a parameter, a rounded sum would hold four of their digits.
 */
function run(learned: LearnedOptimizer, metaParams: Float32Array, problem: Problem): Float64Array[][] {
  const { tensors } = problem;
  const layout = layoutOf(
    tensors.map(({ shape, bias }, i) => ({
      name: `t${i}`,
      shape: ours(shape),
      kind: bias ? "bias" : "weight",
    })),
  );
  const flat = <V extends Vector>(values: readonly Float64Array[], vector: V): V => {
    for (const [i, { offset }] of layout.slots.entries()) {
      vector.set(moved(values[i]!, tensors[i]!.shape), offset);
    }
    return vector;
  };
  const optimizer = optimizerOf(learned, metaParams, arena);
  const state = optimizer.init(layout, { arena, horizon: problem.horizon });
  const points = flat(problem.params, new Float64Array(layout.size));
  const [params, update] = [arena.float32(layout.size), arena.float32(layout.size)];
  return problem.gradients.map((gradients, t) => {
    params.set(points);
    optimizer.update(
      flat(gradients, arena.float32(layout.size)),
      state,
      { params, loss: problem.losses[t]! },
      update,
    );
    for (let i = 0; i < points.length; i++) points[i]! += update[i]!;
    return layout.slots.map(({ offset, size }, i) =>
      back(points.subarray(offset, offset + size), tensors[i]!.shape),
    );
  });
}

// some hundred roundings of 6e-8 each; Newton–Schulz doubles an error of small singular values several times. The authors'
// code as shipped differs from float64 by up to 6e-5
const TOLERANCE = 1e-5;

describe("kernels of per-tensor learned optimizers", () => {
  it.each([
    ["mlp_lopt", mlp()],
    ["adafac_mlp_lopt", adafacMlp()],
    ["celo2_base", celo2Base()],
    ["celo2_base_wd", celo2Base({ decay: 0.1 })],
    ["celo2", celo2()],
  ] as const)("%s: the updates of the authors' code", (name, learned) => {
    const { theta, f64 } = golden(name);
    expect(worstUpdate(run(learned, metaParamsOf(learned, theta!), inputs), f64)).toBeLessThan(TOLERANCE);
  });

  it("celo: the updates of a reference that reproduces the authors' numbers, with and without schedule", () => {
    for (const [learned, name] of [
      [celo({ schedule: 0 }), "celo_phase1"],
      [celo(), "celo"],
    ] as const) {
      const points = run(learned, metaParamsOf(learned, celoTheta()), inputs);
      expect(worstUpdate(points, golden(name).f64)).toBeLessThan(TOLERANCE);
    }
  });

  const celo2Of =
    (orthogonal: boolean) =>
    (theta: Theta, tensor: ReferenceTensor): ReferenceStep =>
      celo2Reference(theta, tensor, { lr: 0.001, decay: 0.3, orthogonal });

  // lines along inputs and along outputs, with and without a rest; positions that are larger than inputs and outputs,
  // one of the two, and neither; equal sizes; single entries
  const shapes = [
    [],
    [1],
    [37],
    [16, 16],
    [33, 5],
    [5, 33],
    [1, 7],
    [20, 17],
    [3, 3, 2, 19],
    [3, 3, 18, 4],
    [5, 6, 2, 3],
    [5, 5, 1, 16],
    [4, 3, 2],
    [2, 9, 3],
  ];

  it.each([
    ["mlp", mlp(), mlpReference],
    ["adafac-mlp", adafacMlp(), adafacMlpReference],
    ["celo2-base", celo2Base({ decay: 0.3 }), celo2Of(false)],
    ["celo2", celo2({ decay: 0.3 }), celo2Of(true)],
    ["celo's rule", celo({ schedule: 0 }), celoReference],
  ] as const)(
    "%s: the float64 reference's updates on tensors of every kind of shape",
    (_name, learned, reference) => {
      const drawn = (seed: number, size: number, stddev: number): Float64Array => {
        const vector = new Float64Array(size);
        normal(key(seed), vector, { stddev });
        return vector;
      };
      const metaParams = arena.float32(learned.layout.size);
      normal(key(1), metaParams, { stddev: 0.3 });
      // decays stay decays
      for (const { name, offset, size } of learned.layout.slots) {
        if (name.startsWith("decays.")) for (let i = 0; i < size; i++) metaParams[offset + i]! *= 0.1;
      }
      const theta = Object.fromEntries(
        learned.layout.slots.map(({ name, offset, size }) => [
          name,
          metaParams.subarray(offset, offset + size),
        ]),
      );
      const tensors = shapes.flatMap((shape) => [
        { shape, bias: false },
        ...(shape.length < 2 ? [{ shape, bias: true }] : []),
      ]);
      // numbers that float32 holds
      const problem: Problem = {
        tensors,
        params: tensors.map(({ shape }, i) => drawn(100 + i, product(shape), 0.02).map(Math.fround)),
        gradients: [0.3, 1e-3, 10, 0.1].map((size, t) =>
          tensors.map(({ shape }, i) => drawn(200 + 50 * t + i, product(shape), size).map(Math.fround)),
        ),
        losses: [1, 1, 1, 1],
        horizon: 20,
      };
      const points = run(learned, metaParams, problem);
      for (const [i, tensor] of tensors.entries()) {
        const step = reference(theta, tensor);
        let params = problem.params[i]!;
        for (const [t, gradients] of problem.gradients.entries()) {
          const next = step(params, gradients[i]!, t);
          const largest = next.reduce((most, p, j) => Math.max(most, Math.abs(p - params[j]!)), 0);
          const worst = next.reduce((most, p, j) => Math.max(most, Math.abs(p - points[t]![i]![j]!)), 0);
          expect(worst / largest, `tensor [${tensor.shape}], step ${t}`).toBeLessThan(2e-5);
          params = next;
        }
      }
    },
  );

  it.each([
    ["celo2-base", celo2Base],
    ["celo2", celo2],
  ] as const)("%s: a learning rate is a factor of the update, decay included", (_name, make) => {
    const updates = [0.001, 0.004].map((lr) => {
      const learned = make({ lr, decay: 0.5 });
      const metaParams = new Float32Array(learned.layout.size);
      learned.init(key(1), metaParams);
      const layout = layoutOf([
        { name: "w", shape: [4, 9] },
        { name: "b", shape: [4], kind: "bias" },
      ]);
      const params = new Float32Array(layout.size).fill(0.3);
      const [gradient, update] = [new Float32Array(layout.size), new Float32Array(layout.size)];
      normal(key(2), gradient);
      const optimizer = optimizerOf(learned, metaParams, arena);
      optimizer.update(gradient, optimizer.init(layout, { arena }), { params }, update);
      return update;
    });
    for (const [i, u] of updates[0]!.entries()) expect(updates[1]![i]! / u).toBeCloseTo(4, 5);
  });

  it.each([mlp(), adafacMlp(), celo2(), celo({ schedule: 0 })])(
    "$name: the moments of what no longer has a gradient end at zero, not among subnormal numbers",
    (learned) => {
      const metaParams = new Float32Array(learned.layout.size);
      normal(key(1), metaParams, { stddev: 0.1 });
      // with decays as published
      for (const { name, offset, size } of learned.layout.slots) {
        if (name.startsWith("decays.")) metaParams.fill(0, offset, offset + size);
      }
      const optimizer = optimizerOf(learned, metaParams, arena);
      const layout = layoutOf([
        { name: "w", shape: [5, 20] },
        { name: "b", shape: [5], kind: "bias" },
        { name: "v", shape: [5] },
      ]);
      const state = optimizer.init(layout, { arena });
      const [params, gradient] = [arena.float32(layout.size), arena.float32(layout.size)];
      normal(key(2), gradient);
      optimizer.step(params, gradient, state);
      gradient.fill(0);
      // 0.1^38 and 0.9^900 are below the least normal number
      for (let t = 0; t < 900; t++) optimizer.step(params, gradient, state);
      const least = 2 ** -126;
      expect(state.vectors.accumulators!.filter((x) => x !== 0 && Math.abs(x) < least)).toHaveLength(0);
    },
  );

  const opened = (options: KernelOptions): Kernels[] => {
    try {
      return [openKernels({ memoryMiB: 64, ...options })];
    } catch {
      return [];
    }
  };
  const classes = {
    fma: [
      ...opened({ backend: "wasm", variant: "fma" }),
      ...["avx512", "avx2", "neon"].flatMap((level) => opened({ backend: "native", level })),
      ...opened({ backend: "native", variant: "fma", threads: 3 }),
    ],
    portable: [
      ...opened({ backend: "wasm", variant: "portable" }),
      ...opened({ backend: "native", variant: "portable" }),
    ],
  };

  it.each(Object.entries(classes))(
    "give the same bits of class %s from every backend, level and number of threads",
    (_class, all) => {
      for (const learned of architectures) {
        const metaParams = new Float32Array(learned.layout.size);
        normal(key(2), metaParams, { stddev: 0.2 });
        const results = all.map((kernels) => {
          const own = kernels.arena();
          const optimizer = optimizerOf(learned, metaParams, own);
          // the last is large enough to be worth several threads
          const layout = layoutOf([...shapes, [90, 300]].map((shape, i) => ({ name: `t${i}`, shape })));
          const params = new Float32Array(layout.size);
          normal(key(3), params, { stddev: 0.1 });
          const state = optimizer.init(layout, { arena: own, horizon: 20 });
          for (let t = 0; t < 3; t++) {
            const gradient = new Float32Array(layout.size);
            normal(key(4 + t), gradient);
            optimizer.step(params, gradient, state, { loss: 2 / (t + 1) });
          }
          return Buffer.from(params.buffer).toString("base64");
        });
        expect(new Set(results).size, learned.name).toBe(1);
      }
    },
  );
});

const architectures = [mlp(), adafacMlp(), celo2Base(), celo2(), celo()];
