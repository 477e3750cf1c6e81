import { breathe } from "../breathe.ts";
import { openArena } from "../kernels/module.ts";
import type { Optimizer } from "../optimizers/types.ts";
import { foldIn, key, split } from "../random/key.ts";
import { countGradients } from "../regularizers/count.ts";
import type { Regularizer } from "../regularizers/types.ts";
import type { Task } from "../tasks/types.ts";
import type { CurvePoint } from "./results.ts";

/** What a task's metrics are at a point, by name. */
type Metrics = Readonly<Record<string, number>>;

/** A minibatch loss above this, or not finite, ends a run as diverged. */
export const DIVERGED_LOSS = 1e6;
/** Curve points a run keeps, at most. */
const CURVE_POINTS = 200;
/** At how many of them metrics are measured, at most. */
const METRIC_POINTS = 10;

/** Steps between breaths where there is no clock. */
const STEPS_A_BREATH = 20;

/** What trains: a method, whatever else it says of itself. */
export interface Trainer {
  readonly optimizer: Optimizer;
  readonly regularizer: Regularizer;
}

/** Where one inner training stands at one of the steps asked for. */
export interface Milestone {
  readonly step: number;
  /** Mean loss over the whole training split. */
  readonly trainLoss: number;
  readonly testLoss: number;
  /** The task's metrics on the test split. */
  readonly metrics: Metrics;
}

/** The same for a run that chooses a setting: it reads no other split. */
export interface Selection {
  readonly step: number;
  readonly loss: number;
  readonly metrics: Metrics;
}

/** One inner training. */
export interface TrainingRun {
  readonly milestones: readonly Milestone[];
  /** On meta-validation instead, where the run was to choose a setting. */
  readonly selections?: readonly Selection[];
  /** Mean minibatch loss since the point before. */
  readonly curve: readonly CurvePoint[];
  readonly gradientEvaluations: number;
  readonly steps: number;
  /** Seconds spent in steps, evaluations aside. */
  readonly seconds: number;
  /** Where the loss left the finite numbers, if it did. */
  readonly divergedAt?: number;
}

/** The seed's keys: initial parameters and minibatches, the same for every optimizer. */
export function runKeys(seed: number): { init: ReturnType<typeof key>; batches: ReturnType<typeof key> } {
  const [init, batches] = split(foldIn(key(seed), 0x7261696e), 2);
  return { init, batches };
}

/**
 * Inner training: `max(steps)` minibatch steps of one method on one task from one seed, with a full evaluation at
 * every step in `steps`.
 *
 * @param options `select`: read only meta-validation, to choose a setting: `selections` instead of `milestones`; `at`: called
 *   with the parameters reached at every step in `steps`, `watch`: at every step, the last included (they must not be
 *   changed); `onProgress`: called now and then with the steps done; `clock`: milliseconds; without one, `seconds` is 0
 * @example
 * const run = await trainRun(await loadTask("mnist/mlp"), await loadMethod("adam:lr=0.01"), { steps: [100], seed: 0 });
 * run.milestones[0].metrics.accuracy; // a share: 0.88
 */
export async function trainRun(
  task: Task,
  method: Trainer,
  {
    steps,
    seed,
    select = false,
    at,
    watch,
    onProgress,
    signal,
    clock,
  }: {
    steps: readonly number[];
    seed: number;
    select?: boolean;
    at?: (params: Float32Array, step: number) => void | Promise<void>;
    watch?: (params: Float32Array, step: number) => void | Promise<void>;
    onProgress?: (done: number, loss: number) => void;
    signal?: AbortSignal;
    clock?: () => number;
  },
): Promise<TrainingRun> {
  const total = Math.max(...steps);
  const keys = runKeys(seed);
  const plain = countGradients(task.objective("train"));
  const objective = method.regularizer.apply(plain);
  const arena = openArena();
  try {
    const params = arena.float32(task.layout.size);
    const gradient = arena.float32(task.layout.size);
    task.init(keys.init, params);
    const state = method.optimizer.init(task.layout, { horizon: total, arena });
    const milestones: Milestone[] = [];
    const selections: Selection[] = [];
    const curve: CurvePoint[] = [];
    const every = Math.max(1, Math.ceil(total / CURVE_POINTS));
    const metricsEvery = every * Math.max(1, Math.ceil(total / every / METRIC_POINTS));
    let sum = 0;
    let summed = 0;
    let milliseconds = 0;
    let taken = 0;
    let divergedAt: number | undefined;
    const now = clock ?? (() => 0);
    let breathed = now();
    for (let step = 0; ; step++) {
      await watch?.(params, step);
      if (select && steps.includes(step)) {
        const { loss, metrics } = task.evaluate(params, "meta-validation");
        selections.push({ step, loss, metrics });
        if (!(loss < DIVERGED_LOSS)) divergedAt = step;
      } else if (steps.includes(step)) {
        const train = task.evaluate(params, "train");
        if (!(train.loss < DIVERGED_LOSS)) {
          divergedAt = step;
          break;
        }
        const test = task.evaluate(params, "test");
        milestones.push({
          step,
          trainLoss: train.loss,
          testLoss: test.loss,
          metrics: test.metrics,
        });
        await at?.(params, step);
      }
      if (step === total || divergedAt !== undefined) break;
      const started = now();
      const loss = objective.lossAndGradient(params, foldIn(keys.batches, step), gradient);
      method.optimizer.step(params, gradient, state, { loss });
      task.project?.(params);
      milliseconds += now() - started;
      taken++;
      sum += loss;
      summed++;
      if (!(loss < DIVERGED_LOSS)) {
        curve.push({ step, loss: null });
        divergedAt = step;
        break;
      }
      if (step % every === 0 || step === total - 1) {
        const measured =
          !select && task.metrics.length > 0 && (step % metricsEvery === 0 || step === total - 1);
        const { metrics } = measured ? task.evaluate(params, "report-validation") : {};
        curve.push({ step, loss: sum / summed, ...(metrics && { metrics }) });
        sum = 0;
        summed = 0;
      }
      if (clock === undefined ? taken % STEPS_A_BREATH === 0 : now() - breathed > 50) {
        onProgress?.(step + 1, loss);
        await breathe(signal);
        breathed = now();
      }
    }
    return {
      milestones,
      ...(select && { selections }),
      curve,
      gradientEvaluations: plain.gradients,
      steps: taken,
      seconds: milliseconds / 1000,
      ...(divergedAt !== undefined && { divergedAt }),
    };
  } finally {
    arena.close();
  }
}
