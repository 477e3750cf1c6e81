import { describe, expect, it } from "vitest";
import { lstm } from "../learned/lstm.ts";
import { adam } from "../optimizers/first-order.ts";
import { foldIn, key, normal, split } from "../random/key.ts";
import { noRegularizer } from "../regularizers/registry.ts";
import { defineTask } from "../tasks/define.ts";
import type { Task } from "../tasks/types.ts";
import { type MetaConfigInput, resolveMetaConfig } from "./config.ts";
import { type Executor, inlineExecutor } from "./executor.ts";
import type { WindowResult } from "./instance.ts";
import { initialState, metaTrain, type OuterStepRecord } from "./outer-loop.ts";
import { openWindowRunner } from "./window.ts";

const learned = lstm({ hidden: 4 });

/** ½‖w‖² with a noisy gradient. */
function bowl(name = "bowl"): Task {
  return defineTask({
    name,
    layout: 20,
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
}

function configOf(changes: Partial<MetaConfigInput> = {}) {
  return resolveMetaConfig({
    tasks: ["bowl"],
    learned: "lstm:hidden=4",
    outerOptimizer: "adam",
    outerLearningRate: 1e-3,
    outerSteps: 6,
    horizon: 8,
    truncation: 4,
    checkpointEvery: 3,
    validationSeeds: 2,
    ...changes,
  });
}

function executorOf(tasks: readonly Task[] = [bowl()]): Executor {
  return inlineExecutor(
    openWindowRunner({
      tasks,
      learned,
      regularizer: noRegularizer.apply,
      truncation: 4,
      metaLossBatch: "same",
    }),
  );
}

/** An executor whose results can be changed before they are used. */
function altered(change: (result: WindowResult, window: number, instance: number) => WindowResult): Executor {
  const executor = executorOf();
  let window = 0;
  return {
    ...executor,
    async windows(metaParams, instances) {
      const results = await executor.windows(metaParams, instances);
      window++;
      return results.map((result, i) => change(result, window, i));
    },
  };
}

describe("metaTrain", () => {
  it("lowers the meta-loss of a bowl, and the validation loss of unseen runs", async () => {
    const config = configOf({ outerSteps: 150, horizon: 40, checkpointEvery: 50, outerLearningRate: 0.01 });
    const records: OuterStepRecord[] = [];
    await metaTrain(config, executorOf(), initialState(config, learned), {
      onStep: (r) => void records.push(r),
    });
    const mean = (from: number, to: number): number =>
      records.slice(from, to).reduce((sum, { metaLoss }) => sum + metaLoss, 0) / (to - from);
    expect(mean(130, 150)).toBeLessThan(0.8 * mean(0, 20));
    const validations = records.flatMap(({ validation }) => (validation ? [validation] : []));
    expect(validations).toHaveLength(3);
    expect(validations[2]!.loss).toBeLessThan(validations[0]!.loss);
    expect(validations[2]!.best).toBe(true);
  });

  it("updates φ by Adam on the mean meta-gradient of the instances", async () => {
    const config = configOf({ outerSteps: 1, outerLearningRate: 0.02 });
    const gradients: Float32Array[] = [];
    const start = initialState(config, learned);
    const end = await metaTrain(
      config,
      altered((result) => {
        gradients.push(result.metaGradient);
        return result;
      }),
      start,
    );
    const expected = start.metaParams.slice();
    const mean = gradients[0]!.map((entry, i) => Math.fround(entry + gradients[1]![i]!) * 0.5);
    const optimizer = adam({ lr: 0.02 });
    optimizer.step(expected, mean, optimizer.init(learned.layout));
    expect(gradients).toHaveLength(2);
    expect(end.metaParams).toEqual(expected);
  });

  it("clips the norm of the mean, not of its parts", async () => {
    const config = configOf({ outerSteps: 1, clipNorm: 1e-3 });
    const start = initialState(config, learned);
    let record: OuterStepRecord | undefined;
    const end = await metaTrain(config, executorOf(), start, {
      onStep: (r) => {
        record = r;
      },
    });
    expect(record!.metaGradientNorm).toBeGreaterThan(1e-3);
    const moved = Math.hypot(...end.outer.vectors.mu!);
    expect(moved).toBeCloseTo(0.1 * 1e-3, 8);
  });

  it("takes the outer optimizer of the configuration, at a rate that falls linearly", async () => {
    const settings = { outerLearningRate: 0.01, outerDecay: 0.25, outerSteps: 3, instances: 1 };
    const momenta = configOf({ ...settings, outerOptimizer: "momentum:momentum=0.5" });
    const start = initialState(momenta, learned);
    const gradients: Float32Array[] = [];
    const executor = altered((result) => {
      gradients.push(result.metaGradient);
      return result;
    });
    const end = await metaTrain(momenta, executor, start);
    const expected = start.metaParams.slice();
    const velocity = new Float64Array(expected.length);
    gradients.forEach((gradient, step) => {
      const rate = 0.01 * (1 - (0.75 * step) / 3);
      for (let i = 0; i < expected.length; i++) {
        velocity[i] = 0.5 * velocity[i]! + gradient[i]!;
        expected[i] = expected[i]! - rate * velocity[i]!;
      }
    });
    expect(gradients).toHaveLength(3);
    for (const [i, x] of end.metaParams.entries()) expect(x).toBeCloseTo(expected[i]!, 4);
    const doubled = { ...momenta, outerOptimizer: "momentum:lr=1" };
    expect(() => initialState(doubled, learned)).toThrow(
      /holds a learning rate; give it as outerLearningRate/,
    );
  });

  it("starts runs anew at the horizon, tasks in turn, every one with a key of its own", async () => {
    const config = configOf({ tasks: ["a", "b", "c"], instances: 2, outerSteps: 6 });
    const seen: { task: number; step: number; key: string }[] = [];
    const executor = executorOf([bowl("a"), bowl("b"), bowl("c")]);
    await metaTrain(
      config,
      {
        ...executor,
        windows(metaParams, instances) {
          seen.push(...instances.map(({ task, step, key }) => ({ task, step, key: `${key.hi} ${key.lo}` })));
          return executor.windows(metaParams, instances);
        },
      },
      initialState(config, learned),
    );
    expect(seen.map(({ task }) => task)).toEqual([0, 1, 0, 1, 2, 0, 2, 0, 1, 2, 1, 2]);
    expect(seen.map(({ step }) => step)).toEqual([0, 0, 4, 4, 0, 0, 4, 4, 0, 0, 4, 4]);
    expect(new Set(seen.map(({ key }) => key)).size).toBe(6);
  });

  it("validates on runs that no instance ever trained, the same ones every time", async () => {
    const config = configOf({ outerSteps: 6, checkpointEvery: 3 });
    const executor = executorOf();
    const validated: string[][] = [];
    const trained = new Set<string>();
    await metaTrain(
      config,
      {
        ...executor,
        windows(metaParams, instances) {
          for (const { key } of instances) trained.add(`${key.hi} ${key.lo}`);
          return executor.windows(metaParams, instances);
        },
        validations(metaParams, requests) {
          validated.push(requests.map(({ key }) => `${key.hi} ${key.lo}`));
          return executor.validations(metaParams, requests);
        },
      },
      initialState(config, learned),
    );
    expect(validated).toHaveLength(2);
    expect(validated[0]).toEqual(validated[1]);
    expect(validated[0]!.some((id) => trained.has(id))).toBe(false);
  });

  it("leaves a diverged window out, counts it, and draws its instance anew", async () => {
    const config = configOf({ outerSteps: 2, horizon: 16 });
    const records: OuterStepRecord[] = [];
    const start = initialState(config, learned);
    const end = await metaTrain(
      config,
      altered((result, window, instance) =>
        window === 1 && instance === 0
          ? { ...result, diverged: true, metaGradient: result.metaGradient.map(() => NaN) }
          : result,
      ),
      start,
      { onStep: (record) => void records.push(record) },
    );
    expect(end.diverged).toBe(1);
    expect(records.map(({ diverged }) => diverged)).toEqual([1, 0]);
    expect(end.instances[0]!.key).toEqual(foldIn(split(key(0), 3)[1], 2));
    expect(end.instances[1]!.key).toEqual(start.instances[1]!.key);
    expect(end.metaParams.every(Number.isFinite)).toBe(true);
    expect(end.outer.step).toBe(2);
  });

  it("makes no update that would leave the finite numbers", async () => {
    const config = configOf({ outerSteps: 3, patience: 10 });
    const start = initialState(config, learned);
    const end = await metaTrain(
      config,
      altered((result) => ({ ...result, metaGradient: result.metaGradient.map(() => 3e38) })),
      start,
    );
    expect(end.metaParams).toEqual(start.metaParams);
    expect(end.outer.step).toBe(0);
    expect(end.fruitless).toBe(3);
  });

  it("gives up after `patience` outer steps without anything finite, naming step, task and seed", async () => {
    const config = configOf({ outerSteps: 50, patience: 4, seed: 9 });
    const run = metaTrain(
      config,
      altered((result) => ({ ...result, diverged: true })),
      initialState(config, learned),
    );
    await expect(run).rejects.toMatchObject({
      code: "E_DIVERGED",
      message: expect.stringMatching(/last 4 outer steps, up to 4 \(task bowl, inner step 4, seed 9/),
    });
  });

  it("stops between two outer steps when the signal is raised", async () => {
    const config = configOf({ outerSteps: 100 });
    const controller = new AbortController();
    const end = await metaTrain(config, executorOf(), initialState(config, learned), {
      signal: controller.signal,
      onStep: ({ outerStep }) => {
        if (outerStep === 2) controller.abort();
      },
    });
    expect(end.outerStep).toBe(2);
  });
});

describe("resolveMetaConfig", () => {
  it("fills in the defaults", () => {
    expect(resolveMetaConfig({ tasks: ["mnist/mlp"] })).toMatchObject({
      learned: "lstm",
      regularizer: "none",
      horizon: 100,
      truncation: 20,
      instances: 2,
      outerOptimizer: "soap:b2=0.98",
      outerLearningRate: 3e-3,
    });
  });

  it.each([
    [{}, /tasks/],
    [{ tasks: [] }, /tasks/],
    [{ tasks: ["a"], outerStps: 3 }, /outerStps.*fields are tasks, learned/],
    [{ tasks: ["a"], outerSteps: 0 }, /outerSteps/],
    [{ tasks: ["a"], outerSteps: 1.5 }, /outerSteps/],
    [{ tasks: ["a"], outerLearningRate: NaN }, /outerLearningRate/],
    [
      { tasks: ["a"], horizon: 33, truncation: 10 },
      /horizon 33 is no multiple of truncation 10; use horizon 40/,
    ],
    ["text", /configuration/],
  ])("refuses %j", (input, message) => {
    expect(() => resolveMetaConfig(input)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
    expect(() => resolveMetaConfig(input)).toThrow(message);
  });
});
