import { join } from "node:path";
import type { Cluster } from "../cluster/cluster.ts";
import type { StoreOptions } from "../data/datasets.ts";
import { methodOf } from "../evaluation/method-id.ts";
import { type MetaConfig, resolveMetaConfig } from "../meta/config.ts";
import { hasEnded, runMetaTraining } from "../meta/run.ts";
import { fullName } from "../report/labels.ts";
import { holdsRun } from "../runs/run.ts";
import { type Learned, takeRun } from "./adopt.ts";
import type { PlannedMetaRun } from "./plan.ts";
import type { StageProgress } from "./progress.ts";

/** What every stage that meta-trains needs. */
export interface MetaTrainOptions extends Omit<StoreOptions, "onProgress"> {
  readonly threads: number;
  readonly command: readonly string[];
  readonly onProgress?: (progress: StageProgress) => void;
  readonly signal?: AbortSignal;
  /** Workers elsewhere that do the work. */
  readonly cluster?: Pick<Cluster, "executor" | "pool">;
}

/** Meta-trains one run in its directory, or goes on with what is there; a finished one is only read. */
export async function metaTrainIn(
  path: string,
  config: MetaConfig,
  name: string,
  { threads, command, onProgress, signal, cluster, ...store }: MetaTrainOptions,
): Promise<void> {
  const started = holdsRun(path);
  if (started && (await hasEnded(path, config, store))) return;
  await runMetaTraining(path, config, {
    ...store,
    threads,
    command,
    resume: started,
    ...(signal && { signal }),
    ...(cluster && { open: cluster.executor }),
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
    learned.push(takeRun(directory, path));
  }
  return learned;
}
