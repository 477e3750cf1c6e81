import type { Vector } from "../../kernels/types.ts";
import { squaredError } from "../../nn/heads.ts";
import { dense, relu } from "../../nn/layers.ts";
import { sequential } from "../../nn/sequential.ts";
import { foldIn, key as keyOf, normal } from "../../random/key.ts";
import { type NumberParameter, type SpecRegistry, specEntry } from "../../spec.ts";
import { defineTask } from "../define.ts";
import { openRunners, type Runner } from "../runners.ts";
import { ACCURACY, type Metric, SPLITS, type Split } from "../types.ts";
import { distanceTo, plantedLeastSquares } from "./planted.ts";
import { DISTANCE, type Domain, refusedProducts, SEED } from "./types.ts";

const size: NumberParameter = { default: 30, min: 2, max: 300, integer: true, description: "numbers" };

/** Share of entries smaller than 10⁻³. */
const SPARSITY: Metric = {
  name: "sparsity",
  label: "entries below 0.001",
  better: "higher",
  compare: "difference",
  format: "percent",
  range: [0, 1],
};

const sparsityOf = (w: Vector): number =>
  w.filter((entry: number) => Math.abs(entry) < 1e-3).length / w.length;

/** λ‖w‖₁, its sub-gradient added to `gradient`: 0 at 0. */
function addL1(w: Vector, weight: number, gradient: Vector): number {
  let sum = 0;
  for (let i = 0; i < w.length; i++) {
    sum += Math.abs(w[i]!);
    gradient[i] = gradient[i]! + weight * Math.sign(w[i]!);
  }
  return weight * sum;
}

/** Task splits by number: each has examples of its own. */
const numberOf = (split: Split): number => SPLITS.indexOf(split as (typeof SPLITS)[number]);

/** Losses with kinks; gradients are sub-gradients. */
export const nonSmooth: SpecRegistry<Domain> = {
  /**
   * ½‖Ax − b‖²/m + λ‖x‖₁ with the optimum planted: −∇ at x* is λ·sign x* where x* is not zero, and within ±λ/2 where it is. H is
   * AᵀA/m, which is exact off the kinks.
   *
   * @see Tibshirani, "Regression Shrinkage and Selection via the Lasso", 1996
   */
  lasso: specEntry({
    description: "least squares with a penalty on ‖x‖₁, a third of the optimum not zero",
    parameters: {
      size,
      lambda: { default: 0.1, exclusiveMin: 0, description: "weight of the penalty" },
      condition: { default: 10, min: 1, description: "condition of the least squares" },
      seed: SEED,
    },
    create:
      ({ size, lambda, condition, seed }): Domain =>
      (name) => {
        const draws = new Float64Array(2 * size);
        normal(foldIn(keyOf(seed), 0), draws);
        const optimum = draws.slice(0, size).map((z, i) => (i % 3 === 0 ? Math.sign(z) * (0.5 + z * z) : 0));
        const slope = optimum.map((x, i) =>
          x === 0 ? 0.5 * lambda * Math.tanh(draws[size + i]!) : -lambda * Math.sign(x),
        );
        const squares = plantedLeastSquares(foldIn(keyOf(seed), 1), { optimum, slope, condition });
        const value = (x: Vector, gradient: Vector): number =>
          squares.value(x, gradient) + addL1(x, lambda, gradient);
        return defineTask({
          name,
          layout: size,
          metrics: [DISTANCE, SPARSITY],
          init: (key, x) => normal(key, x),
          lossAndGradient: (x, _batch, gradient) => value(x, gradient),
          hessianVectorProduct: (_x, _batch, v, out) => squares.product(v, out),
          evaluate: (x) => ({
            loss: value(x, x.slice()),
            count: 1,
            metrics: { distance: distanceTo(optimum, x), sparsity: sparsityOf(x) },
          }),
        });
      },
  }),

  /**
   * ‖Ax − b‖₁/m, a fifth of b far off: the optimum is the signal, exactly, as long as outliers are few.
   *
   * @see Candès, Tao, "Decoding by Linear Programming", 2005
   */
  "robust-regression": specEntry({
    description: "‖Ax − b‖₁, a fifth of b outliers",
    parameters: { size, seed: SEED },
    create:
      ({ size, seed }): Domain =>
      (name) => {
        const rows = 6 * size;
        const a = new Float64Array(rows * size);
        normal(foldIn(keyOf(seed), 0), a);
        const signal = new Float64Array(size);
        normal(foldIn(keyOf(seed), 1), signal);
        const noise = new Float64Array(rows);
        normal(foldIn(keyOf(seed), 2), noise, { stddev: 10 });
        const row = (i: number): Float64Array => a.subarray(i * size, (i + 1) * size);
        const times = (i: number, x: Vector): number =>
          row(i).reduce((sum, entry, j) => sum + entry * x[j]!, 0);
        const b = noise.map((z, i) => times(i, signal) + (i % 5 === 0 ? z : 0));
        const value = (x: Vector, gradient: Vector): number => {
          const sums = new Float64Array(size);
          let loss = 0;
          for (let i = 0; i < rows; i++) {
            const residual = times(i, x) - b[i]!;
            loss += Math.abs(residual) / rows;
            for (let j = 0; j < size; j++) sums[j]! += (Math.sign(residual) * a[i * size + j]!) / rows;
          }
          gradient.set(sums);
          return loss;
        };
        return defineTask({
          name,
          layout: size,
          metrics: [DISTANCE],
          init: (key, x) => normal(key, x),
          lossAndGradient: (x, _batch, gradient) => value(x, gradient),
          hessianVectorProduct: refusedProducts(name, "the loss is linear between its kinks"),
          evaluate: (x) => ({
            loss: value(x, x.slice()),
            count: 1,
            metrics: { distance: distanceTo(signal, x) },
          }),
        });
      },
  }),

  /**
   * Support-vector machine: mean max(0, 1 − y(xᵀw + c)) + λ/2‖w‖², two normal classes whose means are 3 apart, so that no one
   * can be right more often than Φ(1.5) = 93.3 %.
   *
   * @see Cortes, Vapnik, "Support-Vector Networks", 1995
   */
  hinge: specEntry({
    description: "a support-vector machine on two overlapping classes",
    parameters: {
      size,
      examples: { default: 300, min: 10, max: 10_000, integer: true, description: "examples of each split" },
      lambda: { default: 0.01, min: 0, description: "weight of ½‖w‖²" },
      seed: SEED,
    },
    create:
      ({ size, examples, lambda, seed }): Domain =>
      (name) => {
        const towards = new Float64Array(size);
        normal(foldIn(keyOf(seed), 9), towards);
        const half = 1.5 / Math.sqrt(towards.reduce((sum, entry) => sum + entry * entry, 0));
        const sets = SPLITS.map((_, i) => {
          const x = new Float64Array(examples * size);
          normal(foldIn(keyOf(seed), i), x);
          return x.map((z, at) => z + labelOf(Math.floor(at / size)) * half * towards[at % size]!);
        });
        const margin = (w: Vector, x: Float64Array, i: number): number => {
          let sum = w[size]!;
          for (let j = 0; j < size; j++) sum += w[j]! * x[i * size + j]!;
          return labelOf(i) * sum;
        };
        const value = (w: Vector, gradient: Vector, split: Split): number => {
          const x = sets[numberOf(split)]!;
          const sums = Float64Array.from(w, (entry, j) => (j < size ? lambda * entry : 0));
          let loss = 0;
          for (let j = 0; j < size; j++) loss += 0.5 * lambda * w[j]! * w[j]!;
          for (let i = 0; i < examples; i++) {
            const short = 1 - margin(w, x, i);
            if (short <= 0) continue;
            loss += short / examples;
            const pull = labelOf(i) / examples;
            for (let j = 0; j < size; j++) sums[j]! -= pull * x[i * size + j]!;
            sums[size]! -= pull;
          }
          gradient.set(sums);
          return Number.isNaN(w[0]!) ? Number.NaN : loss;
        };
        return defineTask({
          name,
          layout: size + 1,
          metrics: [ACCURACY],
          init: (key, w) => normal(key, w, { stddev: 0.01 }),
          lossAndGradient: (w, _batch, gradient, split) => value(w, gradient, split),
          hessianVectorProduct: refusedProducts(name, "the hinge is linear between its kinks"),
          evaluate(w, split) {
            const x = sets[numberOf(split)]!;
            let right = 0;
            for (let i = 0; i < examples; i++) if (margin(w, x, i) > 0) right++;
            return {
              loss: value(w, w.slice(), split),
              count: examples,
              metrics: { accuracy: right / examples },
            };
          },
        });
      },
  }),

  /**
   * ½ mean (f(x) − t)² + λ‖w‖₁, f and the teacher t one layer of ReLU, the teacher's much narrower.
   *
   * @see Bach, "Breaking the Curse of Dimensionality with Convex Neural Networks", 2017
   */
  "sparse-relu": specEntry({
    description: "a ReLU network with a penalty on ‖w‖₁ that learns from a narrower one",
    parameters: {
      hidden: { default: 32, min: 1, max: 500, integer: true, description: "units; the teacher has 3" },
      inputs: { default: 8, min: 1, max: 100, integer: true, description: "inputs" },
      examples: { default: 256, min: 1, max: 10_000, integer: true, description: "examples of each split" },
      lambda: { default: 1e-3, min: 0, description: "weight of the penalty" },
      seed: SEED,
    },
    create:
      ({ hidden, inputs, examples, lambda, seed }): Domain =>
      (name) => {
        const network = (units: number) =>
          sequential([inputs], [dense(units), relu(), dense(1)], { kind: "he" }, { head: squaredError() });
        const student = network(hidden);
        const runners = openRunners();
        const teacher = network(3);
        const answers = new Float64Array(teacher.layout.size);
        teacher.init(foldIn(keyOf(seed), 9), answers);
        const sets = SPLITS.map((_, i) => {
          const x = new Float64Array(examples * inputs);
          normal(foldIn(keyOf(seed), i), x);
          return { x, targets: teacherOutputs(answers, x, { inputs, examples }) };
        });
        const at = (w: Vector, split: Split): { runner: Runner; targets: Float64Array } => {
          const runner = runners.at(student, w, examples);
          const { x, targets } = sets[numberOf(split)]!;
          runner.input.set(x);
          return { runner, targets };
        };
        const scale = 1 / examples;
        return {
          ...defineTask({
            name,
            layout: student.layout,
            metrics: [
              { name: "error", label: "squared error", better: "lower", compare: "ratio", format: "number" },
              SPARSITY,
            ],
            init: (key, w) => student.init(key, w),
            lossAndGradient(w, _batch, gradient, split) {
              const { runner, targets } = at(w, split);
              const { loss } = runner.run(w, targets, examples, { gradient, scale });
              return loss * scale + addL1(w, lambda, gradient);
            },
            hessianVectorProduct: refusedProducts(
              name,
              "‖w‖₁ has kinks at zero, where training takes most of w",
            ),
            evaluate(w, split) {
              const { runner, targets } = at(w, split);
              const loss = runner.run(w, targets, examples).loss * scale;
              return {
                loss: loss + addL1(w, lambda, w.slice()),
                count: examples,
                metrics: { error: 2 * loss, sparsity: sparsityOf(w) },
              };
            },
          }),
          close: () => runners.close(),
        };
      },
  }),
};

/** Classes in turn. */
const labelOf = (example: number): number => (example % 2 === 0 ? 1 : -1);

/** One layer of ReLU units and a sum, as `dense(3), relu(), dense(1)` computes it. */
function teacherOutputs(
  w: Float64Array,
  x: Float64Array,
  { inputs, examples }: { inputs: number; examples: number },
): Float64Array {
  const units = 3;
  const out = units * inputs + units; // behind the weights and biases of the units
  return Float64Array.from({ length: examples }, (_, i) => {
    let sum = w[out + units]!;
    for (let u = 0; u < units; u++) {
      let input = w[units * inputs + u]!;
      for (let j = 0; j < inputs; j++) input += w[u * inputs + j]! * x[i * inputs + j]!;
      sum += w[out + u]! * Math.max(0, input);
    }
    return sum;
  });
}
