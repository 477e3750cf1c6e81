import { compareOptimizers } from "../../src/analysis/comparisons.ts";
import { summarizeEvaluation, summarizeSharpness } from "../../src/analysis/summaries.ts";
import type { EvaluationSeed, MethodId, Results, SharpnessSeed } from "../../src/evaluation/results.ts";
import { ACCURACY } from "../../src/tasks/types.ts";

/** How one made-up optimizer behaves. */
interface Shape {
  readonly method: MethodId;
  readonly spec: string;
  readonly group: "learned" | "hand-designed";
  readonly gradientsPerStep: number;
  readonly floor: number;
  readonly rate: number;
  readonly curvature: number;
}

const TASK = "synthetic-digits/mlp";
const learned = (regularizer: string): MethodId => ({
  optimizer: "lstm",
  regularizer,
  source: [TASK],
  metaSeed: 0,
});
const adam = (regularizer: string): MethodId => ({ optimizer: "adam", regularizer });

const SHAPES: readonly Shape[] = [
  {
    method: learned("none"),
    spec: "learned:runs/quick/lstm",
    group: "learned",
    gradientsPerStep: 1,
    floor: 0.26,
    rate: 22,
    curvature: 9.4,
  },
  {
    method: learned("sam"),
    spec: "learned:runs/quick/lstm-sam",
    group: "learned",
    gradientsPerStep: 1,
    floor: 0.28,
    rate: 25,
    curvature: 6.1,
  },
  {
    method: adam("none"),
    spec: "adam:lr=0.01",
    group: "hand-designed",
    gradientsPerStep: 1,
    floor: 0.34,
    rate: 34,
    curvature: 8.2,
  },
  {
    method: adam("sam"),
    spec: "adam:lr=0.01+sam:rho=0.05",
    group: "hand-designed",
    gradientsPerStep: 2,
    floor: 0.36,
    rate: 38,
    curvature: 5.4,
  },
];

/** A value in [−1, 1) that looks random and is the same every time. */
function wobble(...parts: number[]): number {
  let hash = 0x9e3779b9;
  for (const part of parts) {
    hash = Math.imul(hash ^ (part + 0x7f4a7c15), 0x85ebca6b);
    hash ^= hash >>> 13;
  }
  return (Math.imul(hash, 0xc2b2ae35) >>> 0) / 2 ** 31 - 1;
}

function training(shape: Shape, index: number, steps: number, seed: number): EvaluationSeed {
  const lossAt = (step: number) =>
    (2.3 - shape.floor) * Math.exp(-step / shape.rate) + shape.floor * (1 + 0.08 * wobble(index, seed));
  const accuracyAt = (step: number) => 0.985 - 0.22 * lossAt(step) + 0.004 * wobble(index, seed, step, 7);
  const trainLoss = lossAt(steps);
  return {
    seed,
    trainLoss,
    testLoss: trainLoss * 1.06 + 0.004 * wobble(index, seed, 3),
    metrics: { accuracy: accuracyAt(steps) },
    curve: Array.from({ length: steps + 1 }, (_, step) => ({
      step,
      loss: lossAt(step) * (1 + 0.12 * wobble(index, seed, step)),
      ...(step % 10 === 0 && { metrics: { accuracy: accuracyAt(step) } }),
    })),
  };
}

function sharpnessOf(shape: Shape, index: number, seed: number): SharpnessSeed {
  const loss = shape.floor * (1 + 0.08 * wobble(index, seed));
  const gradientNorm = 0.22 + 0.05 * wobble(index, seed, 11);
  const topEigenvalue = shape.curvature * (1 + 0.15 * wobble(index, seed, 12));
  return {
    seed,
    loss,
    gradientNorm,
    topEigenvalue,
    radii: [0.001, 0.005, 0.05, 0.1].map((radius) => {
      const curvatureGap = 0.5 * topEigenvalue * radius * radius;
      return {
        radius,
        maxLoss: loss + radius * gradientNorm + curvatureGap,
        surrogateGap: radius * gradientNorm + curvatureGap,
        oneStepGap: radius * gradientNorm + 0.6 * curvatureGap,
        maxGradientNorm: gradientNorm + topEigenvalue * radius,
        curvatureGap,
      };
    }),
  };
}

/**
 * Results of a reproduction that never ran: every number is made up by a formula, for tests of the report.
 */
export function syntheticResults(options: { steps?: readonly number[]; seeds?: number } = {}): Results {
  const { steps = [100], seeds = 5 } = options;
  const task = TASK;
  const each = Array.from({ length: seeds }, (_, seed) => 1000 + seed);
  const evaluations = steps.flatMap((count) =>
    SHAPES.map((shape, i) => {
      const runs = each.map((seed) => training(shape, i, count, seed));
      const { method, spec, group, gradientsPerStep } = shape;
      return {
        task,
        method,
        spec,
        group,
        gradientsPerStep,
        steps: count,
        seeds: runs,
        summary: summarizeEvaluation(runs, [ACCURACY]),
      };
    }),
  );
  const sharpness = SHAPES.map((shape, i) => {
    const points = each.map((seed) => sharpnessOf(shape, i, seed));
    return {
      task,
      method: shape.method,
      steps: steps.at(-1)!,
      seeds: points,
      summary: summarizeSharpness(points),
    };
  });
  const outerSteps = 120;
  return {
    schemaVersion: 2,
    kind: "reproduce-quick",
    title: "Does a sharpness-aware meta-objective teach an optimizer to find flat ground?",
    command: "lowland reproduce quick --out runs/quick --seed 0 --threads 2 --force",
    version: "0.1.0",
    kernelVariant: "portable",
    node: "v20.19.0",
    platform: "linux-x64, a processor with a rather long descriptive name @ 2.40GHz",
    seed: 0,
    startedAt: "2026-01-02T03:04:05Z",
    durationSeconds: 252.4,
    settings: {
      task,
      steps,
      seeds,
      threads: 2,
      sharpness: { radii: [0.001, 0.005, 0.05, 0.1], examples: 5000, pga: { steps: 20, restarts: 3 } },
    },
    metaTraining: SHAPES.filter(({ group }) => group === "learned").map((shape, i) => ({
      method: shape.method,
      regularizer: i === 0 ? "none" : "sam:rho=0.05",
      outerSteps,
      settings: {
        horizon: 100,
        truncation: 20,
        instances: 2,
        outer: { optimizer: "adam", lr: 0.001 },
        regularizer: i === 0 ? "none" : "sam:rho=0.05",
      },
      metaLossCurve: Array.from({ length: outerSteps }, (_, step) => ({
        outerStep: step + 1,
        metaLoss: (0.5 + i * 0.05 + 1.7 * Math.exp(-step / 18)) * (1 + 0.1 * wobble(i, step, 21)),
      })),
      metaValidationCurve: Array.from({ length: 12 }, (_, k) => ({
        outerStep: (k + 1) * 10,
        loss: 0.28 + 1.9 * Math.exp(-k / 2) + 0.02 * (wobble(i, k, 5) + 1),
        metrics: { accuracy: 0.9 },
      })),
      bestOuterStep: 110,
      seconds: 61.2 + i * 48,
      innerStepsPerSecond: 402 - i * 170,
      gradientEvaluations: 24_000 * (1 + i),
    })),
    evaluations,
    sharpness,
    metrics: [ACCURACY],
    regularizers: { sam: { label: "SAM", lowers: "maxLoss" } },
    comparisons: compareOptimizers({ evaluations, sharpness, metrics: [ACCURACY] }, [
      { candidate: learned("sam"), baseline: learned("none") },
      { candidate: adam("sam"), baseline: adam("none") },
    ]),
  };
}

/** Synthetic results with `text` in every string that a user or a machine can choose. */
export function hostileResults(text: string): Results {
  const small = syntheticResults({ steps: [20], seeds: 2 });
  const renamed = (method: MethodId): MethodId => ({
    ...method,
    optimizer: `${method.optimizer}${text}`,
    ...(method.source !== undefined && { source: [text] }),
  });
  return {
    ...small,
    title: text,
    command: text,
    version: text,
    kernelVariant: text,
    node: text,
    platform: text,
    startedAt: text,
    settings: { [`k${text}`]: text, list: [text], nested: { [`n${text}`]: { deep: text } } },
    metaTraining: small.metaTraining.map((record) => ({
      ...record,
      method: renamed(record.method),
      regularizer: text,
      settings: { [`s${text}`]: text },
    })),
    evaluations: small.evaluations.map((record) => ({
      ...record,
      method: renamed(record.method),
      spec: text,
      task: text,
    })),
    sharpness: small.sharpness.map((record) => ({
      ...record,
      method: renamed(record.method),
      task: text,
    })),
    comparisons: small.comparisons.map((comparison, i) => ({
      ...comparison,
      candidate: renamed(comparison.candidate),
      baseline: renamed(comparison.baseline),
      task: text,
      measure: i === 0 ? text : comparison.measure,
    })),
  };
}
