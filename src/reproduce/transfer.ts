import { stepsForGradients } from "../analysis/comparisons.ts";
import { SCHEDULES } from "../evaluation/candidates.ts";
import { makeRegularizer } from "../regularizers/registry.ts";
import { type BaselineSpace, baselinesIn, EXPLICIT_RADII } from "./baselines.ts";
import { CELO2_RATES } from "./families.ts";
import { NINE_TASKS } from "./paper.ts";
import type { Adopted, Plan, PlannedOptimizer } from "./plan.ts";

/** What can be set of the transfer experiment. */
export interface TransferOptions {
  /** The learned optimizers that are judged. */
  readonly learned: readonly Adopted[];
  readonly tasks?: readonly string[];
  /** Numbers of steps to evaluate after, each a run of its own with a schedule of its own. */
  readonly steps?: readonly number[];
  /** Number of seeds of the final runs. */
  readonly seeds?: number;
  /** Hand-designed optimizers to compare with, in any spelling of their display names: `adamw+sam`. */
  readonly baselines?: readonly string[];
  /** Settings that every optimizer with a learning rate may choose from. */
  readonly candidates?: number;
  /** The one number of steps that settings are chosen for, instead of each; of half as many gradients a step it is half. */
  readonly tuneAt?: number;
}

/** The paper's nine and larger ones, in the order of what they cost. */
export const TRANSFER_TASKS: readonly string[] = [
  ...NINE_TASKS.filter((task) => !task.endsWith("/cnn")),
  "mnist/mlp-relu:hidden=128,depth=2",
  ...NINE_TASKS.filter((task) => task.endsWith("/cnn")),
  "cifar-10/cnn4-bn",
];

/** Learning rates under a cosine: narrower than without, because the schedule visits what lies below. */
const SPACE: BaselineSpace = {
  rates: {
    sgd: [0.1, 5],
    nesterov: [0.02, 1],
    adam: [1e-3, 0.03],
    adamw: [1e-3, 0.03],
    // times 0.02, and 0.001 for what is no matrix
    muon: [0.1, 10],
  },
  radii: { ...EXPLICIT_RADII, asam: [0.125, 0.5, 2] },
  schedules: SCHEDULES.filter((schedule) => schedule !== ""),
};

const BASELINES = ["sgd", "nesterov", "adamw", "muon"].flatMap((name) => [name, `${name}+sam`]);
const CANDIDATES = 12;
const SEEDS = 10;
const STEPS = [100, 1000, 2000];

/**
 * Learned optimizers on tasks that they never saw, against hand-designed ones with schedule, alone and with an explicit
 * regularizer: at equal steps, at equal gradients (explicit ones for as many steps as take as many gradients, tuned and
 * scheduled for those), and at equal training loss. Nothing is meta-trained.
 *
 * @throws {LowlandError} E_CONFIG for a baseline there is none of, or if all have an explicit regularizer
 */
export function transferPlan(options: TransferOptions): Plan {
  const { learned, tasks = TRANSFER_TASKS, steps = STEPS, seeds = SEEDS, tuneAt } = options;
  const count = options.candidates ?? CANDIDATES;
  const baselines = baselinesIn(SPACE, count, options.baselines ?? BASELINES);
  const tunedFor = tuneAt === undefined ? undefined : [tuneAt];
  return {
    kind: "reproduce-transfer",
    title: "Learned optimizers on tasks they never saw: would one use them, and is their ground flatter?",
    search: [],
    metaRuns: [],
    adopted: learned,
    searched: [],
    learnedRates: {
      rates: CELO2_RATES,
      count,
      ...(SPACE.schedules && { schedules: SPACE.schedules }),
      ...(tunedFor && { tunedFor }),
    },
    baselines: baselines.map((own) => atEqualGradients(own, steps, tunedFor)),
    against: "adamw",
    tuning: { seeds: [1000] },
    tasks,
    steps,
    seeds: Array.from({ length: seeds }, (_, seed) => seed),
    sharpness: {
      radii: [0.05, 0.1],
      examples: 1000,
      ascentSteps: 10,
      restarts: 1,
      except: { models: ["cnn", "cnn-bn", "cnn4-bn"], examples: 200 },
      equalLoss: { shares: [0.2, 0.05], looks: 100, radii: [] },
    },
  };
}

/** A baseline, run also for as many steps as take as many gradients as the plain optimizers' take. */
function atEqualGradients(
  baseline: PlannedOptimizer,
  steps: readonly number[],
  tunedFor: readonly number[] | undefined,
): PlannedOptimizer {
  const { gradients } = makeRegularizer(baseline.method.regularizer).cost.lossAndGradient;
  const fewer = (lengths: readonly number[]) => lengths.map((length) => stepsForGradients(length, gradients));
  const all = [...new Set([...fewer(steps), ...steps])].sort((a, b) => a - b);
  return {
    ...baseline,
    ...(gradients > 1 && { steps: all }),
    ...(tunedFor ? { tunedFor: fewer(tunedFor) } : gradients > 1 && { tunedFor: all }),
  };
}
