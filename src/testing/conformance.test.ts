import { describe, expect, it } from "vitest";
import { syntheticDigits } from "../data/synthetic-digits.ts";
import { lstm } from "../learned/lstm.ts";
import { learnedOptimizers } from "../learned/registry.ts";
import type { Unroll } from "../learned/types.ts";
import { bptt } from "../meta/estimators/bptt.ts";
import { es } from "../meta/estimators/es.ts";
import { pes } from "../meta/estimators/pes.ts";
import type { Estimate } from "../meta/types.ts";
import { adam } from "../optimizers/first-order.ts";
import { optimizers } from "../optimizers/registry.ts";
import { makeRegularizer, regularizerNames } from "../regularizers/registry.ts";
import { buildSpec } from "../spec.ts";
import { classificationTask } from "../tasks/classification.ts";
import { defineTask } from "../tasks/define.ts";
import { loadTask } from "../tasks/load.ts";
import { models, networkOf } from "../tasks/models.ts";
import type { Task } from "../tasks/types.ts";
import {
  checkEstimator,
  checkLearnedOptimizer,
  checkOptimizer,
  checkRegularizer,
  checkTask,
} from "./index.ts";

describe("every registered implementation keeps the promises of its interface", () => {
  it.each(Object.keys(optimizers))("optimizer %s", (name) => {
    checkOptimizer(buildSpec(name, "optimizer", optimizers));
  });
  it.each(regularizerNames)("regularizer %s", (name) => checkRegularizer(makeRegularizer(name)));
  it.each(Object.keys(learnedOptimizers))("learned optimizer %s", (name) => {
    checkLearnedOptimizer(buildSpec(name, "learned optimizer", learnedOptimizers));
  });
  it("estimator bptt", () => checkEstimator(bptt({ truncation: 4 })));
  it("estimator es", () => checkEstimator(es(), { samples: 200 }));
  it("estimator pes, over several windows", () =>
    checkEstimator(pes({ truncation: 3 }), { windows: 3, samples: 200 }));
  it.each(Object.keys(models))("tasks with the model %s", (name) => {
    const data = syntheticDigits({ train: 60, test: 10 });
    const network = networkOf(buildSpec(name, "model", models), [28, 28, 1], { classes: 10 });
    checkTask(classificationTask(`small/${name}`, network, data, { batchSize: 4 }));
  });
  it("a task by its registered name", async () => checkTask(await loadTask("synthetic-digits/mlp")));
  it("a task of the user's own", () => checkTask(bowl()));
});

/** ½Σ i·w_i². */
function bowl(broken: Partial<Task> = {}): Task {
  const task = defineTask({
    name: "bowl",
    layout: 3,
    lossAndGradient(w, _batch, g) {
      for (let i = 0; i < 3; i++) g[i] = (i + 1) * w[i]!;
      return 0.5 * (w[0]! ** 2 + 2 * w[1]! ** 2 + 3 * w[2]! ** 2);
    },
    hessianVectorProduct: (_w, _batch, v, out) =>
      out.set(v.map((value: number, i: number) => (i + 1) * value)),
  });
  return { ...task, ...broken };
}

describe("checkTask", () => {
  const objective = bowl().objective();
  it.each([
    [
      "a wrong gradient",
      /has a gradient of/,
      {
        lossAndGradient(w, b, g) {
          const loss = objective.lossAndGradient(w, b, g);
          g[1]! *= 1.01;
          return loss;
        },
      },
    ],
    [
      "changed params",
      /changes params/,
      {
        lossAndGradient(w, b, g) {
          const loss = objective.lossAndGradient(w, b, g);
          w[0] = 0;
          return loss;
        },
      },
    ],
    [
      "hidden state",
      /other bits/,
      (() => {
        let calls = 0;
        return { lossAndGradient: (w, b, g) => objective.lossAndGradient(w, b, g) + calls++ };
      })(),
    ],
    [
      "a product of a fixed set that depends on the batch key",
      /product depends on the batch key|hessianVectorProduct depends on the batch key/,
      { hessianVectorProduct: (_w, batch, v, out) => out.set(v.map((x) => x * (1 + (batch.lo % 7)))) },
    ],
    [
      "a loss alone of other bits",
      /not what lossAndGradient returns/,
      { loss: (w, b) => objective.loss(w, b) * (1 + 2 ** -52) },
    ],
    ["a wrong product", /hessianVectorProduct/, { hessianVectorProduct: (_w, _b, v, out) => out.set(v) }],
  ] as [string, RegExp, Partial<typeof objective>][])("finds %s", (_what, message, change) => {
    const broken = { ...objective, ...change };
    const task = bowl({
      objective: () => broken,
      fixedObjective: () => broken,
    });
    expect(() => checkTask(task)).toThrow(message);
  });

  it("finds an evaluation that disagrees with the objective", () => {
    expect(() => checkTask(bowl({ evaluate: () => ({ loss: 7, count: 1, metrics: {} }) }))).toThrow(
      /evaluates train to 7/,
    );
  });

  it("finds metrics that the task does not name", () => {
    const evaluate = bowl().evaluate;
    const broken = bowl({ evaluate: (...given) => ({ ...evaluate(...given), metrics: { distance: 1 } }) });
    expect(() => checkTask(broken)).toThrow(/evaluates distance, but says that its metrics are/);
  });

  it("finds initial parameters that are not a function of the key", () => {
    let draws = 0;
    expect(() => checkTask(bowl({ init: (_key, params) => params.fill(draws++) }))).toThrow(/same key/);
  });
});

describe("checkOptimizer", () => {
  const good = adam({ lr: 0.1 });
  it.each([
    [
      "steps that depend on something else",
      /kernel memory|mixes up runs|copy of its state/,
      () => {
        let calls = 0;
        return {
          step: (w, g, state) => {
            good.step(w, g, state);
            w[0]! += 1e-3 * calls++;
          },
        };
      },
    ],
    [
      "a changed gradient",
      /changes the gradient/,
      () => ({
        step: (w, g, state) => {
          good.step(w, g, state);
          g.fill(0);
        },
      }),
    ],
    ["a step that does nothing", /leaves params/, () => ({ step: () => {} })],
    [
      "steps that are not counted",
      /count its steps/,
      () => ({
        step: (w, g, state) => good.step(w, g, { ...state, step: state.step }),
      }),
    ],
    [
      "a hidden NaN",
      /hides a NaN/,
      () => ({
        step: (w, g, state) =>
          good.step(
            w,
            g.map((x: number) => (Number.isNaN(x) ? 0 : x)),
            state,
          ),
      }),
    ],
  ] as [string, RegExp, () => Partial<typeof good>][])("finds %s", (_what, message, change) => {
    expect(() => checkOptimizer({ ...good, ...change() })).toThrow(message);
  });
});

describe("checkLearnedOptimizer", () => {
  const good = lstm({ hidden: 4 });
  it("finds a meta-gradient that is not the derivative", () => {
    const broken = {
      ...good,
      unroll: (options: Parameters<typeof good.unroll>[0]): Unroll => {
        const unroll = good.unroll(options);
        return {
          ...unroll,
          backward(cotangents: Float32Array, metaGradient: Float32Array) {
            unroll.backward(cotangents, metaGradient);
            metaGradient[5]! *= 1.5;
            metaGradient.subarray(100).fill(0);
          },
        };
      },
    };
    expect(() => checkLearnedOptimizer(broken)).toThrow(/has a meta-gradient of/);
  });

  it("finds windows that take other steps than the optimizer", () => {
    const broken = { ...good, unroll: lstm({ hidden: 4, scale: 0.02 }).unroll };
    expect(() => checkLearnedOptimizer(broken)).toThrow(/other steps in a window/);
  });
});

describe("checkEstimator", () => {
  const good = bptt({ truncation: 4 });
  const altered = (change: (estimate: Estimate) => Estimate) => ({
    ...good,
    open: (problem: Parameters<typeof good.open>[0]) => {
      const opened = good.open(problem);
      return {
        ...opened,
        estimate: (...from: Parameters<typeof opened.estimate>) => change(opened.estimate(...from)),
      };
    },
  });

  it("finds a gradient with a factor too much", () => {
    const broken = altered((estimate) => ({ ...estimate, gradient: estimate.gradient.map((x) => 1.02 * x) }));
    expect(() => checkEstimator(broken)).toThrow(/gives a mean gradient that differs/);
  });

  it("finds an unbiased estimator's factor in spite of its noise", () => {
    const noisy = es();
    const broken = {
      ...noisy,
      open: (problem: Parameters<typeof noisy.open>[0]) => {
        const opened = noisy.open(problem);
        return {
          ...opened,
          estimate: (...from: Parameters<typeof opened.estimate>) => {
            const estimate = opened.estimate(...from);
            return { ...estimate, gradient: estimate.gradient.map((x) => 2 * x) };
          },
        };
      },
    };
    expect(() => checkEstimator(broken, { samples: 400 })).toThrow(/gives a mean gradient that differs/);
  });

  it("finds divergence that is not reported", () => {
    const broken = altered((estimate) => ({ ...estimate, diverged: false }));
    expect(() => checkEstimator(broken)).toThrow(/does not report a loss/);
  });
});
