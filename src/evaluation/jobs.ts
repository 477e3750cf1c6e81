import type { StoreOptions } from "../data/datasets.ts";
import { LowlandError } from "../errors.ts";
import type { Vector } from "../kernels/types.ts";
import { foldIn, key } from "../random/key.ts";
import { measurePoint, type PointMeasures, type PointSharpness } from "../sharpness/point.ts";
import { loadTask } from "../tasks/load.ts";
import type { Objective, Task } from "../tasks/types.ts";
import { groupBy } from "./group.ts";
import { loadMethod, type Method } from "./optimizers.ts";
import type {
  AtLossRecord,
  AtLossSeed,
  EvaluationRecord,
  EvaluationSeed,
  SharpnessRecord,
  SharpnessSeed,
} from "./results.ts";
import { summarizeAtLoss, summarizeEvaluation, summarizeSharpness } from "./summaries.ts";
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
     * loss on the examples a look. With `trace: false` the trace is left out there.
     */
    readonly atLoss?: {
      readonly losses: readonly number[];
      readonly every: number;
      readonly trace?: false;
    };
  };
}

/** What a job gives. */
export interface JobResult {
  readonly job: Job;
  readonly group: Method["group"];
  readonly training: TrainingRun;
  /** Seconds that all of it took, measures included; early journals lack it. */
  readonly seconds?: number;
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
          const measures = wanted.trace === false ? { ...job.sharpness, trace: false } : job.sharpness;
          const measured = await unlessDiverged(measureAt(params, step, measures));
          if (measured !== undefined) atLoss.push(...reached.map((below) => ({ below, step, ...measured })));
        },
      });
      return {
        job,
        group: method.group,
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

/** Seconds that runs took together, each on one thread: those of their steps alone where nothing else is known. */
export function runSecondsOf(results: readonly JobResult[]): number {
  return results.reduce((sum, { seconds, training }) => sum + (seconds ?? training.seconds), 0);
}

/** A spec string and what to call it in tables. */
export interface NamedMethod {
  readonly name: string;
  readonly spec: string;
}

/** Every job of a grid: tasks × methods × seeds. Of two-dimensional landscapes only the first seed's are drawn. */
export function gridJobs(grid: {
  readonly tasks: readonly string[];
  readonly methods: readonly NamedMethod[];
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

/** Groups the results of a grid into records over seeds, in the order of tasks, methods and steps. */
export function recordsOf(
  results: readonly JobResult[],
  methods: readonly NamedMethod[],
): { evaluations: EvaluationRecord[]; sharpness: SharpnessRecord[]; sharpnessAtLoss?: AtLossRecord[] } {
  const nameOf = new Map(methods.map(({ name, spec }) => [spec, name]));
  const groups = groupBy(results, ({ job }) => JSON.stringify([job.task, job.spec, job.steps]));
  const evaluations: EvaluationRecord[] = [];
  const sharpness: SharpnessRecord[] = [];
  const sharpnessAtLoss: AtLossRecord[] = [];
  for (const group of groups.values()) {
    const { job, group: kind } = group[0]!;
    const { task, spec } = job;
    const optimizer = nameOf.get(spec) ?? spec;
    const gradients = group.reduce((sum, { training }) => sum + training.gradientEvaluations, 0);
    const taken = group.reduce((sum, { training }) => sum + training.steps, 0);
    const seconds = group.reduce((sum, { training }) => sum + training.seconds, 0);
    for (const steps of job.steps) {
      const seeds = group.map((result) => evaluationSeed(result, steps));
      evaluations.push({
        task,
        optimizer,
        spec,
        group: kind,
        gradientsPerStep: gradients / Math.max(1, taken),
        secondsPerStep: seconds / Math.max(1, taken),
        steps,
        seeds,
        summary: summarizeEvaluation(seeds),
      });
      if (!job.sharpness?.steps.includes(steps)) continue;
      const measured = group.map((result) => sharpnessSeed(result, steps));
      sharpness.push({ task, optimizer, steps, seeds: measured, summary: summarizeSharpness(measured) });
    }
    const { losses, every } = job.sharpness?.atLoss ?? { losses: [], every: 1 };
    for (const below of losses) {
      const seeds = group.map((result) => atLossSeed(result, below));
      sharpnessAtLoss.push({
        task,
        optimizer,
        below,
        every,
        maxSteps: Math.max(...job.steps),
        seeds,
        summary: summarizeAtLoss(seeds),
      });
    }
  }
  return { evaluations, sharpness, ...(sharpnessAtLoss.length > 0 && { sharpnessAtLoss }) };
}

function evaluationSeed({ job, training }: JobResult, steps: number): EvaluationSeed {
  const reached = training.milestones.find(({ step }) => step === steps);
  const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
  const curve = training.curve.filter(({ step }) => step <= steps);
  if (reached === undefined) {
    return { seed: job.seed, trainLoss: null, testLoss: null, testAccuracy: null, curve, diverged: true };
  }
  return {
    seed: job.seed,
    trainLoss: finite(reached.trainLoss),
    testLoss: finite(reached.testLoss),
    ...(reached.testAccuracy !== undefined && { testAccuracy: reached.testAccuracy }),
    curve,
    ...(!Number.isFinite(reached.trainLoss) && { diverged: true }),
  };
}

function sharpnessSeed({ job, sharpness }: JobResult, steps: number): SharpnessSeed {
  const measured = sharpness.find(({ step }) => step === steps);
  if (measured === undefined) {
    return { seed: job.seed, loss: null, gradientNorm: null, topEigenvalue: null, radii: [], diverged: true };
  }
  return pointSeed(job.seed, measured);
}

function atLossSeed({ job, training, atLoss }: JobResult, below: number): AtLossSeed {
  const measured = atLoss?.find((point) => point.below === below);
  if (measured !== undefined) return { ...pointSeed(job.seed, measured), step: measured.step };
  const nothing = { loss: null, gradientNorm: null, topEigenvalue: null, radii: [] };
  const diverged = training.divergedAt !== undefined;
  return { seed: job.seed, step: null, ...nothing, ...(diverged && { diverged }) };
}

function pointSeed(seed: number, measured: PointSharpness): SharpnessSeed {
  const { loss, gradientNorm, topEigenvalue, radii, trace, eigenvalues, landscape } = measured;
  const { dimensions, coordinates, losses } = landscape ?? {};
  const iterated = { topEigenvalue, trace, eigenvalues };
  const unconverged = (Object.keys(iterated) as (keyof typeof iterated)[]).filter(
    (measure) => iterated[measure]?.converged === false,
  );
  return {
    seed,
    loss,
    gradientNorm,
    topEigenvalue: topEigenvalue.value,
    radii,
    ...(trace && { trace: trace.value, traceStandardError: trace.standardError }),
    ...(eigenvalues && {
      largestEigenvalues: eigenvalues.largest,
      smallestEigenvalues: eigenvalues.smallest,
    }),
    ...(dimensions && coordinates && losses && { landscape: { dimensions, coordinates, losses } }),
    ...(unconverged.length > 0 && { unconverged }),
  };
}
