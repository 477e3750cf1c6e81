import { describe, expect, it, vi } from "vitest";
import { syntheticDigits } from "../data/synthetic-digits.ts";
import { dense } from "../nn/layers.ts";
import { sequential } from "../nn/sequential.ts";
import { normal } from "../random/key.ts";
import { classificationTask } from "../tasks/classification.ts";
import { defineTask } from "../tasks/define.ts";
import { loadTask } from "../tasks/load.ts";
import type { Task } from "../tasks/types.ts";
import { loadMethod } from "./optimizers.ts";
import { trainRun } from "./train.ts";

const bowl = defineTask({
  name: "bowl",
  layout: 4,
  lossAndGradient(w, batch, g) {
    normal(batch, g, { stddev: 0.1 });
    let loss = 0;
    for (let i = 0; i < w.length; i++) {
      loss += w[i]! * (0.5 * w[i]! + g[i]!);
      g[i] = g[i]! + w[i]!;
    }
    return loss;
  },
});

/** A signal that is raised after some milliseconds. */
function withAbort(delayMs: number): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Error("enough")), delayMs);
  return { signal: controller.signal, stop: () => clearTimeout(timer) };
}

async function accuracies(task: Task, spec: string, steps: number): Promise<number[]> {
  const method = await loadMethod(spec);
  const found: number[] = [];
  for (const seed of [0, 1, 2]) {
    const { milestones } = await trainRun(task, method, { steps: [steps], seed });
    found.push(milestones[0]!.metrics.accuracy!);
  }
  return found.sort((a, b) => a - b);
}

describe("synthetic-digits is a task", () => {
  it.each(["mlp", "mlp-relu"])(
    "Adam 0.01 takes %s to an accuracy of 0.90 to 0.98 in 1,000 steps, median of 3 seeds",
    async (model) => {
      const [, median] = await accuracies(await loadTask(`synthetic-digits/${model}`), "adam:lr=0.01", 1000);
      expect(median).toBeGreaterThan(0.9);
      expect(median).toBeLessThan(0.98);
    },
  );

  it("a linear classifier stays clearly below the MLP, even with three times the steps", async () => {
    const linear = sequential([28, 28, 1], [dense(10)], { kind: "normal", stddev: 0.01 });
    const [, , best] = await accuracies(
      classificationTask("synthetic-digits/linear", linear, syntheticDigits()),
      "adam:lr=0.01",
      3000,
    );
    const [worst] = await accuracies(await loadTask("synthetic-digits/mlp"), "adam:lr=0.01", 1000);
    expect(best).toBeLessThan(worst! - 0.03);
  });
});

describe("trainRun", () => {
  it("evaluates at the steps asked for, 0 and the last included, and hands over the parameters there", async () => {
    const at: [number, number][] = [];
    const { milestones, curve, steps, gradientEvaluations } = await trainRun(
      bowl,
      await loadMethod("sgd:lr=0.1"),
      {
        steps: [0, 10, 30],
        seed: 1,
        at: (params, step) => void at.push([step, bowl.evaluate(params, "test").loss]),
      },
    );
    expect(milestones.map(({ step }) => step)).toEqual([0, 10, 30]);
    expect(milestones.map(({ step, testLoss }) => [step, testLoss])).toEqual(at);
    expect(milestones[2]!.trainLoss).toBeLessThan(milestones[0]!.trainLoss);
    expect([steps, gradientEvaluations]).toEqual([30, 30]);
    expect(curve.at(-1)!.step).toBe(29);
  });

  it("gives the same numbers from the same seed, and every optimizer the same start", async () => {
    const run = async (spec: string, seed: number) => {
      const { milestones, curve } = await trainRun(bowl, await loadMethod(spec), { steps: [0, 20], seed });
      return { milestones, curve };
    };
    const first = await run("adam:lr=0.1", 3);
    expect(await run("adam:lr=0.1", 3)).toEqual(first);
    expect((await run("adam:lr=0.1", 4)).milestones[0]).not.toEqual(first.milestones[0]);
    expect((await run("sgd:lr=0.1", 3)).milestones[0]).toEqual(first.milestones[0]);
  });

  it("counts the gradients of an explicit regularizer, and ρ = 0 changes no bit", async () => {
    const run = async (spec: string) => trainRun(bowl, await loadMethod(spec), { steps: [20], seed: 0 });
    expect((await run("sgd+sam")).gradientEvaluations).toBe(40);
    const [plain, zero] = [await run("sgd"), await run("sgd+sam:rho=0")];
    expect(zero.milestones).toEqual(plain.milestones);
    expect(zero.curve).toEqual(plain.curve);
  });

  it("stops where the loss leaves the finite numbers", async () => {
    const run = await trainRun(bowl, await loadMethod("sgd:lr=1000"), { steps: [2, 100], seed: 0 });
    expect(run.divergedAt).toBeGreaterThan(0);
    expect(run.divergedAt).toBeLessThan(100);
    expect(run.milestones.map(({ step }) => step)).not.toContain(100);
    expect(run.curve.at(-1)).toEqual({ step: run.divergedAt, loss: null });
  });

  it("keeps a curve of 200 points at most, means of what lies between", async () => {
    const ramp = defineTask({
      name: "ramp",
      layout: 1,
      init: (_key, params) => params.fill(0),
      lossAndGradient(w, _batch, g) {
        g[0] = -1;
        return w[0]!;
      },
    });
    const { curve } = await trainRun(ramp, await loadMethod("sgd:lr=1"), { steps: [1000], seed: 0 });
    expect(curve.length).toBeLessThanOrEqual(201);
    // the loss at step t is t
    expect(curve[0]).toEqual({ step: 0, loss: 0 });
    expect(curve[1]).toEqual({ step: 5, loss: 3 });
  });

  it.each([undefined, () => performance.now()])(
    "lets signals and progress through where there is no setImmediate, clock or not",
    async (clock) => {
      vi.stubGlobal("setImmediate", undefined);
      try {
        const { signal, ...control } = withAbort(20);
        const done: number[] = [];
        const run = trainRun(bowl, await loadMethod("sgd:lr=0.1"), {
          steps: [100_000_000],
          seed: 0,
          signal,
          onProgress: (step) => done.push(step),
          ...(clock && { clock }),
        });
        await expect(run).rejects.toThrow("enough");
        expect(done.length).toBeGreaterThan(0);
        control.stop();
      } finally {
        vi.unstubAllGlobals();
      }
    },
  );

  it("gives the metrics that a task says it has, at milestones and along the curve", async () => {
    const measured: Task = {
      ...bowl,
      metrics: [
        { name: "depth", label: "depth", better: "lower", compare: "ratio", format: "number" },
        { name: "luck", label: "luck", better: "higher", compare: "difference", format: "number" },
      ],
      evaluate: (params, split) => ({
        ...bowl.evaluate(params, split),
        metrics: { depth: params[0]!, luck: split === "test" ? 7 : 8 },
      }),
    };
    const run = await trainRun(measured, await loadMethod("sgd:lr=0.1"), { steps: [3], seed: 0 });
    expect(run.milestones[0]!.metrics).toMatchObject({ luck: 7 });
    expect(run.curve.at(-1)!.metrics).toMatchObject({ luck: 8 });
    const chosen = await trainRun(measured, await loadMethod("sgd:lr=0.1"), {
      steps: [3],
      seed: 0,
      select: true,
    });
    expect(chosen.selections![0]!.metrics).toMatchObject({ luck: 8 });
    expect(chosen.curve.every(({ metrics }) => metrics === undefined)).toBe(true);
  });

  it("frees what it allocated, also where it fails", async () => {
    const { kernels } = await import("../kernels/module.ts");
    const method = await loadMethod("adam");
    await trainRun(bowl, method, { steps: [1], seed: 0 });
    const before = kernels().memory.usedBytes;
    await trainRun(bowl, method, { steps: [5], seed: 0 });
    const failing = trainRun(bowl, method, {
      steps: [5],
      seed: 0,
      at: () => {
        throw new Error("enough");
      },
    });
    await expect(failing).rejects.toThrow("enough");
    expect(kernels().memory.usedBytes).toBe(before);
  });
});
