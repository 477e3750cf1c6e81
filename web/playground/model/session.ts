import {
  adam,
  axpy,
  dot,
  foldIn,
  norm,
  type Objective,
  type OptimizerState,
  openArena,
} from "../../../src/core.ts";
import { DIVERGED_LOSS, runKeys } from "../../../src/evaluation/train.ts";
import type { PlaygroundState } from "../state.ts";
import { buildMethod, type Method, type WeightFiles } from "./build-method.ts";
import { type Probe, probe } from "./probe.ts";
import { gridInputs, openProblem, type Problem, type ProblemState } from "./problem.ts";

/** What decides about the numbers of a training, and nothing else. */
export type SessionState = ProblemState & Pick<PlaygroundState, "seed" | "steps" | "runs">;

/** A run at one of the steps that are measured. */
export interface Measured {
  readonly step: number;
  /** Over all training and all test examples. */
  readonly trainLoss: number;
  readonly testLoss: number;
  readonly trainAccuracy?: number;
  readonly testAccuracy?: number;
  /** ‖u‖ of the last update, and against the one Adam would have made of the same gradients. */
  readonly update: number;
  readonly againstAdam: number;
  readonly cosineToAdam: number;
}

/** Where a run stands. */
export interface RunView {
  readonly step: number;
  /** Minibatch loss of the last step. */
  readonly loss: number;
  readonly params: Float32Array;
  /** Measured since the last view. */
  readonly measured: readonly Measured[];
  readonly divergedAt?: number;
  /** Probabilities of the first class but one over the plane, for two classes; of all, for more. */
  readonly surface?: Float32Array;
}

/** Several trainings side by side: one start, the same minibatches. */
export interface Session {
  readonly problem: Problem;
  readonly step: number;
  /** Takes up to `steps` steps of every run, until `ended` says so or the training is over; returns how many. */
  advance(steps: number, ended?: () => boolean): number;
  view(options?: { readonly surfaces?: boolean }): RunView[];
  probe(run: number, coordinate: number): Probe;
  /** Probabilities of one input, by run. */
  predict(input: Float32Array): Float32Array[];
  close(): void;
}

/** Times that a training is measured. */
const MEASUREMENTS = 100;
/** The Adam that step sizes are held against. */
const ADAM_LR = 0.001;

interface Run {
  readonly method: Method;
  readonly objective: Objective;
  readonly params: Float32Array;
  readonly gradient: Float32Array;
  readonly update: Float32Array;
  readonly state: OptimizerState;
  readonly shadow: OptimizerState;
  readonly shadowUpdate: Float32Array;
  loss: number;
  divergedAt: number | undefined;
  measured: Measured[];
}

/**
 * Opens the trainings of a state. The draws are those of `trainRun`: with the same task, method and seed it comes to the
 * same bits.
 *
 * @throws {LowlandError} for methods that cannot be built, with what to do
 */
export function openSession(session: SessionState, files: WeightFiles): Session {
  const { seed, steps, runs: specs } = session;
  const problem = openProblem(session);
  const { task } = problem;
  const { layout } = task;
  const arena = openArena();
  const keys = runKeys(seed);
  const shadowAdam = adam({ lr: ADAM_LR });
  const every = Math.max(1, Math.round(steps / MEASUREMENTS));
  const grid = gridInputs();
  let step = 0;

  const runs = specs.map((spec): Run => {
    const method = buildMethod(spec, files);
    const params = arena.float32(layout.size);
    task.init(keys.init, params);
    return {
      method,
      objective: method.regularizer.apply(task.objective("train")),
      params,
      gradient: arena.float32(layout.size),
      update: arena.float32(layout.size),
      state: method.optimizer.init(layout, { horizon: steps, arena }),
      shadow: shadowAdam.init(layout, { arena }),
      shadowUpdate: arena.float32(layout.size),
      loss: Number.NaN,
      divergedAt: undefined,
      measured: [],
    };
  });
  for (const run of runs) measure(run);

  function measure(run: Run): void {
    const [train, test] = [task.evaluate(run.params, "train"), task.evaluate(run.params, "test")];
    const [own, adams] = [norm(run.update), norm(run.shadowUpdate)];
    run.measured.push({
      step,
      trainLoss: train.loss,
      testLoss: test.loss,
      ...(task.metrics.length > 0 && {
        trainAccuracy: train.metrics.accuracy!,
        testAccuracy: test.metrics.accuracy!,
      }),
      update: own,
      againstAdam: own / adams,
      cosineToAdam: dot(run.update, run.shadowUpdate) / (own * adams),
    });
  }

  function advanceRun(run: Run): void {
    if (run.divergedAt !== undefined) return;
    const { method, params, gradient, update, state } = run;
    const loss = run.objective.lossAndGradient(params, foldIn(keys.batches, step), gradient);
    method.optimizer.update(gradient, state, { params, loss }, update);
    shadowAdam.update(gradient, run.shadow, { params }, run.shadowUpdate);
    axpy(1, update, params);
    run.loss = loss;
    if (!(loss < DIVERGED_LOSS)) run.divergedAt = step;
  }

  return {
    problem,
    get step() {
      return step;
    },
    advance(count, ended = () => false) {
      let done = 0;
      while (done < count && step < steps && !(done > 0 && ended())) {
        for (const run of runs) advanceRun(run);
        step++;
        done++;
        if (step % every !== 0 && step !== steps) continue;
        for (const run of runs) if (run.divergedAt === undefined) measure(run);
      }
      return done;
    },
    view({ surfaces = false } = {}) {
      return runs.map((run) => {
        const { measured, divergedAt } = run;
        run.measured = [];
        return {
          step: divergedAt ?? step,
          loss: run.loss,
          params: run.params.slice(),
          measured,
          ...(divergedAt !== undefined && { divergedAt }),
          ...(surfaces && problem.predict && { surface: problem.predict(run.params, grid, grid.length / 2) }),
        };
      });
    },
    probe(place, coordinate) {
      const { method, params, gradient, state, loss } = runs[place]!;
      return probe(method, { params, gradient, state, loss }, Math.min(coordinate, layout.size - 1));
    },
    predict: (input) => runs.map(({ params }) => problem.predict!(params, input, 1)),
    close() {
      arena.close();
      problem.close();
    },
  };
}
