import { describe, expect, it } from "vitest";
import { openArena } from "../../kernels/module.ts";
import { dot, norm } from "../../kernels/vector.ts";
import { lstm } from "../../learned/lstm.ts";
import { rnnprop } from "../../learned/rnnprop.ts";
import { adam } from "../../optimizers/first-order.ts";
import { key, normal } from "../../random/key.ts";
import { noRegularizer } from "../../regularizers/registry.ts";
import { sam } from "../../regularizers/sam.ts";
import { defineTask } from "../../tasks/define.ts";
import { familyOf } from "../../tasks/family.ts";
import { checkEstimator } from "../../testing/check-estimator.ts";
import { type InnerProblem, openRollout, openSamples } from "../rollout.ts";
import type { Estimate, Estimator, Instance } from "../types.ts";
import { bptt } from "./bptt.ts";
import { fullBptt } from "./full-bptt.ts";

const SIZE = 37;
const noise = new Float64Array(SIZE);
/** L = Σ ½a_i·w_i² + ¼w_i⁴ + noise(batch)·w. */
const hilly = defineTask({
  name: "hilly",
  layout: SIZE,
  lossAndGradient(w, batch, g) {
    normal(batch, noise, { stddev: 0.3 });
    let loss = 0;
    for (let i = 0; i < SIZE; i++) {
      const a = 0.5 + (i % 7);
      const x = w[i]!;
      loss += x * (0.5 * a * x + noise[i]!) + 0.25 * x ** 4;
      g[i] = a * x + noise[i]! + x ** 3;
    }
    return loss;
  },
});

const problemOf = (changes: Partial<InnerProblem> = {}): InnerProblem => ({
  families: [familyOf(hilly)],
  learned: lstm({ hidden: 8, k: 5 }),
  regularizer: noRegularizer.apply,
  objective: { batches: "train", over: "sum", normalize: "none" },
  ...changes,
});

function estimate(estimator: Estimator, problem: InnerProblem, horizon: number): Estimate {
  const instance: Instance = {
    index: 0,
    number: 0,
    draw: { task: 0, key: key(2), horizon, start: 0 },
    runs: [],
    tensors: {},
  };
  const phi = new Float32Array(problem.learned.layout.size);
  problem.learned.init(key(1), phi);
  const opened = estimator.open(problem);
  const result = opened.estimate(phi, instance, { stage: 0, next: () => instance.draw });
  opened.close();
  return result;
}

describe("full-bptt", () => {
  it("keeps the promises of an estimator", () => checkEstimator(fullBptt()));

  // 12: four segments of 4, 4, 4 steps; 17: three of 5 and one of 2
  it.each([
    ["lstm", {}, 12],
    [
      "lstm with SAM on fresh minibatches",
      {
        regularizer: sam({ rho: 0.3 }).apply,
        objective: { batches: "fresh", over: "sum", normalize: "none" },
      },
      17,
    ],
    ["lstm, the mean of the terms", { objective: { batches: "train", over: "mean", normalize: "none" } }, 17],
    ["lstm, the last point alone", { objective: { batches: "train", over: "last", normalize: "none" } }, 17],
    ["rnnprop", { learned: rnnprop({ hidden: 8 }) }, 17],
    ["lstm in imitation of adam", { teacher: adam({ lr: 0.01 }), imitation: [1] }, 17],
  ] as [string, Partial<InnerProblem>, number][])(
    "gives the gradient of one window of the whole training: %s",
    (_what, changes, horizon) => {
      const problem = problemOf(changes);
      const whole = estimate(bptt({ truncation: horizon }), problem, horizon);
      const pieces = estimate(fullBptt(), problem, horizon);
      expect(pieces.done).toBe(true);
      expect(pieces.metaLoss).toBeCloseTo(whole.metaLoss!, 5);
      const difference = pieces.gradient.map((entry, i) => entry - whole.gradient[i]!);
      expect(norm(whole.gradient)).toBeGreaterThan(0);
      // the same terms in another order of float32 sums
      expect(norm(difference)).toBeLessThan(1e-5 * norm(whole.gradient));
    },
  );
});

describe("imitation", () => {
  it("has the derivative of ½‖u − u_teacher‖²/n in φ for a gradient, on inputs that do not depend on w", () => {
    const a = new Float64Array(SIZE);
    const slope = defineTask({
      name: "slope",
      layout: SIZE,
      lossAndGradient(w, batch, g) {
        normal(batch, a);
        g.set(a);
        return dot(a, w);
      },
    });
    const problem = problemOf({ families: [familyOf(slope)], teacher: adam({ lr: 0.01 }), imitation: [1] });
    const horizon = 6;
    const { gradient, metaLoss } = estimate(bptt({ truncation: horizon }), problem, horizon);
    const phi = new Float32Array(problem.learned.layout.size);
    problem.learned.init(key(1), phi);
    const valueAt = (weights: Float32Array): number => {
      const arena = openArena();
      try {
        const optimizer = problem.learned.open(arena);
        optimizer.load(weights);
        const rollout = openRollout(problem, openSamples(problem), arena);
        rollout.start({ task: 0, key: key(2), horizon, start: 0 }, optimizer);
        let sum = 0;
        for (let step = 0; step < horizon; step++) {
          rollout.evaluate();
          rollout.advance(optimizer);
          sum += rollout.imitationTerm();
        }
        return sum;
      } finally {
        arena.close();
      }
    };
    expect(metaLoss! * horizon).toBeCloseTo(valueAt(phi), 9);
    const length = norm(gradient);
    const h = 1e-2;
    const along = (step: number) => valueAt(phi.map((entry, i) => entry + (step * gradient[i]!) / length));
    // u is about 1e-2 and known to 1e-9: differences are good to some 1e-3 of the slope
    expect((along(h) - along(-h)) / (2 * h) / length).toBeCloseTo(1, 2);
  });
});
