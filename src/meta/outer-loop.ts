import { LowlandError } from "../errors.ts";
import { allFinite, norm, scale } from "../kernels/vector.ts";
import type { LearnedOptimizer } from "../learned/types.ts";
import { copyState } from "../optimizers/define.ts";
import type { OptimizerState } from "../optimizers/types.ts";
import { foldIn, key, keyToString, split } from "../random/key.ts";
import type { MetaConfig } from "./config.ts";
import type { Executor } from "./executor.ts";
import type { Instance, WindowResult } from "./instance.ts";
import { outerOptimizerOf } from "./setup.ts";

/** Everything meta-training goes on from: what a checkpoint holds. */
export interface TrainerState {
  /** Outer steps done. */
  readonly outerStep: number;
  /** φ. */
  readonly metaParams: Float32Array;
  /** State of the outer optimizer: updates made, and its vectors. */
  readonly outer: Readonly<OptimizerState>;
  readonly instances: readonly Instance[];
  /** Instances drawn so far. */
  readonly drawn: number;
  /** Windows thrown away because something in them was not finite. */
  readonly diverged: number;
  /** Outer steps in a row without a usable window. */
  readonly fruitless: number;
  /** Gradients of optimizees evaluated so far, validation aside. */
  readonly gradientEvaluations: number;
  /** Best meta-validation so far. */
  readonly best: { readonly outerStep: number; readonly loss: number } | undefined;
}

/** What is recorded of one outer step. */
export interface OuterStepRecord {
  readonly outerStep: number;
  /** Mean over instances and points of the window of the regularized loss. */
  readonly metaLoss: number;
  /** The same of the plain loss. */
  readonly loss: number;
  readonly metaGradientNorm: number;
  /** Inner step the instances reached. */
  readonly innerStep: number;
  /** Windows thrown away in this step. */
  readonly diverged: number;
  /** Present after a meta-validation. */
  readonly validation?: {
    readonly loss: number;
    readonly accuracy?: number;
    readonly meanLoss: number;
    readonly best: boolean;
  };
}

/** The run's random streams. */
function streams(seed: number): {
  init: ReturnType<typeof key>;
  instances: ReturnType<typeof key>;
  validation: ReturnType<typeof key>;
} {
  const [init, instances, validation] = split(key(seed), 3);
  return { init, instances, validation };
}

/**
 * The state before the first outer step.
 *
 * @param init φ to start from; drawn from the seed if not given
 */
export function initialState(
  config: MetaConfig,
  learned: LearnedOptimizer,
  init?: Float32Array,
): TrainerState {
  const metaParams = new Float32Array(learned.layout.size);
  if (init === undefined) learned.init(streams(config.seed).init, metaParams);
  else metaParams.set(init);
  return {
    outerStep: 0,
    metaParams,
    outer: copyState(outerOptimizerOf(config).init(learned.layout)),
    instances: Array.from({ length: config.instances }, (_, i) => drawInstance(config, i)),
    drawn: config.instances,
    diverged: 0,
    fruitless: 0,
    gradientEvaluations: 0,
    best: undefined,
  };
}

/** The `number`-th instance of a run: tasks in turn, every one with a key of its own. */
function drawInstance(config: MetaConfig, number: number): Instance {
  return {
    task: number % config.tasks.length,
    key: foldIn(streams(config.seed).instances, number),
    step: 0,
  };
}

/**
 * Meta-training by truncated backpropagation: at every outer step one window of each instance, a step of the outer optimizer
 * along the mean meta-gradient, and every `checkpointEvery` steps a meta-validation on unseen runs.
 *
 * A window with anything not finite in it is left out of the mean, counted, and its instance drawn anew; an
 * update that would make φ not finite is not made.
 *
 * @param state where to start; see `initialState`
 * @param onStep called after every outer step with the new state; a checkpoint is due where `record.validation` is set
 * @returns the last state
 * @throws {LowlandError} E_DIVERGED after `patience` outer steps in a row without a usable window
 * @example
 * const config = resolveMetaConfig({ tasks: ["synthetic-digits/mlp"], regularizer: "sam:rho=0.05" });
 * const executor = await openExecutor(config, { threads: 2 });
 * const state = await metaTrain(config, executor, initialState(config, lstm()));
 * await executor.close(); // `runMetaTraining` does all this in a run directory
 */
export async function metaTrain(
  config: MetaConfig,
  executor: Executor,
  state: TrainerState,
  {
    onStep,
    signal,
  }: {
    onStep?: (record: OuterStepRecord, state: TrainerState) => void | Promise<void>;
    signal?: AbortSignal;
  } = {},
): Promise<TrainerState> {
  let current = state;
  while (current.outerStep < config.outerSteps && !signal?.aborted) {
    const { next, record } = await outerStep(config, executor, current);
    current = next;
    await onStep?.(record, current);
  }
  return current;
}

async function outerStep(
  config: MetaConfig,
  executor: Executor,
  state: TrainerState,
): Promise<{ next: TrainerState; record: OuterStepRecord }> {
  const results = await executor.windows(state.metaParams, state.instances);
  const usable = results.filter((result) => !result.diverged);
  const { metaParams, outer, metaGradientNorm } = update(config, state, usable);
  const updated = outer !== state.outer;

  let { drawn } = state;
  const instances = results.map(({ diverged, instance }) =>
    diverged || instance.step >= config.horizon ? drawInstance(config, drawn++) : instance,
  );
  const number = state.outerStep + 1;
  const fruitless = updated ? 0 : state.fruitless + 1;
  if (fruitless >= config.patience) {
    const { task, key: instanceKey, step } = results[0]!.instance;
    throw new LowlandError(
      "E_DIVERGED",
      `meta-training diverged: nothing finite in the last ${fruitless} outer steps, up to ${number} (task ${
        config.tasks[task]
      }, inner step ${step}, seed ${config.seed}, instance key ${keyToString(instanceKey)}); lower outerLearningRate, set clipNorm, or use a shorter truncation`,
    );
  }

  const due = number % config.checkpointEvery === 0 || number === config.outerSteps;
  const validation = due ? await validate(config, executor, metaParams) : undefined;
  const isBest =
    validation !== undefined &&
    Number.isFinite(validation.loss) &&
    !(validation.loss >= (state.best?.loss ?? Number.POSITIVE_INFINITY));
  return {
    next: {
      outerStep: number,
      metaParams,
      outer,
      instances,
      drawn,
      diverged: state.diverged + results.length - usable.length,
      fruitless,
      gradientEvaluations: results.reduce(
        (sum, result) => sum + result.gradientEvaluations,
        state.gradientEvaluations,
      ),
      best: isBest ? { outerStep: number, loss: validation.loss } : state.best,
    },
    record: {
      outerStep: number,
      metaLoss: meanOf(usable, (result) => result.metaLosses),
      loss: meanOf(usable, (result) => result.losses),
      metaGradientNorm,
      innerStep: results[0]!.instance.step,
      diverged: results.length - usable.length,
      ...(validation && { validation: { ...validation, best: isBest } }),
    },
  };
}

/** One step of the outer optimizer on φ along the mean meta-gradient; the old φ where there is none or the new one is not finite. */
function update(
  config: MetaConfig,
  state: TrainerState,
  usable: readonly WindowResult[],
): Pick<TrainerState, "metaParams" | "outer"> & { metaGradientNorm: number } {
  const { metaParams, outer } = state;
  const gradient = new Float32Array(metaParams.length);
  for (const result of usable) {
    for (let i = 0; i < gradient.length; i++) gradient[i] = gradient[i]! + result.metaGradient[i]!;
  }
  if (usable.length > 0) scale(1 / usable.length, gradient);
  const metaGradientNorm = norm(gradient);
  const unchanged = { metaParams, outer, metaGradientNorm };
  if (usable.length === 0) return unchanged;
  const { clipNorm } = config;
  if (clipNorm > 0 && metaGradientNorm > clipNorm) scale(clipNorm / metaGradientNorm, gradient);
  const next = metaParams.slice();
  const nextOuter = copyState(outer);
  outerOptimizerOf(config, state.outerStep).step(next, gradient, nextOuter);
  if (![next, ...Object.values(nextOuter.vectors)].every(allFinite)) return unchanged;
  return { metaParams: next, outer: nextOuter, metaGradientNorm };
}

async function validate(
  config: MetaConfig,
  executor: Executor,
  metaParams: Float32Array,
): Promise<{ loss: number; accuracy?: number; meanLoss: number }> {
  const stream = streams(config.seed).validation;
  const requests = config.tasks.flatMap((_, task) =>
    Array.from({ length: config.validationSeeds }, (__, seed) => ({
      task,
      key: foldIn(stream, seed),
      steps: config.horizon,
    })),
  );
  const results = await executor.validations(metaParams, requests);
  const accuracies = results.flatMap(({ accuracy }) => (accuracy === undefined ? [] : [accuracy]));
  return {
    loss: average(results.map(({ loss }) => loss)),
    meanLoss: average(results.map(({ meanLoss }) => meanLoss)),
    ...(accuracies.length > 0 && { accuracy: average(accuracies) }),
  };
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function meanOf(results: readonly WindowResult[], of: (result: WindowResult) => Float64Array): number {
  return average(results.map((result) => average([...of(result)])));
}
