import { LowlandError } from "../errors.ts";
import type { Arena } from "../kernels/memory.ts";
import { openArena } from "../kernels/module.ts";
import { allFinite } from "../kernels/vector.ts";
import { type Activations, type LearnedOptimizer, optimizerOf, type Unroll } from "../learned/types.ts";
import type { OptimizerState } from "../optimizers/types.ts";
import { foldIn, type Key, split } from "../random/key.ts";
import { countGradients } from "../regularizers/count.ts";
import type { RegularizerFunction } from "../regularizers/types.ts";
import type { Objective, Task } from "../tasks/types.ts";
import type { Instance, ValidationResult, WindowResult } from "./instance.ts";

/** What does not change from window to window. */
export interface WindowSettings {
  readonly tasks: readonly Task[];
  readonly learned: LearnedOptimizer;
  readonly regularizer: RegularizerFunction;
  /** Steps of a window. */
  readonly truncation: number;
  /** Whether the meta-loss is taken on the minibatch of the step or on a fresh one. */
  readonly metaLossBatch: "same" | "fresh";
  readonly activations?: Activations;
}

/** Runs truncation windows and validation runs in this thread: pure functions with buffers kept between calls. */
export interface WindowRunner {
  /** (φ, instance) → (meta-gradient, instance after the window, losses). */
  window(metaParams: Float32Array, instance: Instance): WindowResult;
  /** Trains from scratch with the optimizer φ for `steps` steps and evaluates on the meta-validation split. */
  validate(metaParams: Float32Array, options: { task: number; key: Key; steps: number }): ValidationResult;
  /** Frees its buffers; they are opened again when it is used again. */
  close(): void;
}

/** Keys of one instance: its initial parameters, its minibatches, and the fresh minibatches of the meta-loss. */
export function instanceKeys(key: Key): { init: Key; batches: Key; fresh: Key } {
  const [init, batches, fresh] = split(key, 3);
  return { init, batches, fresh };
}

/** Opens a runner; see `WindowRunner`. */
export function openWindowRunner(settings: WindowSettings): WindowRunner {
  const { tasks, learned, truncation } = settings;
  const opened = new Map<number, OpenTask>();

  function taskAt(index: number): OpenTask {
    let found = opened.get(index);
    if (found === undefined) {
      found = openTask(tasks[index]!, settings);
      opened.set(index, found);
    }
    return found;
  }

  return {
    window(metaParams, instance) {
      const task = taskAt(instance.task);
      const { params, gradient, cotangents, unroll, metaGradient } = task;
      const { size } = task.task.layout;
      const keys = instanceKeys(instance.key);
      task.restore(instance, keys.init);
      const state: OptimizerState = { ...task.state, step: instance.step };
      const before = task.plain.gradients;

      const losses = new Float64Array(truncation + 1);
      const metaLosses = new Float64Array(truncation + 1);
      unroll.begin(metaParams, state);
      for (let t = 0; t <= truncation; t++) {
        const step = instance.step + t;
        const batch = foldIn(keys.batches, step);
        losses[t] = task.plain.lossAndGradient(params, batch, gradient);
        // the first point does not depend on φ: its term is only reported
        const row = cotangents.subarray(Math.max(t - 1, 0) * size, Math.max(t, 1) * size);
        if (settings.metaLossBatch === "fresh") {
          metaLosses[t] = task.regularized.lossAndGradient(params, foldIn(keys.fresh, step), row);
        } else if (task.regularized === task.plain) {
          metaLosses[t] = losses[t]!;
          row.set(gradient);
        } else {
          const known = { loss: losses[t]!, gradient };
          metaLosses[t] = task.regularized.lossAndGradient(params, batch, row, known);
        }
        if (t < truncation) unroll.step(params, gradient);
      }
      unroll.backward(cotangents, metaGradient);
      const diverged = !(
        losses.every(Number.isFinite) &&
        metaLosses.every(Number.isFinite) &&
        allFinite(metaGradient) &&
        allFinite(params)
      );
      return {
        instance: {
          task: instance.task,
          key: instance.key,
          step: instance.step + truncation,
          params: params.slice(),
          optimizer: Object.fromEntries(
            Object.entries(state.vectors).map(([name, vector]) => [name, vector.slice()]),
          ),
        },
        metaGradient: metaGradient.slice(),
        losses,
        metaLosses,
        diverged,
        gradientEvaluations: task.plain.gradients - before,
      };
    },

    validate(metaParams, { task: index, key, steps }) {
      const { task, plain, params, gradient, state } = taskAt(index);
      const keys = instanceKeys(key);
      const arena = openArena();
      try {
        task.init(keys.init, params);
        const optimizer = optimizerOf(learned, metaParams, arena);
        for (const vector of Object.values(state.vectors)) vector.fill(0);
        const fresh: OptimizerState = { ...state, step: 0 };
        let sum = 0;
        for (let step = 0; step < steps; step++) {
          sum += plain.lossAndGradient(params, foldIn(keys.batches, step), gradient);
          optimizer.step(params, gradient, fresh);
        }
        const { loss, metrics } = task.evaluate(params, "meta-validation");
        const { accuracy } = metrics;
        return { meanLoss: sum / steps, loss, ...(accuracy !== undefined && { accuracy }) };
      } finally {
        arena.close();
      }
    },

    close() {
      for (const { arena } of opened.values()) arena.close();
      opened.clear();
    },
  };
}

interface OpenTask {
  /** Holds everything below. */
  readonly arena: Arena;
  readonly task: Task;
  readonly plain: ReturnType<typeof countGradients>;
  readonly regularized: Objective;
  readonly params: Float32Array;
  readonly gradient: Float32Array;
  readonly cotangents: Float32Array;
  readonly metaGradient: Float32Array;
  readonly state: OptimizerState;
  readonly unroll: Unroll;
  restore(instance: Instance, init: Key): void;
}

function openTask(task: Task, settings: WindowSettings): OpenTask {
  const { learned, truncation, activations = "auto" } = settings;
  const arena: Arena = openArena();
  const { size } = task.layout;
  const plain = countGradients(task.objective("train"));
  const params = arena.float32(size);
  const state = optimizerOf(learned, new Float32Array(learned.layout.size), arena).init(task.layout, {
    arena,
  });
  return {
    arena,
    task,
    plain,
    regularized: settings.regularizer(plain),
    params,
    gradient: arena.float32(size),
    cotangents: arena.float32(size * truncation),
    metaGradient: arena.float32(learned.layout.size),
    state,
    unroll: unrollOf(learned)({ size, window: truncation, activations, arena }),
    restore(instance, init) {
      if (instance.params === undefined) {
        task.init(init, params);
        for (const vector of Object.values(state.vectors)) vector.fill(0);
        return;
      }
      params.set(instance.params);
      for (const [name, vector] of Object.entries(state.vectors)) vector.set(instance.optimizer![name]!);
    },
  };
}

/** Windows of a learned optimizer that can be backpropagated through. */
function unrollOf({ name, unroll }: LearnedOptimizer): NonNullable<LearnedOptimizer["unroll"]> {
  if (unroll !== undefined) return unroll;
  throw new LowlandError(
    "E_CONFIG",
    `learned optimizer ${name} cannot be backpropagated through; use the estimator es or pes`,
  );
}
