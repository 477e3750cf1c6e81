import { LowlandError } from "../errors.ts";
import { type FieldValues, resolveFields } from "../fields.ts";
import { formatSpec, parseSpec } from "../spec.ts";

/** Version of the configuration's form; older ones migrate. */
export const META_CONFIG_VERSION = 2;

/** A meta-training configuration: every choice that the field leaves open. */
export const META_FIELDS = {
  tasks: {
    kind: "specs",
    flag: "task",
    placeholder: "task",
    description: "Tasks or task families that inner trainings are drawn from, in turn",
  },
  learned: {
    kind: "text",
    default: "lstm",
    placeholder: "spec",
    description: "Architecture, or a module of yours",
  },
  init: {
    kind: "text",
    optional: true,
    placeholder: "path",
    description:
      "Run directory or .safetensors file to start from, of the same architecture (default: random weights)",
  },
  train: {
    kind: "specs",
    default: ["all"],
    placeholder: "part",
    description:
      "Parts of the weights to train, by what their names begin with (of celo: mlp, schedule); the rest stays as it is",
  },
  regularizer: {
    kind: "text",
    default: "none",
    placeholder: "spec",
    description: "Regularizer of the meta-objective, such as sam:rho=0.05",
  },
  regularization: {
    kind: "text",
    default: "fixed",
    placeholder: "spec",
    description:
      "What of it changes: fixed, schedule:setting=rho,to=0.1,over=500, dual:tau=0.01 or bandit, joined by +",
  },
  arms: {
    kind: "specs",
    optional: true,
    placeholder: "spec",
    description: "Regularizers among which a bandit chooses",
  },
  estimator: {
    kind: "text",
    default: "bptt:truncation=20",
    placeholder: "spec",
    description: "Gradient estimator: bptt, full-bptt, es, pes or nres, or a module of yours",
  },
  schedule: {
    kind: "text",
    default: "constant:100",
    placeholder: "spec",
    description:
      "Lengths of inner trainings: constant:100, log-uniform:100,2000 or curriculum, or a module of yours",
  },
  objective: {
    kind: "text",
    default: "train",
    placeholder: "spec",
    description:
      "Terms of the meta-objective: train, fresh or meta-validation batches, such as fresh:over=mean",
  },
  imitation: {
    kind: "text",
    default: "none",
    placeholder: "spec",
    description: "Optimizer whose updates are imitated in some windows, such as adam:lr=0.01",
  },
  imitationShare: {
    kind: "numbers",
    default: [0.3],
    min: 0,
    max: 1,
    placeholder: "p,p,…",
    description:
      "Share of windows that imitate, one for each stage of the schedule, the last for all later ones",
  },
  outerSteps: {
    default: 1000,
    min: 1,
    integer: true,
    placeholder: "n",
    description: "Updates of the meta-parameters",
  },
  instances: {
    default: 2,
    min: 1,
    max: 65_536,
    integer: true,
    placeholder: "n",
    description:
      "Inner trainings side by side, staggered over their length; their meta-gradients are averaged",
  },
  outerOptimizer: {
    kind: "text",
    default: "soap:b2=0.98",
    placeholder: "spec",
    description: "Optimizer of the meta-parameters, without lr",
  },
  outerLearningRate: {
    default: 3e-3,
    exclusiveMin: 0,
    flag: "outerLr",
    placeholder: "x",
    description: "Its learning rate",
  },
  outerDecay: {
    default: 1,
    min: 0,
    max: 1,
    placeholder: "x",
    description: "Share of it left at the last outer step, falling linearly; 1: constant",
  },
  clipNorm: {
    default: 0,
    min: 0,
    placeholder: "x",
    description: "Largest norm of a meta-gradient; longer ones are scaled down; 0: no limit",
  },
  checkpointEvery: {
    default: 50,
    min: 1,
    integer: true,
    placeholder: "n",
    description: "Outer steps between meta-validations, each followed by a checkpoint",
  },
  keepCheckpoints: {
    default: 2,
    min: 1,
    integer: true,
    placeholder: "n",
    description: "Checkpoints kept besides the best",
  },
  validationSeeds: {
    default: 4,
    min: 1,
    integer: true,
    placeholder: "n",
    description: "Unseen trainings of each task in a meta-validation",
  },
  patience: {
    default: 20,
    min: 1,
    integer: true,
    placeholder: "n",
    description: "Outer steps in a row without one finite instance after which the run ends",
  },
  activations: {
    default: "auto",
    choices: ["auto", "stored", "recomputed"],
    description:
      "Keep a window's activations, or compute them again: more memory or more time, the same bits",
  },
  seed: { default: 0, min: 0, integer: true, placeholder: "n", description: "Seed" },
} as const;

/** A complete meta-training configuration. */
export type MetaConfig = FieldValues<typeof META_FIELDS>;

/** Shorthands that a configuration may be written with, and that version 1 had as fields. */
export interface MetaConfigShorthands {
  /** `schedule: constant:N`. */
  readonly horizon?: number;
  /** `truncation` of the estimator. */
  readonly truncation?: number;
  /** `same`: objective `train`; `fresh`: objective `fresh`. */
  readonly metaLossBatch?: "same" | "fresh";
  readonly version?: number;
}

/** A configuration as written: what is missing takes its default. */
export type MetaConfigInput = {
  readonly [N in keyof MetaConfig]?: MetaConfig[N] | undefined;
} & MetaConfigShorthands;

/**
 * Checks a configuration and fills in the defaults; takes any earlier version.
 *
 * @param source what to call it in messages: the file it came from
 * @throws {LowlandError} E_CONFIG, naming the first field that cannot be
 */
export function resolveMetaConfig(input: unknown, source = "configuration"): MetaConfig {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new LowlandError("E_CONFIG", `${source} is no configuration; write fields and values`);
  }
  const { version = META_CONFIG_VERSION } = input as MetaConfigShorthands;
  if (!(Number.isSafeInteger(version) && version >= 1 && version <= META_CONFIG_VERSION)) {
    throw new LowlandError(
      "E_CONFIG",
      `${source} has version ${version}, this program knows up to ${META_CONFIG_VERSION}; use a newer Lowland`,
    );
  }
  return resolveFields(withoutShorthands(input as MetaConfigInput, source), META_FIELDS, source);
}

/**
 * A configuration as written with some of its settings given anew: a shorthand takes the place of what stands for the
 * same.
 */
export function withOverrides(base: MetaConfigInput, given: MetaConfigInput): MetaConfigInput {
  const kept: Record<string, unknown> = { ...base };
  const replaced = (name: string, shorthand: string): void => {
    if (shorthand in given) delete kept[name];
    if (name in given) delete kept[shorthand];
  };
  replaced("schedule", "horizon");
  replaced("objective", "metaLossBatch");
  if ("estimator" in given) delete kept.truncation;
  else if ("truncation" in given && typeof base.estimator === "string") {
    const { name, settings, path } = parseSpec(base.estimator);
    const { truncation: _before, ...others } = settings;
    if (path === undefined) kept.estimator = formatSpec({ name, settings: others });
  }
  return { ...kept, ...given };
}

/** The fields a configuration's shorthands stand for, in their place. */
function withoutShorthands(input: MetaConfigInput, source: string): Record<string, unknown> {
  const { horizon, truncation, metaLossBatch, version: _version, ...fields } = input;
  const given: Record<string, unknown> = { ...fields };
  const conflict = (field: string, shorthand: string): never => {
    throw new LowlandError("E_CONFIG", `${source} has both ${field} and ${shorthand}; keep one`);
  };
  if (horizon !== undefined) {
    if (fields.schedule !== undefined) conflict("schedule", "horizon");
    given.schedule = `constant:${horizon}`;
  }
  const text = fields.estimator ?? "bptt";
  // what is no text is refused with the other fields
  if (truncation !== undefined && typeof text === "string") {
    const { name, settings, path } = parseSpec(text);
    if (path !== undefined) conflict(`estimator ${path}, a module with settings of its own,`, "truncation");
    if ("truncation" in settings) conflict("estimator with truncation", "truncation");
    given.estimator = `${text}${Object.keys(settings).length > 0 ? "," : ":"}truncation=${truncation}`;
    if (name === "es" || name === "full-bptt")
      conflict(`estimator ${name}, which runs whole trainings,`, "truncation");
  }
  if (metaLossBatch !== undefined) {
    if (fields.objective !== undefined) conflict("objective", "metaLossBatch");
    if (metaLossBatch !== "same" && metaLossBatch !== "fresh") {
      throw new LowlandError(
        "E_CONFIG",
        `${source}, metaLossBatch: ${JSON.stringify(metaLossBatch)} is not one of same, fresh; correct it`,
      );
    }
    given.objective = metaLossBatch === "same" ? "train" : metaLossBatch;
  }
  return given;
}
