import { readFileSync } from "node:fs";
import { breathe } from "../breathe.ts";
import type { StoreOptions } from "../data/datasets.ts";
import { changedIn } from "../data/fingerprints.ts";
import { LowlandError } from "../errors.ts";
import { kernels } from "../kernels/module.ts";
import { learnedOptimizers } from "../learned/registry.ts";
import { moduleFingerprint } from "../module.ts";
import { formatCard } from "../runs/card.ts";
import { readMetrics } from "../runs/metrics.ts";
import { describeRun, type RunMeta } from "../runs/run.ts";
import { RunDirectory } from "../runs/run-directory.ts";
import { EventWriter } from "../runs/tensorboard.ts";
import { buildSpec, formatSpec, parseSpec } from "../spec.ts";
import { fingerprintsOf } from "../tasks/load.ts";
import { LOWLAND_VERSION } from "../version.ts";
import { buildMetaTraining, buildParts, modulesOf } from "./build.ts";
import { type CheckpointOwner, decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
import { META_CONFIG_VERSION, type MetaConfig, resolveMetaConfig } from "./config.ts";
import { estimators } from "./estimators/registry.ts";
import type { Executor } from "./executor.ts";
import {
  hasNext,
  initialState,
  type MetaTraining,
  metaTrain,
  type OuterStepRecord,
  type TrainerState,
} from "./outer-loop.ts";
import { historyOf } from "./regularization/history.ts";
import { openExecutor } from "./threads.ts";
import { readInit } from "./weights.ts";

/** One line of a run's metrics: the outer step and the seconds since the run began, pauses left out. */
export type MetaMetrics = OuterStepRecord & { readonly seconds: number };

/** How a run is started or gone on with. */
export interface MetaRunOptions extends StoreOptions {
  readonly threads?: number;
  /** Go on with the run that is there, if there is one. */
  readonly resume?: boolean;
  /** Replace the run that is there. */
  readonly force?: boolean;
  /** The command line, for `meta.json`. */
  readonly command?: readonly string[];
  /** Called after every outer step. */
  readonly onStep?: (record: MetaMetrics) => void;
  /** Opens what makes the estimates; this thread or `threads` if not given. */
  readonly open?: (training: MetaTraining) => Promise<Executor>;
  /** When raised, the run writes a checkpoint and ends. */
  readonly signal?: AbortSignal;
}

/** How a run ended. */
export interface MetaRunResult {
  readonly config: MetaConfig;
  readonly state: TrainerState;
  /** Seconds of meta-training, pauses left out. */
  readonly seconds: number;
  readonly innerStepsPerSecond: number;
  readonly interrupted: boolean;
}

/**
 * Meta-trains in a run directory: metrics after every outer step, a checkpoint after every meta-validation, on a
 * signal and at the end. Resumed after any interruption it ends in the bits of a run that was left alone.
 *
 * @param directory path of the run directory
 * @param config the configuration; when resuming, it must be that of the run, except that `outerSteps` may differ
 * @throws {LowlandError} E_RUN, E_IO, E_CHECKPOINT, E_CONFIG, E_DATA or E_DIVERGED, the checkpoints so far being kept
 */
export async function runMetaTraining(
  directory: string,
  config: MetaConfig,
  {
    threads = 1,
    resume = false,
    force = false,
    command = [],
    onStep,
    signal,
    open,
    ...store
  }: MetaRunOptions = {},
): Promise<MetaRunResult> {
  const training = await buildMetaTraining(config, store);
  try {
    const init = resume ? undefined : await readInit(config, training.problem.learned);
    const executor = await (open?.(training) ?? openExecutor(training, { threads, ...store }));
    try {
      const run = resume
        ? reopen(directory, training, store)
        : RunDirectory.create(directory, {
            meta: describeRun({
              ...madeWith(config, store),
              command,
              seed: config.seed,
              started: new Date().toISOString(),
            }),
            config: { version: META_CONFIG_VERSION, ...config },
            force,
          });
      try {
        executor.reportIn?.(run.path);
        return await trainIn(run, training, executor, { init, onStep, signal });
      } finally {
        run.close();
      }
    } finally {
      await executor.close();
    }
  } finally {
    training.close();
  }
}

async function trainIn(
  run: RunDirectory,
  training: MetaTraining,
  executor: Executor,
  {
    init,
    onStep,
    signal,
  }: {
    init: Float32Array | undefined;
    onStep: MetaRunOptions["onStep"];
    signal: AbortSignal | undefined;
  },
): Promise<MetaRunResult> {
  const { config, problem, outerOptimizer } = training;
  const owner = { config, learned: problem.learned, outerOptimizer };
  const kept = readState(run, owner);
  if (kept === undefined) refuseLoss(run, config);
  const start = kept ?? initialState(training, init ?? (await readInit(config, problem.learned)));
  run.metrics.truncateTo(start.outerStep);
  const before = readMetrics(`${run.path}/metrics.jsonl`).at(-1)?.seconds;
  const secondsBefore = typeof before === "number" ? before : 0;
  const events = new EventWriter(run.path, {
    now: () => Date.now() / 1000,
    ...(start.outerStep > 0 && { resumeStep: start.outerStep + 1 }),
  });
  const started = performance.now();
  const seconds = (): number => secondsBefore + (performance.now() - started) / 1000;
  let written = start.outerStep;
  const save = async (state: TrainerState): Promise<void> => {
    const instances = (await executor.complete?.(state.instances)) ?? state.instances;
    run.writeCheckpoint(state.outerStep, encodeCheckpoint({ ...state, instances }, owner), {
      best: state.best?.outerStep === state.outerStep,
      keep: config.keepCheckpoints,
    });
    written = state.outerStep;
  };
  let interrupted = false;
  try {
    const state = await metaTrain(training, executor, start, {
      ...(signal && { signal }),
      async onStep(record, current) {
        const metrics: MetaMetrics = { ...record, seconds: Math.round(seconds() * 1000) / 1000 };
        run.metrics.append({ ...metrics });
        events.scalars(record.outerStep, scalarsOf(record));
        if (record.validation !== undefined) await save(current);
        onStep?.(metrics);
        // lets signals through
        await breathe();
      },
    });
    interrupted = hasNext(config, state);
    if (written < state.outerStep) await save(state);
    const total = seconds();
    run.writeCard(cardOf(run, config, state, total));
    return { config, state, seconds: total, innerStepsPerSecond: state.innerSteps / total, interrupted };
  } finally {
    events.close();
  }
}

/**
 * Reads the checkpoint to go on from, if there is one, and marks it as the best if it is: a kill may have come between the
 * two. Throws E_CHECKPOINT, with the way back to an older one.
 */
function readState(run: RunDirectory, owner: CheckpointOwner): TrainerState | undefined {
  const latest = run.latest();
  if (latest === undefined) return undefined;
  try {
    const state = decodeCheckpoint(readFileSync(latest.path), latest.path, owner);
    if (state.best?.outerStep === state.outerStep) run.markBest(state.outerStep);
    return state;
  } catch (error) {
    if (!(error instanceof LowlandError) || error.code !== "E_CHECKPOINT") throw error;
    throw new LowlandError(
      "E_CHECKPOINT",
      `${error.message}, or write the name of an older checkpoint into ${run.path}/checkpoints/latest`,
      { cause: error },
    );
  }
}

/** What a run depends on besides its configuration: the kernels, and the data of its tasks, which have been read. */
function madeWith(
  config: MetaConfig,
  store: StoreOptions,
): Pick<RunMeta, "lowland" | "variant" | "data" | "modules"> {
  return {
    lowland: LOWLAND_VERSION,
    variant: kernels().variant,
    data: fingerprintsOf(config.tasks, store),
    modules: Object.fromEntries(modulesOf(config).map((path) => [path, moduleFingerprint(path)])),
  };
}

/** What decides whether a run can be resumed. */
type Resumable = Pick<MetaTraining, "config" | "outerOptimizer"> & {
  readonly source: Pick<MetaTraining["source"], "schedule">;
};

/** Opens a run to go on with it. */
function reopen(directory: string, parts: Resumable, store: StoreOptions): RunDirectory {
  const run = RunDirectory.open(directory);
  try {
    refuseChanges(run, parts, store);
  } catch (error) {
    run.close();
    throw error;
  }
  return run;
}

/**
 * Whether the run in a directory has come to its end, by its latest checkpoint.
 *
 * @throws {LowlandError} E_CONFIG if it was started with other settings, kernels or data than these
 */
export async function hasEnded(
  directory: string,
  config: MetaConfig,
  store: StoreOptions = {},
): Promise<boolean> {
  const owner = { ...(await buildParts(config)), config };
  const run = reopen(directory, { ...owner, source: owner }, store);
  try {
    const state = readState(run, owner);
    return state !== undefined && !hasNext(config, state);
  } finally {
    run.close();
  }
}

/** Throws E_CONFIG unless a run can be gone on with by this configuration on the kernels and data at hand. */
function refuseChanges(
  run: RunDirectory,
  { config, outerOptimizer, source }: Resumable,
  store: StoreOptions,
): void {
  const directory = run.path;
  const saved = resolveMetaConfig(run.config, `${directory}/config.resolved.json`);
  // a run may be made longer, unless its learning rate depends on its length
  const fixedLength =
    config.outerDecay !== 1 ||
    outerOptimizer.reads.horizon === true ||
    // its last meta-validation was one that a longer run would not have made
    (source.schedule.validated !== undefined && saved.outerSteps % saved.checkpointEvery !== 0);
  const changed = (Object.keys(config) as (keyof MetaConfig)[]).filter(
    (field) =>
      (field !== "outerSteps" || fixedLength) &&
      meaningOf(field, saved[field]) !== meaningOf(field, config[field]),
  );
  if (changed.length > 0) {
    throw new LowlandError(
      "E_CONFIG",
      `${directory} was started with other settings (${changed
        .map((field) => `${field} ${JSON.stringify(saved[field])}, now ${JSON.stringify(config[field])}`)
        .join("; ")}); leave them out to resume, or start a new run`,
    );
  }
  const { lowland, variant, data, modules = {} } = run.meta;
  const now = madeWith(config, store);
  if (lowland !== now.lowland) {
    throw new LowlandError(
      "E_CONFIG",
      `${directory} was started with Lowland ${lowland}, this is ${now.lowland}, which may give other bits; go on with that version, or start a new run from its weights with --init ${directory}`,
    );
  }
  if (variant !== now.variant) {
    throw new LowlandError(
      "E_CONFIG",
      `${directory} was started with the ${variant} kernels, this is ${now.variant}; set LOWLAND_KERNELS=${variant}`,
    );
  }
  const module = Object.keys({ ...modules, ...now.modules }).find(
    (path) => modules[path] !== now.modules?.[path],
  );
  if (module !== undefined) {
    throw new LowlandError(
      "E_CONFIG",
      `${directory} was started with another text of module ${module}; bring it back, or start a new run`,
    );
  }
  const other = changedIn(data, now.data);
  if (other !== undefined) {
    throw new LowlandError(
      "E_CONFIG",
      `${directory} was started on other bytes of ${other}; give the --data-dir it had, or start a new run`,
    );
  }
}

/** What a field's value means: `bptt` is `bptt:truncation=20`. */
function meaningOf(field: keyof MetaConfig, value: unknown): string {
  if (field === "estimator" || field === "learned") {
    const spec = parseSpec(value as string);
    if (spec.path === undefined) {
      const { settings } =
        field === "estimator"
          ? buildSpec(spec, "estimator", estimators)
          : buildSpec(spec, "learned optimizer", learnedOptimizers);
      return formatSpec({ name: spec.name, settings });
    }
  }
  return JSON.stringify(value) ?? "";
}

/** Throws E_RUN if a run without a checkpoint has gone far enough to have had one: starting again would lose it. */
function refuseLoss(run: RunDirectory, config: MetaConfig): void {
  const steps = readMetrics(`${run.path}/metrics.jsonl`).at(-1)?.outerStep ?? 0;
  if (steps <= config.checkpointEvery) return;
  throw new LowlandError(
    "E_RUN",
    `${run.path}/checkpoints/latest is missing, although the run came to outer step ${steps}; write the name of a checkpoint there into it, or start again with --force`,
  );
}

function scalarsOf({
  metaLoss,
  loss,
  metaGradientNorm,
  validation,
  regularization = {},
}: OuterStepRecord): Record<string, number> {
  return {
    ...Object.fromEntries(
      Object.entries(regularization).map(([name, value]) => [`regularization/${name}`, value]),
    ),
    "meta/loss": metaLoss,
    "meta/plain_loss": loss,
    "meta/gradient_norm": metaGradientNorm,
    ...(validation && { "validation/loss": validation.loss, "validation/mean_loss": validation.meanLoss }),
    ...(validation?.accuracy !== undefined && { "validation/accuracy": validation.accuracy }),
  };
}

function cardOf(run: RunDirectory, config: MetaConfig, state: TrainerState, seconds: number): string {
  const history =
    state.regularization === undefined ? {} : historyOf(readMetrics(`${run.path}/metrics.jsonl`));
  const changes = Object.entries(history).map(
    ([name, figure]) => [`${name} over outer steps`, figure] as const,
  );
  return formatCard({
    title: `Learned optimizer: ${config.learned}, regularizer ${[
      config.arms?.join(" or ") ?? config.regularizer,
      config.regularization === "fixed" ? [] : config.regularization,
    ]
      .flat()
      .join(", ")}`,
    description: `Meta-trained on ${config.tasks.join(", ")} for ${state.outerStep} outer steps. Use it with \`--optimizer learned:PATH\`, PATH being this directory.`,
    meta: run.meta,
    config,
    results: {
      "outer steps": state.outerStep,
      "best outer step": state.best?.outerStep ?? "none",
      "best meta-validation loss": state.best?.loss.toFixed(4) ?? "none",
      "windows thrown away": state.diverged,
      "optimizee gradients": state.gradientEvaluations,
      seconds: Math.round(seconds),
      ...Object.fromEntries(changes),
    },
  });
}
