import { compareOptimizers } from "../../src/analysis/comparisons.ts";
import { summarizeAtLoss, summarizeEvaluation, summarizeSharpness } from "../../src/analysis/summaries.ts";
import { transferMatrix } from "../../src/analysis/transfer.ts";
import { isPlain, methodKey } from "../../src/evaluation/method-id.ts";
import type {
  AtLossSeed,
  EvaluationRecord,
  EvaluationSeed,
  MethodId,
  RegularizerRecord,
  Results,
  SharpnessSeed,
} from "../../src/evaluation/results.ts";
import { pairsOf } from "../../src/reproduce/compare.ts";
import { paperPlan } from "../../src/reproduce/paper.ts";
import { ACCURACY } from "../../src/tasks/types.ts";

/** What a made-up regularizer does to the optimizer that was meta-trained with it. */
export interface Effect {
  /** Factor on every sharpness measure, after equal steps and at equal training loss. */
  readonly sharpness: number;
  readonly sharpnessAtLoss?: number;
  /** Added to test accuracy. */
  readonly accuracy: number;
}

export const TASKS = ["mnist/mlp", "cifar-10/cnn"] as const;
const SOURCES = TASKS;
const REGULARIZERS = ["none", "sam", "gam"] as const;
const SEEDS = [0, 1, 2, 3, 4, 5, 6, 7];
const RADII = [0.005, 0.1];

/** A value in [−1, 1) that looks random and is the same every time. */
function wobble(...parts: number[]): number {
  let hash = 0x9e3779b9;
  for (const part of parts) {
    hash = Math.imul(hash ^ (part + 0x7f4a7c15), 0x85ebca6b);
    hash ^= hash >>> 13;
  }
  return (Math.imul(hash, 0xc2b2ae35) >>> 0) / 2 ** 31 - 1;
}

function point(seed: number, size: number): SharpnessSeed {
  return {
    seed,
    loss: 0.3,
    gradientNorm: 0.2 * size,
    topEigenvalue: 10 * size,
    radii: RADII.map((radius) => ({
      radius,
      maxLoss: 0.3 * size + radius,
      surrogateGap: radius * size,
      oneStepGap: radius * size,
      maxGradientNorm: 0.4 * size,
      curvatureGap: radius ** 2 * size,
    })),
  };
}

const LABELS: Readonly<Record<string, RegularizerRecord>> = {
  sam: { label: "SAM", lowers: "maxLoss" },
  gam: { label: "GAM", lowers: "maxGradientNorm" },
};

interface Method {
  readonly method: MethodId;
  readonly group: "learned" | "hand-designed";
  readonly gradientsPerStep: number;
  readonly effect: Effect;
}

/**
 * Results of the paper's experiment that never ran: two sources, two meta-seeds, two tasks, one note on a dataset.
 *
 * @param effect of every regularizer in the meta-objective
 * @param options.atLoss whether runs were compared at equal training loss
 */
export function paperResults(effect: Effect, { atLoss = true }: { atLoss?: boolean } = {}): Results {
  const none: Effect = { sharpness: 1, accuracy: 0 };
  const learned = SOURCES.flatMap((source) =>
    REGULARIZERS.flatMap((regularizer) =>
      [0, 1].map((metaSeed) => ({ optimizer: "lstm", regularizer, source: [source], metaSeed })),
    ),
  );
  const methods: Method[] = [
    ...learned.map((method) => ({
      method,
      group: "learned" as const,
      gradientsPerStep: 1,
      effect: isPlain(method) ? none : effect,
    })),
    {
      method: { optimizer: "adam", regularizer: "none" },
      group: "hand-designed",
      gradientsPerStep: 1,
      effect: none,
    },
    {
      method: { optimizer: "adam", regularizer: "sam" },
      group: "hand-designed",
      gradientsPerStep: 2,
      effect: { sharpness: 0.7, accuracy: 0 },
    },
  ];
  const each = methods.flatMap((method, m) => TASKS.map((task, t) => ({ method, task, at: [m, t] })));
  const sizeOf = (at: readonly number[], seed: number, factor: number) =>
    factor * (1 + 0.02 * wobble(...at, seed)) * (1 + 0.1 * wobble(seed, 77));
  const evaluations = each.map(({ method, task, at }): EvaluationRecord => {
    const seeds = SEEDS.map((seed): EvaluationSeed => {
      const testAccuracy = 0.9 + method.effect.accuracy + 0.002 * wobble(...at, seed, 1);
      const trainLoss = 0.3 + 0.005 * wobble(...at, seed, 2);
      return {
        seed,
        trainLoss,
        testLoss: 0.4,
        metrics: { accuracy: testAccuracy },
        curve: [
          { step: 0, loss: 2.3 },
          { step: 100, loss: 0.3 },
        ],
      };
    });
    return {
      task,
      method: method.method,
      spec: methodKey(method.method),
      group: method.group,
      gradientsPerStep: method.gradientsPerStep,
      secondsPerStep: 0.001 * method.gradientsPerStep,
      steps: 100,
      seeds,
      summary: summarizeEvaluation(seeds, [ACCURACY]),
    };
  });
  const sharpness = each.map(({ method, task, at }) => {
    const seeds = SEEDS.map((seed) => point(seed, sizeOf(at, seed, method.effect.sharpness)));
    return { task, method: method.method, steps: 100, seeds, summary: summarizeSharpness(seeds) };
  });
  const sharpnessAtLoss = each.map(({ method, task, at }) => {
    const factor = method.effect.sharpnessAtLoss ?? method.effect.sharpness;
    const seeds = SEEDS.map((seed): AtLossSeed => ({ ...point(seed, sizeOf(at, seed, factor)), step: 50 }));
    return {
      task,
      method: method.method,
      below: 0.5,
      every: 10,
      maxSteps: 100,
      seeds,
      summary: summarizeAtLoss(seeds),
    };
  });
  const records = { evaluations, sharpness, metrics: [ACCURACY], ...(atLoss && { sharpnessAtLoss }) };
  const plan = paperPlan("tiny");
  return {
    schemaVersion: 2,
    kind: "reproduce-paper",
    title: plan.title,
    command: "lowland reproduce paper --out runs/paper --budget day",
    version: "0.1.0",
    kernelVariant: "fma",
    node: "v20.19.0",
    platform: "linux-x64",
    seed: 0,
    durationSeconds: 3600,
    settings: { tasks: [...TASKS] },
    metaTraining: learned.map((method) => ({
      method,
      regularizer: method.regularizer === "sam" ? "sam:rho=0.05" : method.regularizer,
      outerSteps: 100,
      settings: {},
      metaLossCurve: [{ outerStep: 100, metaLoss: 0.5 }],
      metaValidationCurve: [{ outerStep: 100, loss: 0.4 }],
      bestOuterStep: 100,
      seconds: 60,
      innerStepsPerSecond: 40,
      gradientEvaluations: 4000,
    })),
    ...records,
    regularizers: LABELS,
    comparisons: compareOptimizers(records, pairsOf(plan, learned, LABELS)),
    transfer: transferMatrix(records, learned),
    datasets: [
      { name: "mnist", kind: "files", checksums: "official" },
      {
        name: "cifar-10",
        kind: "files",
        checksums: "not official",
        note: "JPEG copy: all images re-encoded at quality 75",
      },
    ],
    search: [
      {
        regularizer: "sam",
        source: ["mnist/mlp"],
        candidates: [
          {
            spec: "sam:rho=0.05",
            outerSteps: 50,
            loss: 0.5,
            metrics: { accuracy: 0.8 },
            bestOuterStep: 50,
            gradientEvaluations: 99,
          },
          {
            spec: "sam:rho=0.2",
            outerSteps: 50,
            loss: 0.6,
            metrics: { accuracy: 0.7 },
            bestOuterStep: 50,
            gradientEvaluations: 99,
          },
        ],
        chosen: "sam:rho=0.05",
      },
    ],
    tuning: [
      {
        task: "cifar-10/cnn",
        method: { optimizer: "adam", regularizer: "none" },
        seeds: [1000],
        candidates: [
          {
            spec: "adam:lr=0.01",
            scores: [{ steps: 100, loss: 0.4, metrics: { accuracy: 0.9 } }],
            gradientEvaluations: 100,
          },
        ],
        chosen: [{ steps: 100, spec: "adam:lr=0.01" }],
      },
    ],
    estimates: [{ stage: "evaluate", work: "224 runs", seconds: 1234 }],
  };
}
