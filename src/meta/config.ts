import { z } from "zod";
import { LowlandError } from "../errors.ts";
import { META_DEFAULTS } from "./defaults.ts";

/** A complete meta-training configuration; every choice the field leaves open is one of these fields. */
export interface MetaConfig {
  /** Tasks the instances are drawn from, in turn. */
  readonly tasks: readonly string[];
  /** Architecture, a spec string. */
  readonly learned: string;
  /** Start from the φ of this run directory or `.safetensors` file, of the same architecture, instead of a random one. */
  readonly init?: string;
  /** Regularizer of the meta-loss, a spec string. */
  readonly regularizer: string;
  /** Updates of φ. */
  readonly outerSteps: number;
  /** Inner steps of a run before it is drawn anew. */
  readonly horizon: number;
  /** Inner steps between updates of φ; state is carried over and detached. */
  readonly truncation: number;
  /** Inner runs side by side; their meta-gradients are averaged. */
  readonly instances: number;
  /** Minibatch of a meta-loss term: that of its inner step, or a fresh one. */
  readonly metaLossBatch: "same" | "fresh";
  /** Optimizer of φ, a spec string without `lr`. The literature has Adam; see docs/architecture.md for why SOAP. */
  readonly outerOptimizer: string;
  readonly outerLearningRate: number;
  /** Share of it that is left at the last outer step; it falls linearly. 1: constant. */
  readonly outerDecay: number;
  /**
   * Largest norm of a meta-gradient; longer ones are scaled down. 0: no limit. With Adam, 1 helps: spikes of a hundred
   * times the usual norm come early, fill its second moment, and φ then hardly moves for a thousand steps.
   */
  readonly clipNorm: number;
  /** Outer steps between meta-validations, after each of which a checkpoint is written. */
  readonly checkpointEvery: number;
  /** Checkpoints kept besides the best. */
  readonly keepCheckpoints: number;
  /** Unseen runs for each task in a meta-validation. */
  readonly validationSeeds: number;
  /** Outer steps in a row without one finite instance after which the run ends. */
  readonly patience: number;
  /** Keep a window's activations, or compute them again. */
  readonly activations: "auto" | "stored" | "recomputed";
  readonly seed: number;
}

/** A configuration as written: what is missing takes its default. */
export type MetaConfigInput = Partial<MetaConfig> & Pick<MetaConfig, "tasks">;

const count = z.int().min(1);

const schema = z.strictObject({
  tasks: z.array(z.string().min(1)).min(1),
  learned: z.string().default(META_DEFAULTS.learned),
  init: z.string().min(1).exactOptional(),
  regularizer: z.string().default(META_DEFAULTS.regularizer),
  outerSteps: count.default(META_DEFAULTS.outerSteps),
  horizon: count.default(META_DEFAULTS.horizon),
  truncation: count.default(META_DEFAULTS.truncation),
  instances: count.default(META_DEFAULTS.instances),
  metaLossBatch: z.enum(["same", "fresh"]).default(META_DEFAULTS.metaLossBatch),
  outerOptimizer: z.string().default(META_DEFAULTS.outerOptimizer),
  outerLearningRate: z.number().positive().default(META_DEFAULTS.outerLearningRate),
  outerDecay: z.number().min(0).max(1).default(META_DEFAULTS.outerDecay),
  clipNorm: z.number().min(0).default(META_DEFAULTS.clipNorm),
  checkpointEvery: count.default(META_DEFAULTS.checkpointEvery),
  keepCheckpoints: count.default(META_DEFAULTS.keepCheckpoints),
  validationSeeds: count.default(META_DEFAULTS.validationSeeds),
  patience: count.default(META_DEFAULTS.patience),
  activations: z.enum(["auto", "stored", "recomputed"]).default(META_DEFAULTS.activations),
  seed: z.int().min(0).default(META_DEFAULTS.seed),
});

/**
 * Checks a configuration and fills in the defaults.
 *
 * @param source what to call it in messages: the file it came from
 * @throws {LowlandError} E_CONFIG, naming the first field that cannot be
 */
export function resolveMetaConfig(input: unknown, source = "configuration"): MetaConfig {
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const where = issue.path.join(".");
    throw new LowlandError(
      "E_CONFIG",
      `${source}${where && `, ${where}`}: ${issue.message}; fields are ${Object.keys(schema.shape).join(", ")}`,
    );
  }
  const config: MetaConfig = parsed.data;
  if (config.horizon % config.truncation !== 0) {
    const next = Math.ceil(config.horizon / config.truncation) * config.truncation;
    throw new LowlandError(
      "E_CONFIG",
      `${source}: horizon ${config.horizon} is no multiple of truncation ${config.truncation}; use horizon ${next}`,
    );
  }
  return config;
}
