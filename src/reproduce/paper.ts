import { SCHEDULES } from "../evaluation/candidates.ts";
import { methodOf } from "../evaluation/method-id.ts";
import type { MethodId } from "../evaluation/results.ts";
import { type MetaConfigInput, resolveMetaConfig, withOverrides } from "../meta/config.ts";
import { fullName, slug } from "../report/labels.ts";
import { baselinesIn, EXPLICIT_RADII } from "./baselines.ts";
import { familyPlan, type LearnedFamily } from "./families.ts";
import type { Adopted, Plan, PlannedSearch, PlannedSharpness } from "./plan.ts";

/** How much of the paper's experiment is run. */
export const BUDGETS = ["tiny", "hour", "day", "full"] as const;
export type Budget = (typeof BUDGETS)[number];

/** What can be set besides the budget. */
export interface PaperOptions {
  /** Meta-training tasks, each a source of its own. */
  readonly sources?: readonly string[];
  /** Tasks to evaluate on. */
  readonly tasks?: readonly string[];
  /** Numbers of steps to evaluate after. */
  readonly steps?: readonly number[];
  /** Number of seeds of the final runs. */
  readonly seeds?: number;
  /** Hand-designed optimizers to compare with, in any spelling of their display names: `adam+sam`. */
  readonly baselines?: readonly string[];
  /** Whether their learning rates are also tried under a cosine with warm-up, within the same number of settings. */
  readonly schedules?: boolean;
  /** What is meta-trained: the paper's LSTM by default. */
  readonly family?: LearnedFamily;
  /** What meta-training does otherwise than the budget says: architecture, outer steps. */
  readonly meta?: Meta;
  /** Run directories to adopt; nothing is then meta-trained. */
  readonly learned?: readonly Adopted[];
  /** Run directories of a search over settings, to be recorded; nothing is then searched. */
  readonly searched?: readonly string[];
}

type Meta = Omit<MetaConfigInput, "tasks" | "regularizer" | "seed">;

/** The numbers a budget stands for. */
interface Preset {
  readonly sources: readonly string[];
  readonly metaSeeds: number;
  readonly meta: Meta;
  /** Outer steps of the search's runs; no search if absent. */
  readonly searchSteps?: number;
  readonly tasks: readonly string[];
  readonly steps: readonly number[];
  readonly seeds: number;
  /** Settings every baseline may choose from, and seeds they are compared on. */
  readonly candidates: number;
  readonly tuningSeeds: number;
  readonly sharpness: PlannedSharpness;
}

const DATASETS = ["mnist", "fashion-mnist", "cifar-10"];
export const NINE_TASKS: readonly string[] = DATASETS.flatMap((dataset) =>
  ["mlp", "mlp-relu", "cnn"].map((model) => `${dataset}/${model}`),
);
/** The paper's. */
const RADII: readonly number[] = [0.001, 0.005, 0.05, 0.1];
const CONVOLUTIONAL = ["cnn", "cnn-bn"];
/** The learning rate falls to almost nothing: every meta-validation then counts towards the same end. */
const LONG: Meta = { outerDecay: 0.03, checkpointEvery: 100 };

const ADAM: MethodId = { optimizer: "adam", regularizer: "none" };
const ADAM_SAM: MethodId = { optimizer: "adam", regularizer: "sam" };

const PRESETS: Readonly<Record<Budget, Preset>> = {
  tiny: {
    sources: ["synthetic-digits/mlp", "synthetic-digits/mlp-relu"],
    metaSeeds: 1,
    meta: {
      outerSteps: 4,
      horizon: 10,
      truncation: 5,
      instances: 1,
      checkpointEvery: 2,
      validationSeeds: 1,
    },
    searchSteps: 2,
    tasks: ["synthetic-digits/mlp", "synthetic-digits/mlp-relu"],
    steps: [4, 8],
    seeds: 3,
    candidates: 2,
    tuningSeeds: 1,
    sharpness: {
      radii: [0.01, 0.1],
      examples: 100,
      ascentSteps: 3,
      restarts: 1,
      baselines: [ADAM, ADAM_SAM],
      equalLoss: { shares: [0.5], looks: 2 },
    },
  },
  hour: {
    sources: ["mnist/mlp"],
    metaSeeds: 1,
    meta: { ...LONG, outerSteps: 500 },
    tasks: ["mnist/mlp", "mnist/mlp-relu", "fashion-mnist/mlp", "mnist/cnn"],
    steps: [100, 1000],
    seeds: 3,
    candidates: 4,
    tuningSeeds: 1,
    sharpness: {
      radii: RADII,
      examples: 1000,
      ascentSteps: 10,
      restarts: 1,
      except: { models: CONVOLUTIONAL, examples: 128 },
      baselines: [ADAM, ADAM_SAM],
      equalLoss: { shares: [0.2], looks: 100 },
    },
  },
  day: {
    sources: ["mnist/mlp", "mnist/cnn"],
    metaSeeds: 2,
    meta: { ...LONG, outerSteps: 2000 },
    searchSteps: 300,
    tasks: NINE_TASKS,
    steps: [100, 1000],
    seeds: 10,
    candidates: 18,
    tuningSeeds: 1,
    sharpness: {
      radii: RADII,
      examples: 1000,
      ascentSteps: 10,
      restarts: 1,
      trace: true,
      except: { models: CONVOLUTIONAL, examples: 200, equalLossTrace: false },
      baselines: [ADAM, ADAM_SAM],
      equalLoss: { shares: [0.2], looks: 100 },
    },
  },
  full: {
    sources: ["mnist/mlp", "mnist/cnn", "fashion-mnist/mlp"],
    metaSeeds: 3,
    meta: { ...LONG, outerSteps: 5000 },
    searchSteps: 500,
    tasks: NINE_TASKS,
    steps: [100, 1000],
    seeds: 20,
    candidates: 27,
    tuningSeeds: 2,
    sharpness: {
      radii: RADII,
      examples: 5000,
      ascentSteps: 20,
      restarts: 3,
      trace: true,
      except: { models: CONVOLUTIONAL, examples: 500, restarts: 1 },
      baselines: [
        ADAM,
        ADAM_SAM,
        { optimizer: "adam", regularizer: "gsam" },
        { optimizer: "adam", regularizer: "gam-fd" },
      ],
      equalLoss: { shares: [0.2], looks: 100 },
    },
  },
};

/** Regularizers in the meta-objective, at their defaults unless a search chooses; GAM is the paper's formula. */
const REGULARIZERS = ["none", "sam:rho=0.05", "gsam:rho=0.05,alpha=0.4", "gam:rho=0.2,alpha=1"];

/** Candidates of the search, the defaults among them. */
const SEARCHED = {
  sam: ["sam:rho=0.02", "sam:rho=0.05", "sam:rho=0.2"],
  gsam: [
    "gsam:rho=0.02,alpha=0.4",
    "gsam:rho=0.05,alpha=0.4",
    "gsam:rho=0.05,alpha=0.8",
    "gsam:rho=0.2,alpha=0.4",
  ],
  gam: ["gam:rho=0.05,alpha=1", "gam:rho=0.2,alpha=0.3", "gam:rho=0.2,alpha=1"],
} as const;

/** Learning rates of the baselines: the ends of a logarithmic grid, so far apart that the best one lies inside. */
export const RATES = {
  sgd: [0.02, 8],
  nesterov: [0.004, 2],
  adam: [3e-4, 0.1],
  adamw: [3e-4, 0.1],
} as const;

/**
 * The paper's experiment, at one of several sizes.
 *
 * @throws {LowlandError} E_CONFIG if a baseline is none of the sixteen, or all have an explicit regularizer
 */
export function paperPlan(budget: Budget, options: PaperOptions = {}): Plan {
  const preset = PRESETS[budget];
  const {
    learned = [],
    searched = [],
    tasks = preset.tasks,
    steps = preset.steps,
    family = "lstm",
  } = options;
  const schedules = options.schedules ? SCHEDULES : undefined;
  const own = familyPlan(family, budget, { count: preset.candidates, schedules });
  const single = (options.sources ?? preset.sources).map((source) => [source]);
  const sources = options.sources === undefined ? (own.sources ?? single) : single;
  const meta = { ...withOverrides(preset.meta, own.meta), ...options.meta };
  const trains = learned.length === 0;
  return {
    kind: "reproduce-paper",
    title: "Can an optimizer learn to regularize? The paper’s experiment",
    search: trains && searched.length === 0 ? searchOf(preset, meta, sources[0]!) : [],
    metaRuns: trains ? metaRunsOf(preset, sources, meta) : [],
    adopted: learned,
    searched,
    ...(own.learnedRates && { learnedRates: own.learnedRates }),
    baselines: baselinesIn(
      { rates: RATES, radii: EXPLICIT_RADII, schedules },
      preset.candidates,
      options.baselines,
    ),
    // far from the seeds of the final runs
    tuning: { seeds: Array.from({ length: preset.tuningSeeds }, (_, i) => 1000 + i) },
    against: "adam",
    tasks,
    steps,
    seeds: Array.from({ length: options.seeds ?? preset.seeds }, (_, seed) => seed),
    sharpness: preset.sharpness,
  };
}

function searchOf({ searchSteps }: Preset, meta: Meta, source: readonly string[]): PlannedSearch[] {
  if (searchSteps === undefined) return [];
  return Object.entries(SEARCHED).map(([regularizer, candidates]) => ({
    regularizer,
    candidates: searchSteps < 10 ? candidates.slice(0, 2) : candidates,
    config: { ...meta, tasks: source, outerSteps: searchSteps, seed: 1000 },
  }));
}

function metaRunsOf(
  { metaSeeds }: Preset,
  sources: readonly (readonly string[])[],
  meta: Meta,
): Plan["metaRuns"] {
  return sources.flatMap((source) =>
    Array.from({ length: metaSeeds }, (_, seed) =>
      REGULARIZERS.map((regularizer) => {
        const config = { ...meta, tasks: source, regularizer, seed };
        const { metaSeed: _, ...group } = methodOf(resolveMetaConfig(config));
        const name = fullName(metaSeeds === 1 ? group : { ...group, metaSeed: seed });
        return { folder: `meta/${slug(name)}`, config };
      }),
    ).flat(),
  );
}
