import type { EvaluatedMethod, Job } from "../evaluation/jobs.ts";
import { isHandDesigned, isPlain, isSameMethod } from "../evaluation/method-id.ts";
import type { TuningRecord } from "../evaluation/results.ts";
import { scoreOf } from "../evaluation/tuning.ts";
import type { Plan, PlannedOptimizer, PlannedSharpness } from "./plan.ts";

/** An optimizer to evaluate on one task. */
interface Entry extends EvaluatedMethod {
  /** Whether its sharpness is measured. */
  readonly measured: boolean;
}

/** Learned optimizers with what a plan puts around them, to be tuned as its baselines are. */
export function learnedOf(
  { around = [""] }: Pick<Plan, "around">,
  learned: readonly EvaluatedMethod[],
): PlannedOptimizer[] {
  return learned.map(({ method, spec }) => {
    const [first, ...others] = around.map((part) => (part === "" ? spec : `${spec}+${part}`));
    return { method, candidates: [first!, ...others] };
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
  return tasks.flatMap((task) =>
    plan.steps.flatMap((steps) => {
      const entry = (measured: boolean, optimizer: PlannedOptimizer): Entry => ({
        method: optimizer.method,
        spec: chosenOn(optimizer, task, steps, tuning),
        measured,
      });
      const entries = [
        ...learned.map((own) => entry(true, own)),
        ...baselines.map((own) => entry(isMeasured(own), own)),
      ];
      const measures = sharpnessOn(task, steps, sharpness, tuning);
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

/** The candidate that tuning chose for so many steps on one task; the first where nothing was tuned. */
function chosenOn(
  { method, candidates }: PlannedOptimizer,
  task: string,
  steps: number,
  tuning: readonly TuningRecord[],
): string {
  const record = tuning.find((found) => found.task === task && isSameMethod(found.method, method));
  return record?.chosen.find((choice) => choice.steps === steps)?.spec ?? candidates[0];
}

/** What is measured along runs of so many steps on one task, if anything. */
function sharpnessOn(
  task: string,
  steps: number,
  { steps: measured, except, baselines: _, equalLoss, ...common }: PlannedSharpness,
  tuning: readonly TuningRecord[],
): Job["sharpness"] {
  if (measured?.includes(steps) === false) return undefined;
  const { models = [], equalLossTrace, ...overrides } = except ?? {};
  const dear = models.some((model) => task.endsWith(`/${model}`));
  const loss = equalLoss && equalLossOf(equalLoss.share, task, steps, tuning);
  return {
    ...common,
    ...(dear && overrides),
    steps: [steps],
    ...(equalLoss !== undefined &&
      loss !== undefined && {
        atLoss: {
          losses: [loss],
          every: Math.max(1, Math.round(steps / equalLoss.looks)),
          ...(dear && equalLossTrace === false && { trace: false as const }),
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
  const best = Math.min(...plain.map((candidate) => scoreOf(candidate, steps)));
  const initial = Math.max(...plain.map((candidate) => scoreOf(candidate, 0)).filter(Number.isFinite));
  const loss = Number((best + share * (initial - best)).toPrecision(2));
  return loss > best && loss < initial ? loss : undefined;
}
