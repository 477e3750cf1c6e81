import type { Job, NamedMethod } from "../evaluation/jobs.ts";
import type { TuningRecord } from "../evaluation/results.ts";
import { scoreOf } from "../evaluation/tuning.ts";
import type { Plan, PlannedSharpness } from "./plan.ts";

/** An optimizer to evaluate on one task, and after which numbers of steps. */
interface Entry extends NamedMethod {
  readonly steps: readonly number[];
  readonly measured: boolean;
}

/**
 * Every final run of an experiment: learned optimizers and baselines on every task from every seed. A baseline whose
 * settings were chosen for each number of steps is run once for each choice.
 */
export function evaluationJobs(
  plan: Plan,
  learned: readonly NamedMethod[],
  tuning: readonly TuningRecord[],
): Job[] {
  const { tasks, steps, seeds, sharpness } = plan;
  return tasks.flatMap((task) => {
    const entries: Entry[] = [
      ...learned.map((method) => ({ ...method, steps, measured: true })),
      ...baselinesOn(plan, task, tuning),
    ];
    const below = equalLossOf(sharpness, task, steps, tuning);
    return entries.flatMap((entry) =>
      seeds.map((seed): Job => {
        const measures = entry.measured ? sharpnessOn(task, entry.steps, sharpness) : undefined;
        const whole = entry.steps.includes(Math.max(...steps));
        return {
          task,
          spec: entry.spec,
          steps: entry.steps,
          seed,
          ...(measures && {
            sharpness: {
              ...measures,
              ...(whole && below !== undefined && { atLoss: { losses: [below.loss], every: below.every } }),
            },
          }),
        };
      }),
    );
  });
}

/** Display names of all specs that may be run. */
export function namesOf(plan: Plan, learned: readonly NamedMethod[]): NamedMethod[] {
  return [
    ...learned,
    ...plan.baselines.flatMap(({ name, candidates }) => candidates.map((spec) => ({ name, spec }))),
  ];
}

function baselinesOn(plan: Plan, task: string, tuning: readonly TuningRecord[]): Entry[] {
  const { baselines, steps, sharpness } = plan;
  return baselines.flatMap(({ name, candidates }) => {
    const record = tuning.find((found) => found.task === task && found.optimizer === name);
    const bySpec = new Map<string, number[]>();
    for (const count of steps) {
      const spec = record?.chosen.find((choice) => choice.steps === count)?.spec ?? candidates[0];
      bySpec.set(spec, [...(bySpec.get(spec) ?? []), count]);
    }
    const measured = sharpness.baselines?.includes(name) ?? true;
    return [...bySpec].map(([spec, chosenFor]) => ({ name, spec, steps: chosenFor, measured }));
  });
}

/** What is measured on one task, without equal loss; nothing where none of the steps is one to measure at. */
function sharpnessOn(
  task: string,
  steps: readonly number[],
  { except, baselines: _, equalLoss: __, ...common }: PlannedSharpness,
): Job["sharpness"] {
  const own = common.steps.filter((count) => steps.includes(count));
  if (own.length === 0) return undefined;
  const { models = [], ...overrides } = except ?? {};
  const dear = models.some((model) => task.endsWith(`/${model}`));
  return { ...common, ...(dear && overrides), steps: own };
}

/** The training loss that points of one task are compared at; undefined where that was not asked for or nothing trained. */
export function equalLossOf(
  { equalLoss }: PlannedSharpness,
  task: string,
  steps: readonly number[],
  tuning: readonly TuningRecord[],
): { loss: number; every: number } | undefined {
  if (equalLoss === undefined) return undefined;
  const last = Math.max(...steps);
  const plain = tuning
    .filter((record) => record.task === task)
    .flatMap(({ candidates }) => candidates)
    .filter(({ spec }) => !spec.includes("+"));
  const best = Math.min(...plain.map((candidate) => scoreOf(candidate, last)));
  const initial = Math.max(...plain.map((candidate) => scoreOf(candidate, 0)).filter(Number.isFinite));
  const loss = Number((best + equalLoss.share * (initial - best)).toPrecision(2));
  return loss > best && loss < initial ? { loss, every: equalLoss.every } : undefined;
}
