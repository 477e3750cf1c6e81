import { LowlandError } from "../errors.ts";
import { unknown } from "../spec.ts";
import type { MetaConfigInput } from "./config.ts";

/** A configuration by name: fields that go together, each of which a flag or a file may still change. */
export interface Preset {
  readonly description: string;
  readonly fields: MetaConfigInput;
  /** Fields that it goes with and does not hold, each with what to give. */
  readonly needs?: { readonly [N in keyof MetaConfigInput]?: string };
}

/** 8×8 images, 32 ReLU units, reparametrized by up to a thousand: what modern learned optimizers are meta-trained on. */
const smallFamilies = (datasets: readonly string[]): string[] =>
  datasets.map((name) => `${name}@8/mlp-relu:hidden=32,batch=64+reparam:low=0.001,high=1000`);

/** Moudgil et al., 2026: 4 families × 8 tasks × 2 signs × 50 steps an outer step, 100,000 of them. */
const celo2: MetaConfigInput = {
  tasks: smallFamilies(["mnist", "fashion-mnist", "cifar-10", "synthetic-textures"]),
  learned: "celo2",
  estimator: "pes:sigma=0.01,truncation=50",
  schedule: "log-uniform:100,2000",
  objective: "train:over=mean,normalize=clip",
  instances: 32,
  outerOptimizer: "adamw:decay=0.0001",
  outerLearningRate: 3e-4,
  outerSteps: 100_000,
  checkpointEvery: 500,
  validationSeeds: 2,
};

/**
 * Celo's update rule by itself, without its schedule. As published but for what Lowland's estimator does otherwise: losses of
 * different tasks are averaged as they are, and weight decay acts on the rule alone.
 */
const celoRule: MetaConfigInput = { ...celo2, learned: "celo:schedule=0", train: ["mlp"] };

/** Every preset that `--preset` can name. */
export const presets: Readonly<Record<string, Preset>> = {
  celo2: {
    description: "Celo2 by persistent evolution strategies on four families of 8×8 tasks, as published",
    fields: celo2,
  },
  "celo2-embedded": {
    description: "celo2-base on the two embedded families, a fiftieth of the published length",
    fields: {
      ...celo2,
      tasks: smallFamilies(["synthetic-digits", "synthetic-textures"]),
      learned: "celo2-base",
      instances: 16,
      outerSteps: 2000,
      checkpointEvery: 100,
    },
  },
  "celo-rule": {
    description: "Celo's first phase: its update rule, on the families and by the recipe of celo2",
    fields: celoRule,
  },
  "celo-schedule": {
    description: "Celo's second phase: its schedule, the rule being that of --init",
    fields: { ...celoRule, learned: "celo", train: ["schedule"] },
    needs: { init: "the run directory of the first phase" },
  },
  "lstm-curriculum": {
    description: "the LSTM with the curriculum and imitation of Chen et al., 2020, on mnist/mlp",
    fields: {
      tasks: ["mnist/mlp"],
      learned: "lstm",
      estimator: "bptt:truncation=20",
      schedule: "curriculum",
      imitation: "adam:lr=0.01",
      imitationShare: [0, 0.1, 0.3],
      outerSteps: 50_000,
      checkpointEvery: 100,
    },
  },
};

/**
 * The fields of a preset.
 *
 * @throws {LowlandError} E_CONFIG for an unknown name, with a suggestion
 */
export function presetFields(name: string): MetaConfigInput {
  return presetOf(name).fields;
}

/**
 * Refuses a configuration of a preset that lacks what the preset goes with.
 *
 * @throws {LowlandError} E_CONFIG, saying what to give
 */
export function requireNeeds(name: string, config: MetaConfigInput): void {
  const { needs = {} } = presetOf(name);
  for (const [field, what] of Object.entries(needs)) {
    if (config[field as keyof MetaConfigInput] !== undefined) continue;
    throw new LowlandError("E_CONFIG", `preset ${name} goes on from weights; give ${field}, ${what}`);
  }
}

function presetOf(name: string): Preset {
  if (Object.hasOwn(presets, name)) return presets[name]!;
  throw new LowlandError("E_CONFIG", unknown("preset", name, Object.keys(presets)));
}
