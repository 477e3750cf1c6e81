import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LowlandError } from "../errors.ts";
import { mean } from "../evaluation/group.ts";
import { methodOf } from "../evaluation/method-id.ts";
import type { MetaTrainingRecord } from "../evaluation/results.ts";
import { type MetaConfig, resolveMetaConfig } from "../meta/config.ts";
import { windowOf } from "../meta/estimators/registry.ts";
import { progressOf } from "../meta/progress.ts";
import { latestCheckpoint } from "../runs/checkpoints.ts";
import { readMetrics } from "../runs/metrics.ts";
import { isRunDirectory, readRun } from "../runs/run.ts";

/** Points a meta-loss curve keeps, at most. */
const CURVE_POINTS = 200;

/** The configuration of a run directory. Throws E_RUN if there is none. */
export function configOf(path: string): MetaConfig {
  if (!isRunDirectory(path)) {
    throw new LowlandError(
      "E_RUN",
      `${path} is not the directory of a meta-training run; give one that lowland meta-train wrote`,
    );
  }
  return resolveMetaConfig(readRun(path).config, join(path, "config.resolved.json"));
}

interface Metric {
  readonly outerStep: number;
  readonly metaLoss: number | null;
  readonly seconds: number;
  readonly validation?: { readonly loss: number | null; readonly accuracy?: number };
}

/** What a report says of a meta-training run, from its files. Throws E_RUN if it has no checkpoint yet. */
export function recordOf(path: string, config: MetaConfig): MetaTrainingRecord {
  const latest = latestCheckpoint(path);
  if (latest === undefined) {
    throw new LowlandError(
      "E_RUN",
      `${path} has no checkpoint yet; let it come to its first, or leave it out`,
    );
  }
  const {
    outerStep: reached,
    innerSteps,
    gradientEvaluations,
    bestOuterStep,
  } = progressOf(readFileSync(latest.path), latest.path);
  const metrics = readMetrics(join(path, "metrics.jsonl")) as unknown as readonly Metric[];
  // means over stretches, so that the phases of a run (its first windows, its last ones) do not alternate
  const stretch = Math.max(windowsOf(config), Math.ceil(metrics.length / CURVE_POINTS));
  const metaLossCurve: { outerStep: number; metaLoss: number | null }[] = [];
  for (let i = 0; i < metrics.length; i += stretch) {
    const part = metrics.slice(i, i + stretch);
    const losses = part.flatMap(({ metaLoss }) => (metaLoss === null ? [] : [metaLoss]));
    metaLossCurve.push({
      outerStep: part.at(-1)!.outerStep,
      metaLoss: losses.length === 0 ? null : mean(losses),
    });
  }
  const seconds = metrics.at(-1)?.seconds ?? 0;
  return {
    method: methodOf(config),
    regularizer: config.regularizer,
    outerSteps: reached,
    settings: { ...config, tasks: [...config.tasks] },
    metaLossCurve,
    metaValidationCurve: metrics.flatMap(({ outerStep, validation }) =>
      validation === undefined
        ? []
        : [
            {
              outerStep,
              loss: validation.loss,
              ...(validation.accuracy !== undefined && { metrics: { accuracy: validation.accuracy } }),
            },
          ],
    ),
    bestOuterStep,
    seconds,
    innerStepsPerSecond: seconds === 0 ? 0 : innerSteps / seconds,
    gradientEvaluations,
  };
}

/** Windows of a training of constant length: how often the phases of a run come round. */
function windowsOf({ schedule, estimator }: MetaConfig): number {
  const horizon = Number(/^constant:(\d+)$/.exec(schedule)?.[1] ?? 1);
  return Math.max(1, Math.round(horizon / (windowOf(estimator) ?? horizon)));
}
