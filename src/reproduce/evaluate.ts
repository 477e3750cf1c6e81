import type { EvaluatedMethod, Job } from "../evaluation/jobs.ts";
import { isPlain, isSameMethod } from "../evaluation/method-id.ts";
import type { TuningRecord } from "../evaluation/results.ts";
import { scoreOf } from "../evaluation/tuning.ts";
import type { Plan, PlannedSharpness } from "./plan.ts";

/** An optimizer to evaluate on one task. */
interface Entry extends EvaluatedMethod {
  /** Whether its sharpness is measured. */
  readonly measured: boolean;
}

/**
 * Every final run of an experiment: learned optimizers and baselines, as they were tuned for so many steps, on every task
 * for each number of steps from every seed. Runs of different lengths are runs of their own, so that an experiment can
 * grow by longer ones.
 */
export function evaluationJobs(
  plan: Plan,
  learned: readonly EvaluatedMethod[],
  tuning: readonly TuningRecord[],
): Job[] {
  const { tasks, seeds, sharpness } = plan;
  return tasks.flatMap((task) =>
    plan.steps.flatMap((steps) => {
      const entries: Entry[] = [
        ...learned.map((own) => ({ ...own, measured: true })),
        ...baselinesOn(plan, task, steps, tuning),
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
export function methodsOf(plan: Plan, learned: readonly EvaluatedMethod[]): EvaluatedMethod[] {
  return [
    ...learned,
    ...plan.baselines.flatMap(({ method, candidates }) => candidates.map((spec) => ({ method, spec }))),
  ];
}

function baselinesOn(
  { baselines, sharpness }: Plan,
  task: string,
  steps: number,
  tuning: readonly TuningRecord[],
): Entry[] {
  return baselines.map(({ method, candidates }) => {
    const record = tuning.find((found) => found.task === task && isSameMethod(found.method, method));
    const spec = record?.chosen.find((choice) => choice.steps === steps)?.spec ?? candidates[0];
    const measured = sharpness.baselines?.some((other) => isSameMethod(other, method)) ?? true;
    return { method, spec, measured };
  });
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
 * The training loss that points of one task are compared at along runs of so many steps: best + share · (initial − best).
 * Undefined where nothing was tuned or nothing trained.
 */
export function equalLossOf(
  share: number,
  task: string,
  steps: number,
  tuning: readonly TuningRecord[],
): number | undefined {
  const plain = tuning
    .filter((record) => record.task === task && isPlain(record.method))
    .flatMap(({ candidates }) => candidates);
  const best = Math.min(...plain.map((candidate) => scoreOf(candidate, steps)));
  const initial = Math.max(...plain.map((candidate) => scoreOf(candidate, 0)).filter(Number.isFinite));
  const loss = Number((best + share * (initial - best)).toPrecision(2));
  return loss > best && loss < initial ? loss : undefined;
}
