import { openArena } from "../kernels/module.ts";
import { foldIn, key, split } from "../random/key.ts";
import { countGradients } from "../regularizers/count.ts";
import type { Task } from "../tasks/types.ts";
import type { Method } from "./optimizers.ts";
import type { CurvePoint } from "./results.ts";

/** A minibatch loss above this, or not finite, ends a run as diverged. */
const DIVERGED_LOSS = 1e6;
/** Curve points a run keeps, at most. */
const CURVE_POINTS = 200;
/** At how many of them accuracy is measured, at most. */
const ACCURACY_POINTS = 10;

/** Where one inner training stands at one of the steps asked for. */
export interface Milestone {
  readonly step: number;
  /** Mean loss over the whole training split. */
  readonly trainLoss: number;
  readonly testLoss: number;
  readonly testAccuracy?: number;
}

/** The same for a run that chooses a setting: it reads no other split. */
export interface Selection {
  readonly step: number;
  readonly loss: number;
  readonly accuracy?: number;
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
 * @param select read only meta-validation, to choose a setting: `selections` instead of `milestones`
 * @param at called with the parameters reached at every step in `steps`; they must not be changed
 * @param watch called with the parameters at every step, the last included; they must not be changed
 * @param onProgress called now and then with the steps done; awaited, so that signals get through
 * @example
 * const run = await trainRun(await loadTask("mnist/mlp"), await loadMethod("adam:lr=0.01"), { steps: [100], seed: 0 });
 * run.milestones[0].testAccuracy; // a share: 0.88
 */
export async function trainRun(
  task: Task,
  method: Method,
  {
    steps,
    seed,
    select = false,
    at,
    watch,
    onProgress,
    signal,
    clock = () => performance.now(),
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
    const accuracyEvery = every * Math.max(1, Math.ceil(total / every / ACCURACY_POINTS));
    let sum = 0;
    let summed = 0;
    let milliseconds = 0;
    let taken = 0;
    let divergedAt: number | undefined;
    let breathed = clock();
    for (let step = 0; ; step++) {
      await watch?.(params, step);
      if (select && steps.includes(step)) {
        const { loss, metrics } = task.evaluate(params, "meta-validation");
        const { accuracy } = metrics;
        selections.push({ step, loss, ...(accuracy !== undefined && { accuracy }) });
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
          ...(test.metrics.accuracy !== undefined && { testAccuracy: test.metrics.accuracy }),
        });
        await at?.(params, step);
      }
      if (step === total || divergedAt !== undefined) break;
      const started = clock();
      const loss = objective.lossAndGradient(params, foldIn(keys.batches, step), gradient);
      method.optimizer.step(params, gradient, state, { loss });
      milliseconds += clock() - started;
      taken++;
      sum += loss;
      summed++;
      if (!(loss < DIVERGED_LOSS)) {
        curve.push({ step, loss: null });
        divergedAt = step;
        break;
      }
      if (step % every === 0 || step === total - 1) {
        const measured = !select && (step % accuracyEvery === 0 || step === total - 1);
        const { accuracy } = measured ? task.evaluate(params, "report-validation").metrics : {};
        curve.push({
          step,
          loss: sum / summed,
          ...(accuracy !== undefined && { validationAccuracy: accuracy }),
        });
        sum = 0;
        summed = 0;
      }
      if (clock() - breathed > 50) {
        onProgress?.(step + 1, loss);
        await new Promise((resolve) => setImmediate(resolve));
        signal?.throwIfAborted();
        breathed = clock();
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
