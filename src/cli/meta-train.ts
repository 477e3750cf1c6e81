import { buildCommand, type Command } from "@stricli/core";
import { LowlandError } from "../errors.ts";
import type { MetaConfig } from "../meta/config.ts";
import { META_DEFAULTS } from "../meta/defaults.ts";
import type { MetaRunResult } from "../meta/run.ts";
import { listDirectory, readText } from "../runs/files.ts";
import { splitSpecs } from "../spec.ts";
import { type CliContext, print, printJson } from "./context.ts";
import { dataDirFlag, integer, jsonFlag, nonNegative, optional, positive, toggle } from "./flags.ts";
import { Progress } from "./progress.ts";
import { formatTable } from "./table.ts";

interface MetaTrainFlags {
  readonly task?: string[];
  readonly learned?: string;
  readonly init?: string;
  readonly regularizer?: string;
  readonly outerSteps?: number;
  readonly horizon?: number;
  readonly truncation?: number;
  readonly instances?: number;
  readonly metaLossBatch?: "same" | "fresh";
  readonly outerOptimizer?: string;
  readonly outerLr?: number;
  readonly outerDecay?: number;
  readonly clipNorm?: number;
  readonly checkpointEvery?: number;
  readonly validationSeeds?: number;
  readonly activations?: "auto" | "stored" | "recomputed";
  readonly seed?: number;
  readonly config?: string;
  readonly out: string;
  readonly resume: boolean;
  readonly force: boolean;
  readonly threads: number;
  readonly dataDir?: string;
  readonly json: boolean;
}

type Setting = keyof typeof META_DEFAULTS;

const withDefault = (name: Setting, brief: string) => `${brief} (default ${META_DEFAULTS[name]})`;
/** The flag of a setting that the configuration has a default for. */
const setting = <T>(name: Setting, parse: (text: string) => T, brief: string, placeholder: string) =>
  optional(parse, withDefault(name, brief), placeholder);

export const metaTrain: Command<CliContext> = buildCommand({
  docs: {
    brief: "Meta-train a learned optimizer",
    fullDescription:
      "Truncated backpropagation through inner training runs; the loss of every visited point may carry a regularizer. Writes a run directory.",
  },
  parameters: {
    flags: {
      task: optional(splitSpecs, "Task, or several, comma-separated", "task"),
      learned: setting("learned", String, "Architecture", "spec"),
      init: optional(
        String,
        "Run directory or .safetensors file to start from (default: random weights)",
        "path",
      ),
      regularizer: setting(
        "regularizer",
        String,
        "Regularizer of the meta-loss, such as sam:rho=0.05",
        "spec",
      ),
      outerSteps: setting("outerSteps", integer(1), "Updates of the meta-parameters", "n"),
      horizon: setting("horizon", integer(1), "Inner steps of a run", "n"),
      truncation: setting("truncation", integer(1), "Inner steps between updates", "n"),
      instances: setting("instances", integer(1), "Inner runs side by side", "n"),
      metaLossBatch: {
        kind: "enum",
        values: ["same", "fresh"],
        optional: true,
        brief: withDefault("metaLossBatch", "Minibatch of a meta-loss term"),
      },
      outerOptimizer: setting(
        "outerOptimizer",
        String,
        "Optimizer of the meta-parameters, without lr",
        "spec",
      ),
      outerLr: setting("outerLearningRate", positive, "Its learning rate", "x"),
      outerDecay: setting(
        "outerDecay",
        nonNegative,
        "Share of it left at the last outer step; 1: constant",
        "x",
      ),
      clipNorm: setting("clipNorm", nonNegative, "Largest norm of a meta-gradient; 0: no limit", "x"),
      checkpointEvery: setting("checkpointEvery", integer(1), "Outer steps between checkpoints", "n"),
      validationSeeds: setting("validationSeeds", integer(1), "Unseen runs of a meta-validation", "n"),
      activations: {
        kind: "enum",
        values: ["auto", "stored", "recomputed"],
        optional: true,
        brief: withDefault("activations", "Keep a window's activations, or compute them again"),
      },
      seed: setting("seed", integer(0), "Seed", "n"),
      config: optional(String, "YAML or JSON file with these settings; flags take precedence", "file"),
      out: { kind: "parsed", parse: String, brief: "Run directory", placeholder: "dir" },
      resume: toggle("Go on with the run that is there; start one if there is none"),
      force: toggle("Replace the run that is there"),
      threads: {
        kind: "parsed",
        parse: integer(1),
        default: "1",
        brief: "Worker threads; any number gives the same bits",
        placeholder: "n",
      },
      dataDir: dataDirFlag,
      json: jsonFlag,
    },
  },
  async func(this: CliContext, flags: MetaTrainFlags): Promise<void> {
    const { runMetaTraining } = await import("../meta/run.ts");
    const { holdsRun, latestCheckpoint } = await import("../runs/run-directory.ts");
    const resume = flags.resume && holdsRun(flags.out);
    if (flags.resume && flags.force) {
      throw new LowlandError("E_USAGE", "--resume and --force exclude each other; keep one");
    }
    const config = await configOf(flags, resume);
    if (flags.resume && listDirectory(flags.out).length === 0) {
      this.stderr.write(`${flags.out} holds no run yet: starting one\n`);
    }
    const progress = new Progress("meta-train", {
      unit: "outer steps",
      total: config.outerSteps,
      stream: this.stderr,
      ...(resume && { start: latestCheckpoint(flags.out)?.step ?? 0 }),
    });
    let result: MetaRunResult;
    try {
      result = await runMetaTraining(flags.out, config, {
        threads: flags.threads,
        resume,
        force: flags.force,
        command: this.argv,
        signal: this.signal,
        ...(flags.dataDir !== undefined && { dataDir: flags.dataDir }),
        onStep: ({ outerStep, metaLoss, validation }) =>
          progress.update(
            outerStep,
            `meta-loss ${metaLoss.toFixed(4)}${validation ? `, validation ${validation.loss.toFixed(4)}` : ""}`,
          ),
      });
    } finally {
      progress.close();
    }
    this.signal.throwIfAborted();
    report(this, flags, result);
  },
});

function report(context: CliContext, { out, json }: MetaTrainFlags, result: MetaRunResult): void {
  const { state, config, seconds, innerStepsPerSecond } = result;
  const document = {
    out,
    tasks: config.tasks,
    regularizer: config.regularizer,
    outerSteps: state.outerStep,
    bestOuterStep: state.best?.outerStep ?? null,
    bestValidationLoss: state.best?.loss ?? null,
    divergedWindows: state.diverged,
    gradientEvaluations: state.gradientEvaluations,
    seconds,
    innerStepsPerSecond,
  };
  if (json) {
    printJson(context, document);
    return;
  }
  print(
    context,
    formatTable(
      ["run", "outer steps", "best at", "validation loss", "inner steps/s", "seconds"],
      [
        [
          out,
          state.outerStep,
          document.bestOuterStep ?? "—",
          state.best?.loss.toFixed(4) ?? "—",
          innerStepsPerSecond.toFixed(1),
          seconds.toFixed(1),
        ],
      ],
    ),
  );
}

/** The configuration: flags over the file (or, when resuming, the run's own) over the defaults. */
async function configOf(flags: MetaTrainFlags, resume: boolean): Promise<MetaConfig> {
  const { resolveMetaConfig } = await import("../meta/config.ts");
  const { readRun } = await import("../runs/run-directory.ts");
  const given = {
    tasks: flags.task,
    learned: flags.learned,
    init: flags.init,
    regularizer: flags.regularizer,
    outerSteps: flags.outerSteps,
    horizon: flags.horizon,
    truncation: flags.truncation,
    instances: flags.instances,
    metaLossBatch: flags.metaLossBatch,
    outerOptimizer: flags.outerOptimizer,
    outerLearningRate: flags.outerLr,
    outerDecay: flags.outerDecay,
    clipNorm: flags.clipNorm,
    checkpointEvery: flags.checkpointEvery,
    validationSeeds: flags.validationSeeds,
    activations: flags.activations,
    seed: flags.seed,
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const base = resume
    ? (readRun(flags.out).config as object)
    : flags.config === undefined
      ? {}
      : await readConfig(flags.config);
  const merged = { ...base, ...set };
  if (!("tasks" in merged)) {
    if (flags.resume) {
      throw new LowlandError(
        "E_USAGE",
        `${flags.out} holds no run to resume, and without --task none can be started; check --out, or give --task`,
      );
    }
    throw new LowlandError("E_USAGE", "--task is missing; give it, or a --config file with tasks");
  }
  const { loadRegularizer } = await import("../regularizers/load.ts");
  const { readInit } = await import("../meta/checkpoint.ts");
  const { learnedOf, outerOptimizerOf } = await import("../meta/setup.ts");
  const source = resume ? `${flags.out}/config.resolved.json` : (flags.config ?? "configuration");
  const config = resolveMetaConfig(merged, source);
  // wrong names fail before anything is written
  await loadRegularizer(config.regularizer);
  learnedOf(config);
  outerOptimizerOf(config);
  if (!resume) readInit(config);
  return config;
}

async function readConfig(path: string): Promise<object> {
  const { parse } = await import("yaml");
  const text = readText(path);
  let parsed: unknown;
  try {
    parsed = parse(text);
  } catch (error) {
    throw new LowlandError(
      "E_CONFIG",
      `${path} is not YAML or JSON: ${(error as Error).message.split("\n")[0]!.replace(/:$/, "")}; correct it`,
    );
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new LowlandError("E_CONFIG", `${path} holds no settings; write lines like "outerSteps: 500"`);
  }
  return parsed;
}
