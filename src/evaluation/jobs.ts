import type { StoreOptions } from "../data/datasets.ts";
import { LowlandError } from "../errors.ts";
import type { Vector } from "../kernels/types.ts";
import { foldIn, key } from "../random/key.ts";
import { measurePoint, type PointMeasures, type PointSharpness } from "../sharpness/point.ts";
import { loadTask } from "../tasks/load.ts";
import type { Objective, Task } from "../tasks/types.ts";
import { loadMethod, type Method } from "./optimizers.ts";
import type { MethodId, MetricRecord } from "./results.ts";
import { type TrainingRun, trainRun } from "./train.ts";

/** Seed of the examples that sharpness is measured on, the same in every run. */
export const SHARPNESS_EXAMPLES_SEED = 20251008;

/** One inner training and, if asked for, the sharpness at the points it reaches: plain data, any thread can do it. */
export interface Job {
  readonly task: string;
  /** Method: an optimizer's spec string, with or without an explicit regularizer (`adam+sam:rho=0.05`). */
  readonly spec: string;
  /** Numbers of steps after which the run is evaluated, the largest being its length. */
  readonly steps: readonly number[];
  readonly seed: number;
  /** Read only meta-validation, to choose a setting; test data are never touched. */
  readonly select?: boolean;
  readonly sharpness?: PointMeasures & {
    /** Training examples it is measured on. */
    readonly examples: number;
    /** After which of `steps`. */
    readonly steps: readonly number[];
    /**
     * Also where the loss on those examples is first below each of these values, looked at every `every` steps: one
     * loss on the examples a look. With `trace: false` the trace is left out there; `radii` are those there, if others.
     */
    readonly atLoss?: {
      readonly losses: readonly number[];
      readonly every: number;
      readonly trace?: false;
      readonly radii?: readonly number[];
    };
  };
}

/** What a job gives. */
export interface JobResult {
  readonly job: Job;
  readonly group: Method["group"];
  /** What the task says of its metrics. */
  readonly metrics: readonly MetricRecord[];
  readonly training: TrainingRun;
  /** Seconds that all of it took, measures included. */
  readonly seconds: number;
  readonly sharpness: readonly ({ readonly step: number } & PointSharpness)[];
  /** One for each value of `atLoss` that was reached. */
  readonly atLoss?: readonly ({ readonly below: number; readonly step: number } & PointSharpness)[];
}

/** Does jobs in this thread; tasks stay open from job to job. */
export interface JobRunner {
  run(
    job: Job,
    options?: { onProgress?: (fraction: number, note: string) => void; signal?: AbortSignal },
  ): Promise<JobResult>;
  /** Closes the tasks. */
  close(): Promise<void>;
}

/** Opens a runner; see `JobRunner`. */
export function openJobRunner(options: StoreOptions = {}): JobRunner {
  const tasks = new Map<string, Promise<Task>>();
  const methods = new Map<string, Promise<Method>>();
  const once = <T>(map: Map<string, Promise<T>>, id: string, open: () => Promise<T>): Promise<T> => {
    const opened = map.get(id) ?? open();
    map.set(id, opened);
    return opened;
  };
  return {
    async run(job, { onProgress, signal } = {}) {
      const started = performance.now();
      const task = await once(tasks, job.task, () => loadTask(job.task, options));
      const method = await once(methods, job.spec, () => loadMethod(job.spec));
      const sharpness: ({ readonly step: number } & PointSharpness)[] = [];
      const atLoss: ({ readonly below: number; readonly step: number } & PointSharpness)[] = [];
      const total = Math.max(...job.steps);
      const examples = (count: number): Objective =>
        task.fixedObjective({ split: "train", count, key: key(SHARPNESS_EXAMPLES_SEED) });
      const measureAt = (params: Vector, step: number, measures: NonNullable<Job["sharpness"]>) =>
        measurePoint(examples(measures.examples), params, {
          ...measures,
          key: foldIn(key(SHARPNESS_EXAMPLES_SEED), job.seed + 1),
          onProgress: (note) => onProgress?.(step / Math.max(1, total), note),
          ...(signal && { signal }),
        });
      const training = await trainRun(task, method, {
        steps: job.steps,
        seed: job.seed,
        clock: () => performance.now(),
        ...(job.select && { select: true }),
        ...(signal && { signal }),
        onProgress: (done, loss) => onProgress?.(done / total, `step ${done}, loss ${loss.toFixed(3)}`),
        async at(params, step) {
          if (job.sharpness === undefined || !job.sharpness.steps.includes(step)) return;
          const measured = await unlessDiverged(measureAt(params, step, job.sharpness));
          if (measured !== undefined) sharpness.push({ step, ...measured });
        },
        async watch(params, step) {
          const wanted = job.sharpness?.atLoss;
          if (job.sharpness === undefined || wanted === undefined || step % wanted.every !== 0) return;
          const missing = wanted.losses.filter((below) => !atLoss.some((point) => point.below === below));
          if (missing.length === 0) return;
          const objective = examples(job.sharpness.examples);
          const loss = objective.loss(params, key(0));
          const reached = missing.filter((below) => loss < below);
          if (reached.length === 0) return;
          const { trace = job.sharpness.trace, radii = job.sharpness.radii } = wanted;
          const measures = { ...job.sharpness, radii, ...(trace !== undefined && { trace }) };
          const measured = await unlessDiverged(measureAt(params, step, measures));
          if (measured !== undefined) atLoss.push(...reached.map((below) => ({ below, step, ...measured })));
        },
      });
      return {
        job,
        group: method.group,
        metrics: task.metrics,
        training,
        seconds: (performance.now() - started) / 1000,
        sharpness,
        ...(job.sharpness?.atLoss && { atLoss }),
      };
    },
    async close() {
      for (const opened of await Promise.allSettled(tasks.values())) {
        if (opened.status === "fulfilled") opened.value.close?.();
      }
      tasks.clear();
    },
  };
}

/** Nothing where a point cannot be measured because what is around it is not finite: that seed counts as diverged. */
async function unlessDiverged<T>(measured: Promise<T>): Promise<T | undefined> {
  try {
    return await measured;
  } catch (error) {
    if (error instanceof LowlandError && error.code === "E_DIVERGED") return undefined;
    throw error;
  }
}

/** Seconds that runs took together, each on one thread. */
export function runSecondsOf(results: readonly JobResult[]): number {
  return results.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** A spec string, and what it is of. */
export interface EvaluatedMethod {
  readonly method: MethodId;
  readonly spec: string;
}

/** Every job of a grid: tasks × methods × seeds. Of two-dimensional landscapes only the first seed's are drawn. */
export function gridJobs(grid: {
  readonly tasks: readonly string[];
  readonly methods: readonly EvaluatedMethod[];
  readonly steps: readonly number[];
  readonly seeds: readonly number[];
  readonly sharpness?: Job["sharpness"];
}): Job[] {
  const { tasks, methods, steps, seeds, sharpness } = grid;
  return tasks.flatMap((task) =>
    methods.flatMap(({ spec }) =>
      seeds.map((seed, i) => ({
        task,
        spec,
        steps,
        seed,
        ...(sharpness && { sharpness: i === 0 ? sharpness : withoutPlane(sharpness) }),
      })),
    ),
  );
}

function withoutPlane(sharpness: NonNullable<Job["sharpness"]>): NonNullable<Job["sharpness"]> {
  if (sharpness.landscape !== 2) return sharpness;
  const { landscape, ...others } = sharpness;
  return others;
}
