import { openArena } from "../kernels/module.ts";
import { dot, norm } from "../kernels/vector.ts";
import { lstm } from "../learned/lstm.ts";
import type { LearnedOptimizer } from "../learned/types.ts";
import { type InnerProblem, openRollout, openSamples } from "../meta/rollout.ts";
import type { Draw, Estimate, Estimator, Instance } from "../meta/types.ts";
import { foldIn, key, normal } from "../random/key.ts";
import { defineTask } from "../tasks/define.ts";
import { familyOf } from "../tasks/family.ts";
import type { Task } from "../tasks/types.ts";
import { allFinite, expectOf, sameBits } from "./promises.ts";

const SIZE = 21;
const STEPS = 4;
/** 99.9 % two-sided quantile of the normal distribution: the means below are of many samples. */
const Z = 3.29;

/**
 * Checks what every gradient estimator promises: an estimate is a pure function of (φ, instance), whatever ran before,
 * and of plain data, so that any thread or a resumed run gives the same bits; instance and φ are left alone; the mean
 * estimate over trainings is the derivative of the mean meta-objective, within a 99.9 % bound computed from the spread
 * of the estimates; a loss that is not finite is reported as divergence.
 *
 * @param options `learned`: what to meta-train, default a small LSTM; `windows`: windows of a training, default 1 (an
 * estimator that is unbiased over several should be checked with several); `samples`: trainings the mean is over,
 * default 1, enough for one that draws nothing; `tolerance`: allowed error beside the bound, relative to the derivative's length, default 0.005
 * @throws {LowlandError} E_CONFIG that names the promise that was broken
 * @example
 * checkEstimator(pes({ truncation: 4 }), { windows: 3, samples: 400 });
 */
export function checkEstimator(
  estimator: Estimator,
  options: {
    readonly learned?: LearnedOptimizer;
    readonly windows?: number;
    readonly samples?: number;
    readonly tolerance?: number;
  } = {},
): void {
  const { learned = lstm({ hidden: 4 }), windows = 1, samples = 1, tolerance = 5e-3 } = options;
  const expect = expectOf(`estimator ${estimator.name}`);
  const problem = problemOf(learned, slope());
  const horizon = (estimator.window ?? STEPS) * windows;
  const drawOf = (number: number): Draw => ({ task: 0, key: foldIn(key(2), number), horizon, start: 0 });
  const context = { stage: 0, next: (_index: number, number: number) => drawOf(number) };
  const instanceOf = (number: number): Instance => ({
    index: 0,
    number,
    draw: drawOf(number),
    runs: [],
    tensors: {},
  });
  const metaParams = new Float32Array(learned.layout.size);
  learned.init(key(1), metaParams);
  const untouched = metaParams.slice();

  const opened = estimator.open(problem);
  const estimate = (instance: Instance, own = opened): Estimate =>
    own.estimate(metaParams, instance, context);
  const start = instanceOf(0);
  const first = estimate(start);
  expect(sameBits(metaParams, untouched), "changes the meta-parameters");
  expect(start.runs.length === 0 && start.number === 0, "changes the instance; return a new one");
  expect(
    !first.diverged && allFinite(first.gradient) && Number.isFinite(first.loss + (first.metaLoss ?? 0)),
    "is not finite on a linear objective",
  );
  expect(norm(first.gradient) > 0, "gives a gradient of zero");
  expect(first.innerSteps > 0 && first.gradientEvaluations > 0, "does not count its work");

  const other = estimate(instanceOf(1));
  expect(!sameBits(other.gradient, first.gradient), "gives different instances the same estimate");
  expect(same(estimate(start), first), "keeps something from earlier estimates");
  if (!first.done) {
    const second = estimate(first.instance);
    estimate(instanceOf(3));
    const copied = structuredClone(first.instance);
    expect(same(estimate(copied), second), "does not go on from a copy of the instance");
    const fresh = estimator.open(problem);
    expect(same(estimate(copied, fresh), second), "does not go on in another thread's estimator");
    fresh.close();
  }

  // Input gradients do not depend on w here, so holding them constant loses nothing and differences are exact.
  const gradientOf = (number: number): Float32Array => {
    const total = new Float32Array(metaParams.length);
    let instance = instanceOf(number);
    for (let window = 0; window < windows; window++) {
      const { gradient, instance: after } = estimate(instance);
      for (let j = 0; j < total.length; j++) total[j]! += gradient[j]!;
      instance = after;
    }
    return total;
  };
  const gradients = Array.from({ length: samples }, (_, number) => gradientOf(number));
  // along a mean of other trainings: along their own, noise would always point the same way
  const derivative = new Float64Array(metaParams.length);
  for (let i = 0; i < samples; i++) {
    const own = samples === 1 ? gradients[0]! : gradientOf(samples + i);
    for (let j = 0; j < own.length; j++) derivative[j]! += own[j]! / samples;
  }
  for (let i = 0; i < 3; i++) {
    const direction = i === 0 ? derivative.slice() : new Float64Array(derivative.length);
    if (i > 0) normal(foldIn(key(9), i), direction);
    const length = norm(direction);
    const h = 1e-2;
    const errors = gradients.map((own, number) => {
      const at = (step: number): number => {
        const phi = metaParams.map((entry, j) => entry + (step * direction[j]!) / length);
        return metaObjective(problem, phi, drawOf(number));
      };
      return dot(own, direction) / length - (at(h) - at(-h)) / (2 * h);
    });
    const mean = errors.reduce((sum, error) => sum + error, 0) / samples;
    const variance = errors.reduce((sum, error) => sum + (error - mean) ** 2, 0) / Math.max(1, samples - 1);
    const bound = Z * Math.sqrt(variance / samples) + tolerance * norm(derivative);
    expect(
      Math.abs(mean) <= bound,
      `gives a mean gradient that differs by ${mean} from the slope of the meta-objective along a direction; chance explains ${bound}`,
    );
  }
  opened.close();

  const broken = estimator.open(problemOf(learned, slope(NaN)));
  expect(estimate(start, broken).diverged, "does not report a loss that is not finite");
  broken.close();
}

/** A problem of one task and the sum of its training losses. */
function problemOf(learned: LearnedOptimizer, task: Task): InnerProblem {
  return {
    families: [familyOf(task)],
    learned,
    regularizer: (objective) => objective,
    objective: { batches: "train", over: "sum", normalize: "none" },
  };
}

/** Sum of the losses at the points after each step of a training with the optimizer φ. */
function metaObjective(problem: InnerProblem, metaParams: Float32Array, draw: Draw): number {
  const arena = openArena();
  try {
    const optimizer = problem.learned.open(arena);
    optimizer.load(metaParams);
    const rollout = openRollout(problem, openSamples(problem), arena);
    rollout.start(draw, optimizer);
    let sum = 0;
    for (let step = 0; step < draw.horizon; step++) {
      rollout.evaluate();
      rollout.advance(optimizer);
      sum += rollout.term();
    }
    return sum;
  } finally {
    arena.close();
  }
}

/** L = a(batch)·w + offset, a mostly the same: so that all trainings have much the same derivative. */
function slope(offset = 0): Task {
  const a = new Float64Array(SIZE);
  const common = new Float64Array(SIZE);
  normal(key(5), common);
  return defineTask({
    name: "slope",
    layout: SIZE,
    lossAndGradient(params, batch, gradient) {
      normal(batch, a, { stddev: 0.1 });
      for (let i = 0; i < SIZE; i++) a[i]! += common[i]!;
      gradient.set(a);
      return dot(a, params) + offset;
    },
  });
}

function same(a: Estimate, b: Estimate): boolean {
  return (
    sameBits(a.gradient, b.gradient) &&
    a.loss === b.loss &&
    a.metaLoss === b.metaLoss &&
    a.done === b.done &&
    JSON.stringify(a.instance, plainNumbers) === JSON.stringify(b.instance, plainNumbers)
  );
}

function plainNumbers(_name: string, value: unknown): unknown {
  return value instanceof Float32Array ? Array.from(value) : value;
}
