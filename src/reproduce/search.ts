import { join } from "node:path";
import { LowlandError } from "../errors.ts";
import type { SearchCandidate, SearchRecord } from "../evaluation/results.ts";
import { type MetaConfig, resolveMetaConfig } from "../meta/config.ts";
import { slug } from "../report/labels.ts";
import { latestCheckpoint } from "../runs/checkpoints.ts";
import { parseSpec } from "../spec.ts";
import { configOf, recordOf } from "./meta-record.ts";
import { type MetaTrainOptions, metaTrainIn } from "./meta-train.ts";
import type { PlannedMetaRun, PlannedSearch } from "./plan.ts";

/**
 * Meta-trains every candidate for a short while, each in a run directory of its own under `search/`. One that diverges has
 * no loss and is not chosen unless all did.
 */
export async function searchRegularizers(
  directory: string,
  searches: readonly PlannedSearch[],
  options: MetaTrainOptions,
): Promise<SearchRecord[]> {
  const paths: string[] = [];
  const diverged = new Set<string>();
  for (const { candidates, config } of searches) {
    for (const regularizer of candidates) {
      const path = join(directory, "search", slug(`${regularizer} on ${(config.tasks ?? []).join(", ")}`));
      try {
        await metaTrainIn(path, resolveMetaConfig({ ...config, regularizer }), regularizer, options);
      } catch (error) {
        if (!(error instanceof LowlandError) || error.code !== "E_DIVERGED") throw error;
        diverged.add(path);
      }
      paths.push(path);
    }
  }
  return searchRecords(paths, diverged);
}

/** What the runs of a search found: grouped by regularizer and task, the lowest meta-validation loss chosen. */
export function searchRecords(
  paths: readonly string[],
  diverged: ReadonlySet<string> = new Set(),
): SearchRecord[] {
  const groups = new Map<
    string,
    Omit<SearchRecord, "chosen" | "candidates"> & { found: SearchCandidate[] }
  >();
  for (const path of paths) {
    const config = configOf(path);
    const { name: regularizer } = parseSpec(config.regularizer);
    const source = config.tasks;
    const id = JSON.stringify([regularizer, source]);
    const group = groups.get(id) ?? { regularizer, source, found: [] };
    groups.set(id, group);
    group.found.push(diverged.has(path) ? divergedIn(path, config) : candidateOf(path, config));
  }
  return [...groups.values()].map(({ found, ...group }) => ({
    ...group,
    candidates: found,
    chosen: found.reduce((best, other) =>
      (other.loss ?? Number.POSITIVE_INFINITY) < (best.loss ?? Number.POSITIVE_INFINITY) ? other : best,
    ).spec,
  }));
}

function candidateOf(path: string, config: MetaConfig): SearchCandidate {
  const { regularizer: spec } = config;
  const { outerSteps, metaValidationCurve, bestOuterStep, gradientEvaluations } = recordOf(path, config);
  const best = metaValidationCurve.find(({ outerStep }) => outerStep === bestOuterStep);
  return {
    spec,
    outerSteps,
    loss: best?.loss ?? null,
    ...(best?.metrics && { metrics: best.metrics }),
    bestOuterStep,
    gradientEvaluations,
  };
}

/** A candidate that diverged, as far as its last checkpoint. */
function divergedIn(path: string, config: MetaConfig): SearchCandidate {
  const begun = latestCheckpoint(path) && candidateOf(path, config);
  const { outerSteps = 0, bestOuterStep = 0, gradientEvaluations = 0 } = begun ?? {};
  return { spec: config.regularizer, outerSteps, loss: null, bestOuterStep, gradientEvaluations };
}

/** The planned runs with the settings a search chose for their regularizers. */
export function withChosen(
  runs: readonly PlannedMetaRun[],
  searches: readonly SearchRecord[],
): PlannedMetaRun[] {
  return runs.map((run) => {
    const { name } = parseSpec(run.config.regularizer ?? "none");
    const search = searches.find(({ regularizer }) => regularizer === name);
    return search === undefined ? run : { ...run, config: { ...run.config, regularizer: search.chosen } };
  });
}
