import { candidatesOf } from "../evaluation/candidates.ts";
import { unique } from "../evaluation/group.ts";
import type { EvaluatedMethod, Job } from "../evaluation/jobs.ts";
import { isHandDesigned, isPlain, isSameMethod } from "../evaluation/method-id.ts";
import type { TuningRecord } from "../evaluation/results.ts";
import { nearestSteps, scoreOf } from "../evaluation/tuning.ts";
import { modelNameOf } from "../tasks/names.ts";
import type { Learned } from "./adopt.ts";
import type { Plan, PlannedOptimizer, PlannedSharpness } from "./plan.ts";

/** An optimizer to evaluate on one task. */
interface Entry extends EvaluatedMethod {
  /** Whether its sharpness is measured. */
  readonly measured: boolean;
}

/** Learned optimizers with the learning rates that a plan gives them to choose from, to be tuned as its baselines are. */
export function learnedOf(
  { learnedRates }: Pick<Plan, "learnedRates">,
  learned: readonly Pick<Learned, "method" | "spec" | "lr">[],
): PlannedOptimizer[] {
  return learned.map(({ method, spec, lr }) => {
    if (learnedRates === undefined || lr === undefined) return { method, candidates: [spec] };
    const { rates, schedules, count, tunedFor } = learnedRates;
    const factors = { rates: [rates[0] / lr, rates[1] / lr], ...(schedules && { schedules }) } as const;
    const candidates = candidatesOf({ optimizer: `${spec}+scale`, setting: "by", ...factors }, count);
    return { method, candidates, ...(tunedFor && { tunedFor }) };
  });
}

/**
 * Every final run of an experiment: learned optimizers and baselines, as they were tuned for so many steps, on every task
 * for each number of steps from every seed. Runs of different lengths are runs of their own, so that an experiment can
 * grow by longer ones.
 */
export function evaluationJobs(
  plan: Plan,
  learned: readonly PlannedOptimizer[],
  tuning: readonly TuningRecord[],
): Job[] {
  const { tasks, seeds, sharpness, baselines } = plan;
  const isMeasured = ({ method }: PlannedOptimizer) =>
    sharpness.baselines?.some((other) => isSameMethod(other, method)) ?? true;
  const optimizers = [...learned, ...baselines];
  const lengths = unique(optimizers.flatMap((own) => own.steps ?? plan.steps)).sort((a, b) => a - b);
  return tasks.flatMap((task) =>
    lengths.flatMap((steps) => {
      const entry = (measured: boolean, optimizer: PlannedOptimizer): Entry => ({
        method: optimizer.method,
        spec: chosenOn(optimizer, task, steps, tuning),
        measured,
      });
      const entries = optimizers
        .filter((own) => (own.steps ?? plan.steps).includes(steps))
        .map((own) => entry(learned.includes(own) || isMeasured(own), own));
      const measures = sharpnessOn(task, steps, plan, tuning);
      return entries.flatMap(({ spec, measured }) =>
        seeds.map(
          (seed): Job => ({
            task,
            spec,
            steps: [steps],
            seed,
            ...(measured && measures && { sharpness: measures }),
          }),
        ),
      );
    }),
  );
}

/** All specs that may be run, and the methods they are of. */
export function methodsOf(plan: Plan, learned: readonly PlannedOptimizer[]): EvaluatedMethod[] {
  return [...learned, ...plan.baselines].flatMap(({ method, candidates }) =>
    candidates.map((spec) => ({ method, spec })),
  );
}

/** The candidate that tuning chose on one task for the number of steps nearest to so many; the first where nothing was tuned. */
function chosenOn(
  { method, candidates }: PlannedOptimizer,
  task: string,
  steps: number,
  tuning: readonly TuningRecord[],
): string {
  const record = tuning.find((found) => found.task === task && isSameMethod(found.method, method));
  const chosen = record?.chosen ?? [];
  const nearest = nearestSteps(
    steps,
    chosen.map((choice) => choice.steps),
  );
  return chosen.find((choice) => choice.steps === nearest)?.spec ?? candidates[0];
}

/** What is measured along runs of so many steps on one task, if anything. */
function sharpnessOn(
  task: string,
  steps: number,
  { sharpness, steps: lengths }: Pick<Plan, "sharpness" | "steps">,
  tuning: readonly TuningRecord[],
): Job["sharpness"] {
  const { steps: measured, except, baselines: _, equalLoss, ...common }: PlannedSharpness = sharpness;
  if (measured?.includes(steps) === false) return undefined;
  const { models = [], equalLossTrace, ...overrides } = except ?? {};
  const dear = models.some((model) => modelNameOf(task) === model);
  const losses = lengths.includes(steps)
    ? (equalLoss?.shares ?? []).flatMap((share) => equalLossOf(share, task, steps, tuning) ?? [])
    : [];
  return {
    ...common,
    ...(dear && overrides),
    steps: [steps],
    ...(equalLoss !== undefined &&
      losses.length > 0 && {
        atLoss: {
          losses: unique(losses),
          every: Math.max(1, Math.round(steps / equalLoss.looks)),
          ...(dear && equalLossTrace === false && { trace: false as const }),
          ...(equalLoss.radii && { radii: equalLoss.radii }),
        },
      }),
  };
}

/**
 * The training loss that points of one task are compared at along runs of so many steps: best + share · (initial − best),
 * best being that of a hand-designed optimizer.
 * Undefined where nothing was tuned or nothing trained.
 */
export function equalLossOf(
  share: number,
  task: string,
  steps: number,
  tuning: readonly TuningRecord[],
): number | undefined {
  const plain = tuning
    .filter((record) => record.task === task && isHandDesigned(record.method) && isPlain(record.method))
    .flatMap(({ candidates }) => candidates);
  const tuned = unique(plain.flatMap(({ scores }) => scores.map((score) => score.steps))).filter(Boolean);
  const nearest = nearestSteps(steps, tuned) ?? steps;
  const best = Math.min(...plain.map((candidate) => scoreOf(candidate, nearest)));
  const initial = Math.max(...plain.map((candidate) => scoreOf(candidate, 0)).filter(Number.isFinite));
  const loss = Number((best + share * (initial - best)).toPrecision(2));
  return loss > best && loss < initial ? loss : undefined;
}
