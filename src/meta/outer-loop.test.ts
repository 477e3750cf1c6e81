import { describe, expect, it } from "vitest";
import { lstm } from "../learned/lstm.ts";
import { adam } from "../optimizers/first-order.ts";
import { foldIn, key, normal, split } from "../random/key.ts";
import { noRegularizer } from "../regularizers/registry.ts";
import { buildSpec } from "../spec.ts";
import { defineTask } from "../tasks/define.ts";
import { familyOf } from "../tasks/family.ts";
import type { Task } from "../tasks/types.ts";
import { type MetaConfig, type MetaConfigInput, resolveMetaConfig } from "./config.ts";
import { estimators } from "./estimators/registry.ts";
import { type Executor, inlineExecutor } from "./executor.ts";
import { metaObjectives } from "./objective.ts";
import { initialState, type MetaTraining, metaTrain, type OuterStepRecord } from "./outer-loop.ts";
import { outerOptimizerOf } from "./outer-optimizer.ts";
import { buildSchedule } from "./schedules/registry.ts";
import type { Estimate } from "./types.ts";

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

function trainingOf(config: MetaConfig, tasks: readonly Task[] = [bowl()]): MetaTraining {
  const estimator = buildSpec(config.estimator, "estimator", estimators);
  const { seed, instances } = config;
  return {
    config,
    estimator,
    outerOptimizer: outerOptimizerOf(config),
    problem: {
      families: tasks.map(familyOf),
      learned,
      regularizer: noRegularizer.apply,
      objective: buildSpec(config.objective, "objective", metaObjectives),
    },
    source: {
      seed,
      instances,
      families: tasks.length,
      schedule: buildSchedule(config.schedule),
      window: estimator.window,
      wholeWindows: estimator.wholeWindows ?? false,
    },
  };
}

/** An executor whose results can be changed before they are used. */
function altered(
  training: MetaTraining,
  change: (result: Estimate, step: number, instance: number) => Estimate,
): Executor {
  const executor = inlineExecutor(training);
  let step = 0;
  return {
    ...executor,
    async estimates(...request) {
      const results = await executor.estimates(...request);
      step++;
      return results.map((result, i) => change(result, step, i));
    },
  };
}

describe("metaTrain", () => {
  it("lowers the meta-loss of a bowl, and the validation loss of unseen runs", async () => {
    const training = trainingOf(
      configOf({ outerSteps: 150, horizon: 40, checkpointEvery: 50, outerLearningRate: 0.01 }),
    );
    const records: OuterStepRecord[] = [];
    await metaTrain(training, inlineExecutor(training), initialState(training), {
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
    const training = trainingOf(configOf({ outerSteps: 1, outerLearningRate: 0.02 }));
    const gradients: Float32Array[] = [];
    const start = initialState(training);
    const end = await metaTrain(
      training,
      altered(training, (result) => {
        gradients.push(result.gradient);
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
    const training = trainingOf(configOf({ outerSteps: 1, clipNorm: 1e-3 }));
    const start = initialState(training);
    let record: OuterStepRecord | undefined;
    const end = await metaTrain(training, inlineExecutor(training), start, {
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
    const momenta = trainingOf(configOf({ ...settings, outerOptimizer: "momentum:momentum=0.5" }));
    const start = initialState(momenta);
    const gradients: Float32Array[] = [];
    const executor = altered(momenta, (result) => {
      gradients.push(result.gradient);
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
    const doubled = { ...momenta.config, outerOptimizer: "momentum:lr=1" };
    expect(() => outerOptimizerOf(doubled)).toThrow(/holds a learning rate; give it as outerLearningRate/);
  });

  it("staggers its instances, and draws tasks in turn, every training with a key of its own", async () => {
    const training = trainingOf(configOf({ tasks: ["a", "b", "c"], instances: 2, outerSteps: 6 }), [
      bowl("a"),
      bowl("b"),
      bowl("c"),
    ]);
    const seen: { task: number; phase: number; key: string }[] = [];
    const executor = inlineExecutor(training);
    await metaTrain(
      training,
      {
        ...executor,
        estimates(metaParams, instances, schedule) {
          for (const { draw, runs } of instances) {
            const { task, key, start } = draw;
            seen.push({ task, phase: start + (runs[0]?.step ?? 0), key: `${key.hi} ${key.lo}` });
          }
          return executor.estimates(metaParams, instances, schedule);
        },
      },
      initialState(training),
    );
    expect(seen.map(({ task }) => task)).toEqual([0, 1, 0, 0, 2, 0, 2, 2, 1, 2, 1, 1]);
    expect(seen.map(({ phase }) => phase)).toEqual([0, 4, 4, 0, 0, 4, 4, 0, 0, 4, 4, 0]);
    expect(new Set(seen.map(({ key }) => key)).size).toBe(7);
  });

  it("validates on runs that no instance ever trained, the same ones every time", async () => {
    const training = trainingOf(configOf({ outerSteps: 6, checkpointEvery: 3 }));
    const executor = inlineExecutor(training);
    const validated: string[][] = [];
    const trained = new Set<string>();
    await metaTrain(
      training,
      {
        ...executor,
        estimates(metaParams, instances, schedule) {
          for (const { draw } of instances) trained.add(`${draw.key.hi} ${draw.key.lo}`);
          return executor.estimates(metaParams, instances, schedule);
        },
        validations(metaParams, requests) {
          validated.push(requests.map(({ key }) => `${key.hi} ${key.lo}`));
          return executor.validations(metaParams, requests);
        },
      },
      initialState(training),
    );
    expect(validated).toHaveLength(2);
    expect(validated[0]).toEqual(validated[1]);
    expect(validated[0]!.some((id) => trained.has(id))).toBe(false);
  });

  it("leaves a diverged window out, counts it, and draws its instance anew", async () => {
    const training = trainingOf(configOf({ outerSteps: 2, horizon: 16 }));
    const records: OuterStepRecord[] = [];
    const start = initialState(training);
    const end = await metaTrain(
      training,
      altered(training, (result, window, instance) =>
        window === 1 && instance === 0
          ? { ...result, diverged: true, gradient: result.gradient.map(() => NaN) }
          : result,
      ),
      start,
      { onStep: (record) => void records.push(record) },
    );
    expect(end.diverged).toBe(1);
    expect(records.map(({ diverged }) => diverged)).toEqual([1, 0]);
    expect(end.instances[0]!.draw.key).toEqual(foldIn(foldIn(split(key(0), 3)[1], 0), 1));
    expect(end.instances[1]).toMatchObject({ number: 1, runs: [] });
    expect(end.metaParams.every(Number.isFinite)).toBe(true);
    expect(end.outer.step).toBe(2);
  });

  it("makes no update that would leave the finite numbers", async () => {
    const training = trainingOf(configOf({ outerSteps: 3, patience: 10 }));
    const start = initialState(training);
    const end = await metaTrain(
      training,
      altered(training, (result) => ({ ...result, gradient: result.gradient.map(() => 3e38) })),
      start,
    );
    expect(end.metaParams).toEqual(start.metaParams);
    expect(end.outer.step).toBe(0);
    expect(end.fruitless).toBe(3);
  });

  it("gives up after `patience` outer steps without anything finite, naming step, task and seed", async () => {
    const training = trainingOf(configOf({ outerSteps: 50, patience: 4, seed: 9 }));
    const run = metaTrain(
      training,
      altered(training, (result) => ({ ...result, diverged: true })),
      initialState(training),
    );
    await expect(run).rejects.toMatchObject({
      code: "E_DIVERGED",
      message: expect.stringMatching(/last 4 outer steps, up to 4 \(task bowl, inner step 0, seed 9/),
    });
  });

  it("stops between two outer steps when the signal is raised", async () => {
    const training = trainingOf(configOf({ outerSteps: 100 }));
    const controller = new AbortController();
    const end = await metaTrain(training, inlineExecutor(training), initialState(training), {
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
      estimator: "bptt:truncation=20",
      schedule: "constant:100",
      objective: "train",
      instances: 2,
      outerOptimizer: "soap:b2=0.98",
      outerLearningRate: 3e-3,
    });
  });

  it("takes configurations of version 1: horizon, truncation and metaLossBatch name schedule, estimator and objective", () => {
    const old = { tasks: ["a"], horizon: 60, truncation: 30, metaLossBatch: "fresh", activations: "auto" };
    expect(resolveMetaConfig(old)).toMatchObject({
      schedule: "constant:60",
      estimator: "bptt:truncation=30",
      objective: "fresh",
    });
    expect(
      resolveMetaConfig({ tasks: ["a"], metaLossBatch: "same", truncation: 10, estimator: "pes:sigma=0.1" }),
    ).toMatchObject({
      estimator: "pes:sigma=0.1,truncation=10",
      objective: "train",
    });
  });

  it.each([
    [{}, /tasks/],
    [{ tasks: [] }, /tasks/],
    [{ tasks: ["a"], outerStps: 3 }, /unknown field "outerStps"; did you mean "outerSteps"/],
    [{ tasks: ["a"], outerSteps: 0 }, /outerSteps/],
    [{ tasks: ["a"], outerSteps: 1.5 }, /outerSteps/],
    [{ tasks: ["a"], outerLearningRate: NaN }, /outerLearningRate/],
    [{ tasks: ["a"], estimator: 5, truncation: 10 }, /estimator: 5 is not a line of text/],
    [{ tasks: ["a"], estimator: "./mine.mjs", truncation: 10 }, /a module with settings of its own/],
    [{ tasks: ["a"], metaLossBatch: 5 }, /metaLossBatch: 5 is not one of same, fresh/],
    [{ tasks: ["a"], seed: null }, /seed: null is not an integer/],
    [{ tasks: ["a"], instances: 99999999999 }, /instances/],
    [{ tasks: ["a"], horizon: 10, schedule: "constant:20" }, /both schedule and horizon; keep one/],
    [{ tasks: ["a"], estimator: "es", truncation: 5 }, /runs whole trainings/],
    [
      { tasks: ["a"], imitationShare: [0.1, 2] },
      /imitationShare: \[0.1,2\] is not a list of numbers ≥ 0 and ≤ 1/,
    ],
    [{ tasks: ["a"], version: 3 }, /version 3, this program knows up to 2/],
    ["text", /configuration/],
  ])("refuses %j", (input, message) => {
    expect(() => resolveMetaConfig(input)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
    expect(() => resolveMetaConfig(input)).toThrow(message);
  });
});
