import { existsSync } from "node:fs";
import { join } from "node:path";
import type { StoreOptions } from "../data/datasets.ts";
import { LowlandError } from "../errors.ts";
import { groupOf, methodKey, methodOf } from "../evaluation/method-id.ts";
import type { MetaTrainingRecord } from "../evaluation/results.ts";
import { architectureSpec, encodeWeights } from "../learned/weights.ts";
import { type MetaConfig, resolveMetaConfig } from "../meta/config.ts";
import { hasEnded, runMetaTraining } from "../meta/run.ts";
import { readWeights } from "../meta/weights.ts";
import { fullName, slug } from "../report/labels.ts";
import { makeDirectory, writeFileAtomic } from "../runs/files.ts";
import { holdsRun } from "../runs/run.ts";
import { configOf, recordOf } from "./meta-record.ts";
import type { PlannedMetaRun } from "./plan.ts";
import type { StageProgress } from "./progress.ts";

/** What every stage that meta-trains needs. */
export interface MetaTrainOptions extends Omit<StoreOptions, "onProgress"> {
  readonly threads: number;
  readonly command: readonly string[];
  readonly onProgress?: (progress: StageProgress) => void;
  readonly signal?: AbortSignal;
}

/** A learned optimizer of an experiment. */
export interface Learned {
  readonly method: MetaTrainingRecord["method"];
  /** `learned:FILE`, the copy of its best weights in the experiment's directory. */
  readonly spec: string;
  readonly record: MetaTrainingRecord;
}

/** Meta-trains one run in its directory, or goes on with what is there; a finished one is only read. */
export async function metaTrainIn(
  path: string,
  config: MetaConfig,
  name: string,
  { threads, command, onProgress, signal, ...store }: MetaTrainOptions,
): Promise<void> {
  const started = holdsRun(path);
  if (started && (await hasEnded(path, config, store))) return;
  await runMetaTraining(path, config, {
    ...store,
    threads,
    command,
    resume: started,
    ...(signal && { signal }),
    onStep: ({ outerStep, metaLoss }) =>
      onProgress?.({
        stage: `meta-train ${name}`,
        unit: "outer steps",
        done: outerStep,
        total: config.outerSteps,
        note: `meta-loss ${metaLoss.toFixed(4)}`,
      }),
  });
  signal?.throwIfAborted();
}

/** Meta-trains every planned run in turn. */
export async function metaTrainAll(
  directory: string,
  runs: readonly PlannedMetaRun[],
  options: MetaTrainOptions,
): Promise<Learned[]> {
  const learned: Learned[] = [];
  for (const { folder, config } of runs) {
    const path = join(directory, folder);
    const resolved = resolveMetaConfig(config);
    await metaTrainIn(path, resolved, fullName(methodOf(resolved)), options);
    learned.push(take(directory, path));
  }
  return learned;
}

/**
 * Adopts runs that were meta-trained elsewhere: copies their best weights.
 *
 * @throws {LowlandError} E_RUN if one is no run directory; E_CONFIG if two are repetitions with the same seed
 */
export function adopt(directory: string, paths: readonly string[]): Learned[] {
  const taken = new Map<string, string>();
  for (const path of paths) {
    const method = methodOf(configOf(path));
    const other = taken.get(methodKey(method));
    if (other !== undefined) {
      const what = `${fullName(groupOf(method))}, seed ${method.metaSeed}`;
      throw new LowlandError("E_CONFIG", `${other} and ${path} are both ${what}; leave one of them out`);
    }
    taken.set(methodKey(method), path);
  }
  return paths.map((path) => take(directory, path));
}

/** Copies the best weights of a run to `optimizers/` and records how they came about. */
function take(directory: string, path: string): Learned {
  const config = configOf(path);
  const method = methodOf(config);
  const { learned, metaParams } = readWeights(path);
  const file = join(directory, "optimizers", `${slug(fullName(method))}.safetensors`);
  if (existsSync(file)) {
    const kept = readWeights(file).metaParams;
    if (kept.length !== metaParams.length || kept.some((weight, i) => weight !== metaParams[i])) {
      throw new LowlandError(
        "E_RUN",
        `${path} has other weights than when this experiment began (${file}); start anew with --force, or in another --out`,
      );
    }
  } else {
    makeDirectory(join(directory, "optimizers"));
    writeFileAtomic(
      file,
      encodeWeights(architectureSpec(config.learned, learned), learned.layout, metaParams, {
        config: JSON.stringify(config),
      }),
    );
  }
  return {
    method,
    spec: `learned:${file}`,
    record: recordOf(path, config),
  };
}
