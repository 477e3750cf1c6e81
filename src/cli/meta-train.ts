import { buildCommand, type Command } from "@stricli/core";
import { LowlandError } from "../errors.ts";
import {
  META_FIELDS,
  type MetaConfig,
  type MetaConfigInput,
  resolveMetaConfig,
  withOverrides,
} from "../meta/config.ts";
import { presetFields, presets, requireNeeds } from "../meta/presets.ts";
import type { MetaRunResult } from "../meta/run.ts";
import { absoluteModule } from "../module.ts";
import { listDirectory, readText } from "../runs/files.ts";
import { openClusterOf } from "./cluster.ts";
import { type CliContext, print, printJson } from "./context.ts";
import { fieldsGiven, flagsOf } from "./field-flags.ts";
import { clusterFlag, dataDirFlag, integer, jsonFlag, optional, toggle } from "./flags.ts";
import { formatDuration, Progress } from "./progress.ts";
import { formatTable } from "./table.ts";

interface MetaTrainFlags {
  readonly horizon?: number;
  readonly truncation?: number;
  readonly preset?: string;
  readonly config?: string;
  readonly out?: string;
  readonly dryRun: boolean;
  readonly resume: boolean;
  readonly force: boolean;
  readonly threads: number;
  readonly cluster?: string;
  readonly dataDir?: string;
  readonly json: boolean;
}

export const metaTrain: Command<CliContext> = buildCommand({
  docs: {
    brief: "Meta-train a learned optimizer",
    fullDescription:
      "Runs inner trainings with a learned optimizer and improves its weights by an estimate of the meta-gradient; the meta-objective may carry a regularizer. Writes a run directory.",
  },
  parameters: {
    flags: {
      ...(flagsOf(META_FIELDS) as object),
      horizon: optional(integer(1), "Short for --schedule constant:N", "n"),
      truncation: optional(integer(1), "Inner steps of the estimator's windows", "n"),
      preset: optional(
        String,
        `Settings that go together, which flags may change: ${Object.keys(presets).join(", ")}`,
        "name",
      ),
      config: optional(String, "YAML or JSON file with these settings; flags take precedence", "file"),
      out: optional(String, "Run directory", "dir"),
      dryRun: toggle("Only say how long it would take here"),
      resume: toggle("Resume the run that is there; start one if there is none"),
      force: toggle("Replace the run that is there"),
      threads: {
        kind: "parsed",
        parse: integer(1),
        default: "1",
        brief: "Worker threads; any number gives the same bits",
        placeholder: "n",
      },
      cluster: clusterFlag,
      dataDir: dataDirFlag,
      json: jsonFlag,
    },
  },
  async func(this: CliContext, flags: MetaTrainFlags): Promise<void> {
    const { runMetaTraining } = await import("../meta/run.ts");
    const { latestCheckpoint } = await import("../runs/checkpoints.ts");
    const { holdsRun } = await import("../runs/run.ts");
    const { out } = flags;
    if ((out === undefined && !flags.dryRun) || out === "") {
      throw new LowlandError("E_USAGE", "--out is missing; give the directory of the run");
    }
    const resume = flags.resume && out !== undefined && holdsRun(out);
    if (flags.resume && flags.force) {
      throw new LowlandError("E_USAGE", "--resume and --force exclude each other; keep one");
    }
    const config = await configOf(flags, resume);
    if (flags.dryRun || flags.preset !== undefined) await sayHowLong(this, flags, config);
    if (flags.dryRun || out === undefined) return;
    if (flags.resume && listDirectory(out).length === 0) {
      this.stderr.write(`${out} holds no run yet: starting one\n`);
    }
    const progress = new Progress("meta-train", {
      unit: "outer steps",
      total: config.outerSteps,
      stream: this.stderr,
      ...(resume && { start: latestCheckpoint(out)?.step ?? 0 }),
    });
    const cluster = await openClusterOf(this, flags);
    let result: MetaRunResult;
    try {
      result = await runMetaTraining(out, config, {
        threads: flags.threads,
        resume,
        force: flags.force,
        command: this.argv,
        signal: this.signal,
        ...(cluster && { open: cluster.executor }),
        ...(flags.dataDir !== undefined && { dataDir: flags.dataDir }),
        onStep: ({ outerStep, metaLoss, validation }) =>
          progress.update(
            outerStep,
            [
              Number.isFinite(metaLoss) ? `meta-loss ${metaLoss.toFixed(4)}` : "before the first step",
              ...(validation ? [`validation ${validation.loss.toFixed(4)}`] : []),
              ...(cluster ? [cluster.size()] : []),
            ].join(", "),
          ),
      });
    } finally {
      progress.close();
    }
    this.signal.throwIfAborted();
    report(this, out, flags.json, result);
  },
});

async function sayHowLong(context: CliContext, flags: MetaTrainFlags, config: MetaConfig): Promise<void> {
  const { estimateSeconds } = await import("../meta/estimate.ts");
  const seconds = await estimateSeconds(config, {
    threads: flags.threads,
    ...(flags.dataDir !== undefined && { dataDir: flags.dataDir }),
  });
  if (flags.dryRun && flags.json) printJson(context, { outerSteps: config.outerSteps, seconds });
  else {
    const words = `${config.outerSteps} outer steps will take about ${formatDuration(seconds)} on ${flags.threads === 1 ? "one thread" : `${flags.threads} threads`}`;
    if (flags.dryRun) print(context, words);
    else context.stderr.write(`${words}\n`);
  }
}

function report(context: CliContext, out: string, json: boolean, result: MetaRunResult): void {
  const { state, config, seconds, innerStepsPerSecond } = result;
  const document = {
    out,
    tasks: config.tasks,
    regularizer: config.regularizer,
    outerSteps: state.outerStep,
    bestOuterStep: state.best?.outerStep ?? null,
    bestValidationLoss: state.best?.loss ?? null,
    diverged: state.diverged,
    innerSteps: state.innerSteps,
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
  const { readRun } = await import("../runs/run.ts");
  const { horizon, truncation } = flags;
  const set: Record<string, unknown> = {
    ...fieldsGiven(META_FIELDS, { ...flags }),
    ...(horizon !== undefined && { horizon }),
    ...(truncation !== undefined && { truncation }),
  };
  // what a run was made with is changed by nothing silently: it is compared before the run is resumed
  const layers: MetaConfigInput[] = [
    resume ? (readRun(flags.out!).config as object) : {},
    flags.preset === undefined ? {} : presetFields(flags.preset),
    flags.config === undefined ? {} : await readConfig(flags.config),
  ];
  const fields = layers.reduce(withOverrides);
  const merged = withOverrides(fields, set);
  if (!("tasks" in merged)) {
    if (flags.resume) {
      throw new LowlandError(
        "E_USAGE",
        `${flags.out} holds no run to resume, and without --task none can be started; check --out, or give --task`,
      );
    }
    throw new LowlandError("E_USAGE", "--task is missing; give it, or a --config file with tasks");
  }
  if (flags.preset !== undefined && !flags.dryRun) requireNeeds(flags.preset, merged);
  const { buildParts } = await import("../meta/build.ts");
  const { readInit } = await import("../meta/weights.ts");
  const source = resume ? `${flags.out}/config.resolved.json` : (flags.config ?? "configuration");
  const written = resolveMetaConfig(merged, source);
  // a run and what it gives can be used from any folder
  const config: MetaConfig = {
    ...written,
    tasks: written.tasks.map(absoluteModule),
    learned: absoluteModule(written.learned),
    regularizer: absoluteModule(written.regularizer),
    ...(written.arms && { arms: written.arms.map(absoluteModule) }),
    estimator: absoluteModule(written.estimator),
    schedule: absoluteModule(written.schedule),
  };
  // wrong names fail before anything is written
  const { learned } = await buildParts(config);
  if (!resume) await readInit(config, learned);
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
