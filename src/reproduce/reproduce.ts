import { join } from "node:path";
import type { StoreOptions } from "../data/datasets.ts";
import { compareOptimizers } from "../evaluation/comparisons.ts";
import { runGrid } from "../evaluation/grid.ts";
import { gridJobs, recordsOf } from "../evaluation/jobs.ts";
import type { MetaTrainingRecord, Results } from "../evaluation/results.ts";
import { openResults } from "../evaluation/results-directory.ts";
import { resolveMetaConfig } from "../meta/config.ts";
import { type MetaRunResult, runMetaTraining } from "../meta/run.ts";
import { readMetrics } from "../runs/metrics.ts";
import { isRunDirectory } from "../runs/run-directory.ts";
import type { Plan, PlannedMetaRun } from "./plan.ts";

/** Points a meta-loss curve keeps, at most. */
const CURVE_POINTS = 200;

/** Where an experiment stands. */
export interface ReproduceProgress {
  /** `meta-train LSTM + SAM`, `evaluate`. */
  readonly stage: string;
  readonly unit: string;
  readonly done: number;
  readonly total: number;
  readonly note: string;
}

/** How an experiment is run. */
export interface ReproduceOptions extends Omit<StoreOptions, "onProgress"> {
  readonly threads: number;
  readonly force?: boolean;
  readonly command: readonly string[];
  readonly provenance: Pick<Results, "command" | "version" | "kernelVariant" | "node" | "platform">;
  readonly onProgress?: (progress: ReproduceProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Runs an experiment in a directory: meta-training, then all evaluations, then `results.json` and `report.html`.
 * Interrupted at any stage it goes on from there when run again.
 *
 * @throws {LowlandError} what its stages throw; E_RUN if the directory holds results already
 */
export async function reproduce(directory: string, plan: Plan, options: ReproduceOptions): Promise<Results> {
  const { threads, force = false, command, provenance, onProgress, signal, ...store } = options;
  const started = performance.now();
  const output = openResults(directory, plan, { force });
  const metaTraining: MetaTrainingRecord[] = [];
  for (const planned of plan.metaRuns) {
    const path = join(directory, planned.folder);
    const config = resolveMetaConfig(planned.config);
    const result = await runMetaTraining(path, config, {
      ...store,
      threads,
      command,
      resume: !force && isRunDirectory(path),
      force,
      ...(signal && { signal }),
      onStep: ({ outerStep, metaLoss }) =>
        onProgress?.({
          stage: `meta-train ${planned.name}`,
          unit: "outer steps",
          done: outerStep,
          total: config.outerSteps,
          note: `meta-loss ${metaLoss.toFixed(4)}`,
        }),
    });
    signal?.throwIfAborted();
    metaTraining.push(recordOf(planned, path, result));
  }

  const methods = [
    ...plan.metaRuns.map(({ name, folder }) => ({ name, spec: `learned:${join(directory, folder)}` })),
    ...plan.baselines,
  ];
  const { tasks, steps, seeds, sharpness } = plan;
  const jobs = gridJobs({ tasks, methods, steps, seeds, sharpness });
  const done = await runGrid(jobs, {
    ...store,
    threads,
    journal: output.journal,
    ...(signal && { signal }),
    onDone: (count, note) =>
      onProgress?.({ stage: "evaluate", unit: "runs", done: Math.floor(count), total: jobs.length, note }),
  });
  const records = recordsOf(done, methods);
  const results: Results = {
    schemaVersion: 1,
    kind: plan.kind,
    title: plan.title,
    ...provenance,
    seed: 0,
    durationSeconds: (performance.now() - started) / 1000,
    settings: { tasks, steps, seeds, threads, sharpness: { ...sharpness } },
    metaTraining,
    ...records,
    comparisons: compareOptimizers(records, plan.comparisons),
  };
  await output.write(results);
  return results;
}

/** What a report says of a meta-training run, from its metrics. */
function recordOf(planned: PlannedMetaRun, path: string, result: MetaRunResult): MetaTrainingRecord {
  const { config, state, seconds, innerStepsPerSecond } = result;
  const metrics = readMetrics(join(path, "metrics.jsonl")) as unknown as readonly {
    outerStep: number;
    metaLoss: number | null;
    validation?: { loss: number | null; accuracy?: number };
  }[];
  // means over stretches, so that the phases of a run (its first windows, its last ones) do not alternate
  const stretch = Math.max(config.horizon / config.truncation, Math.ceil(metrics.length / CURVE_POINTS));
  const metaLossCurve: { outerStep: number; metaLoss: number | null }[] = [];
  for (let i = 0; i < metrics.length; i += stretch) {
    const part = metrics.slice(i, i + stretch);
    const losses = part.flatMap(({ metaLoss }) => (metaLoss === null ? [] : [metaLoss]));
    metaLossCurve.push({
      outerStep: part.at(-1)!.outerStep,
      metaLoss: losses.length === 0 ? null : losses.reduce((a, b) => a + b, 0) / losses.length,
    });
  }
  return {
    name: planned.name,
    regularizer: config.regularizer,
    task: config.tasks.join(", "),
    outerSteps: state.outerStep,
    settings: { ...config, tasks: [...config.tasks] },
    metaLossCurve,
    metaValidationCurve: metrics.flatMap(({ outerStep, validation }) =>
      validation === undefined
        ? []
        : [
            {
              outerStep,
              loss: validation.loss,
              ...(validation.accuracy !== undefined && { accuracy: validation.accuracy }),
            },
          ],
    ),
    bestOuterStep: state.best?.outerStep ?? state.outerStep,
    seconds,
    innerStepsPerSecond,
    gradientEvaluations: state.gradientEvaluations,
  };
}
