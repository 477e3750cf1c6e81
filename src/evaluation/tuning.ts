import { groupBy, mean, unique } from "./group.ts";
import type { Job, JobResult } from "./jobs.ts";
import type { MethodId, TuningCandidate, TuningRecord } from "./results.ts";

/** An optimizer whose settings are to be chosen. */
export interface Tunable {
  readonly method: MethodId;
  /** Spec strings to choose from. */
  readonly candidates: readonly string[];
  /** Numbers of steps a choice is made for, where they are others than the grid's. */
  readonly tunedFor?: readonly number[];
}

/** Which runs choose settings: every candidate of every optimizer on every task, with the same seeds and steps. */
export interface TuningGrid {
  readonly tasks: readonly string[];
  readonly optimizers: readonly Tunable[];
  /** Numbers of steps a choice is made for, each on its own. */
  readonly steps: readonly number[];
  /** Other seeds than those of the final runs. */
  readonly seeds: readonly number[];
}

/**
 * The jobs of a grid, each number of steps on its own, so that a grid can grow by longer runs. They read training data and
 * meta-validation, never test data.
 */
export function tuningJobs({ tasks, optimizers, steps, seeds }: TuningGrid): Job[] {
  const lengths = unique(optimizers.flatMap(({ tunedFor = steps }) => tunedFor)).sort((a, b) => a - b);
  return tasks.flatMap((task) =>
    lengths.flatMap((count) =>
      optimizers
        .filter(({ tunedFor = steps }) => tunedFor.includes(count))
        .flatMap(({ candidates }) =>
          candidates.flatMap((spec) =>
            seeds.map((seed): Job => ({ task, spec, steps: [0, count], seed, select: true })),
          ),
        ),
    ),
  );
}

/**
 * What the jobs of a grid found: every candidate with its scores, and for each number of steps the candidate with the
 * lowest mean meta-validation loss, the first of equals. A candidate that diverged on any seed is never chosen unless
 * all did.
 */
export function tuningRecords(results: readonly JobResult[], grid: TuningGrid): TuningRecord[] {
  const found = groupBy(results, ({ job }) => JSON.stringify([job.task, job.spec]));
  return grid.tasks.flatMap((task) =>
    grid.optimizers.map(({ method, candidates, tunedFor = grid.steps }): TuningRecord => {
      const scored = candidates.map((spec) =>
        candidateOf(spec, found.get(JSON.stringify([task, spec])) ?? [], [0, ...tunedFor]),
      );
      const chosen = tunedFor.map((steps) => ({ steps, spec: bestOf(scored, steps).spec }));
      return { task, method, seeds: grid.seeds, candidates: scored, chosen };
    }),
  );
}

function candidateOf(spec: string, runs: readonly JobResult[], steps: readonly number[]): TuningCandidate {
  return {
    spec,
    scores: steps.map((step) => {
      const read = runs
        .filter(({ job }) => job.steps.includes(step))
        .map(({ training }) => training.selections?.find((at) => at.step === step));
      const over = (values: readonly (number | undefined)[]) =>
        values.length > 0 && values.every((value) => value !== undefined && Number.isFinite(value))
          ? mean(values as number[])
          : null;
      const names = Object.keys(read.find((at) => at !== undefined)?.metrics ?? {});
      return {
        steps: step,
        loss: over(read.map((at) => at?.loss)),
        ...(names.length > 0 && {
          metrics: Object.fromEntries(names.map((name) => [name, over(read.map((at) => at?.metrics[name]))])),
        }),
      };
    }),
    gradientEvaluations: runs.reduce((sum, { training }) => sum + training.gradientEvaluations, 0),
  };
}

/** Of some numbers of steps that which is nearest by its factor; the shorter of two. */
export function nearestSteps(steps: number, among: readonly number[]): number | undefined {
  const away = (other: number) => Math.abs(Math.log(other / steps));
  return [...among].sort((a, b) => away(a) - away(b) || a - b)[0];
}

/** The loss of a candidate after so many steps; infinite where it diverged. */
export function scoreOf({ scores }: TuningCandidate, steps: number): number {
  return scores.find((score) => score.steps === steps)?.loss ?? Number.POSITIVE_INFINITY;
}

function bestOf(candidates: readonly TuningCandidate[], steps: number): TuningCandidate {
  return candidates.reduce((best, other) => (scoreOf(other, steps) < scoreOf(best, steps) ? other : best));
}
