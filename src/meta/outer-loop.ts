import { LowlandError } from "../errors.ts";
import { openArena } from "../kernels/module.ts";
import { allFinite, axpy, norm, scale } from "../kernels/vector.ts";
import type { LearnedOptimizer } from "../learned/types.ts";
import { copyState } from "../optimizers/define.ts";
import type { Optimizer, OptimizerState } from "../optimizers/types.ts";
import { foldIn, keyToString } from "../random/key.ts";
import type { MetaConfig } from "./config.ts";
import { drawAll, drawNext, streams } from "./draws.ts";
import type { Executor, MetaWork } from "./executor.ts";
import type { RegularizationState } from "./regularization/types.ts";
import type { Estimate, Instance, ScheduleState } from "./types.ts";

/** A meta-training run as built objects: what its configuration names, resolved once. */
export interface MetaTraining extends MetaWork {
  readonly config: MetaConfig;
  readonly outerOptimizer: Optimizer;
}

/** Everything meta-training goes on from: what a checkpoint holds. */
export interface TrainerState {
  /** Outer steps done. */
  readonly outerStep: number;
  /** φ. */
  readonly metaParams: Float32Array;
  /** State of the outer optimizer: updates made, and its vectors. */
  readonly outer: Readonly<OptimizerState>;
  readonly instances: readonly Instance[];
  readonly schedule: ScheduleState;
  /** Where the regularization stands; missing where it is fixed. */
  readonly regularization?: RegularizationState;
  /** Whether the schedule has ended the run. */
  readonly stopped: boolean;
  /** Estimates thrown away because something in them was not finite. */
  readonly diverged: number;
  /** Outer steps in a row without a usable estimate. */
  readonly fruitless: number;
  /** Gradients of optimizees and inner steps so far, validation aside. */
  readonly gradientEvaluations: number;
  readonly innerSteps: number;
  /** Best meta-validation of the schedule's stage so far, and its φ where a stage may go back to it. */
  readonly best:
    | { readonly outerStep: number; readonly loss: number; readonly metaParams?: Float32Array }
    | undefined;
}

/** What is recorded of one outer step. */
export interface OuterStepRecord {
  readonly outerStep: number;
  /** Mean over instances and points of the terms of the meta-objective. */
  readonly metaLoss: number;
  /** The same of the plain loss. */
  readonly loss: number;
  readonly metaGradientNorm: number;
  /** Inner step the first instance reached, counted from where its horizon starts. */
  readonly innerStep: number;
  /** Horizon of its training. */
  readonly horizon: number;
  /** Estimates thrown away in this step. */
  readonly diverged: number;
  /** What of the regularizer was in force, and S, what it added to the loss as a share of that, where it was observed. */
  readonly regularization?: Readonly<Record<string, number>>;
  /** Present after a meta-validation. */
  readonly validation?: Validation & { readonly best: boolean };
  /** The meta-validation that the next stage of the schedule starts from, if one starts. */
  readonly nextStage?: Validation;
}

interface Validation {
  readonly loss: number;
  readonly meanLoss: number;
  readonly accuracy?: number;
  readonly horizon: number;
}

/**
 * The state before the first outer step.
 *
 * @param init φ to start from; drawn from the seed if not given
 */
export function initialState(
  { config, problem, source, outerOptimizer }: MetaTraining,
  init?: Float32Array,
): TrainerState {
  const { learned } = problem;
  const metaParams = new Float32Array(learned.layout.size);
  if (init === undefined) learned.init(streams(config.seed).init, metaParams);
  else metaParams.set(init);
  const schedule = source.schedule.initial();
  const { regularization } = problem;
  return {
    outerStep: 0,
    metaParams,
    outer: freshOuter(outerOptimizer, learned, config),
    instances: drawAll(source, schedule, () => 0),
    schedule,
    ...(regularization && {
      regularization: regularization.rule.initial(regularization.arms, streams(config.seed).regularization),
    }),
    stopped: false,
    diverged: 0,
    fruitless: 0,
    gradientEvaluations: 0,
    innerSteps: 0,
    best: undefined,
  };
}

function freshOuter(
  optimizer: Optimizer,
  { layout }: LearnedOptimizer,
  { outerSteps }: MetaConfig,
): OptimizerState {
  const arena = openArena();
  try {
    return copyState(optimizer.init(layout, { horizon: outerSteps, arena }));
  } finally {
    arena.close();
  }
}

/**
 * Meta-training: at every outer step an estimate of the meta-gradient from each instance, a step of the outer optimizer
 * along their mean, and every `checkpointEvery` steps a meta-validation on unseen trainings, from which the schedule
 * decides how to go on.
 *
 * An estimate with anything not finite in it is left out of the mean, counted, and its instance drawn anew; an update
 * that would make φ not finite is not made.
 *
 * @throws {LowlandError} E_DIVERGED after `patience` outer steps in a row without a usable estimate
 * @example
 * const training = await buildMetaTraining(resolveMetaConfig({ tasks: ["synthetic-digits/mlp"], regularizer: "sam" }));
 * const state = await metaTrain(training, inlineExecutor(training), initialState(training));
 */
export async function metaTrain(
  training: MetaTraining,
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
  let current = await withBaseline(training, executor, state, onStep);
  while (hasNext(training.config, current) && !signal?.aborted) {
    const { next, record } = await outerStep(training, executor, current);
    current = next;
    await onStep?.(record, current);
  }
  return current;
}

/** Whether there is an outer step left to do. */
export function hasNext({ outerSteps }: Pick<MetaConfig, "outerSteps">, state: TrainerState): boolean {
  return state.outerStep < outerSteps && !state.stopped;
}

/** The state with the meta-validation that a schedule needs before the first outer step, which is recorded as of step 0. */
async function withBaseline(
  training: MetaTraining,
  executor: Executor,
  state: TrainerState,
  onStep: ((record: OuterStepRecord, state: TrainerState) => void | Promise<void>) | undefined,
): Promise<TrainerState> {
  if (!training.source.schedule.needsValidation?.(state.schedule)) return state;
  const validation = await validateAll(training, executor, state);
  const { state: next, best } = judged(training, state, validation);
  const { horizon, start } = state.instances[0]!.draw;
  const nothing = { metaLoss: Number.NaN, loss: Number.NaN, metaGradientNorm: 0, diverged: 0 };
  const record = { outerStep: state.outerStep, ...nothing, innerStep: start, horizon };
  await onStep?.({ ...record, validation: { ...validation, best } }, next);
  return next;
}

async function outerStep(
  training: MetaTraining,
  executor: Executor,
  started: TrainerState,
): Promise<{ next: TrainerState; record: OuterStepRecord }> {
  const { config, source, problem } = training;
  const { metaParams, regularization: standing } = started;
  const rule = problem.regularization?.rule;
  const instances =
    standing === undefined
      ? started.instances
      : started.instances.map((instance) => {
          const regularization = { outerStep: started.outerStep, state: standing };
          return { ...instance, draw: { ...instance.draw, regularization } };
        });
  const estimates = await executor.estimates(metaParams, instances, started.schedule);
  const usable = estimates.filter(({ diverged }) => !diverged);
  const stepped = update(training, started, usable);
  const number = started.outerStep + 1;
  const fruitless = stepped.outer === started.outer ? started.fruitless + 1 : 0;
  if (fruitless >= config.patience) throw divergence(config, number, fruitless, instances[0]!);
  const sum = (of: (estimate: Estimate) => number): number =>
    estimates.reduce((total, estimate) => total + of(estimate), 0);
  const moved: TrainerState = {
    ...started,
    outerStep: number,
    metaParams: stepped.metaParams,
    outer: stepped.outer,
    instances: estimates.map(({ diverged, done, instance }, i) => {
      if (!diverged && !done) return instance;
      // a diverged estimate counts for nothing, the trainings it went through included
      const { index, number: last } = diverged ? instances[i]! : instance;
      const draw = drawNext(source, started.schedule, index, last + 1);
      return { index, number: last + 1, draw, runs: [], tensors: {} };
    }),
    diverged: started.diverged + estimates.length - usable.length,
    fruitless,
    gradientEvaluations: started.gradientEvaluations + sum((estimate) => estimate.gradientEvaluations),
    innerSteps: started.innerSteps + sum((estimate) => estimate.innerSteps),
  };
  const due = number % config.checkpointEvery === 0 || number === config.outerSteps;
  const validation = due ? await validateAll(training, executor, moved) : undefined;
  let { state: next, best } =
    validation === undefined ? { state: moved, best: false } : judged(training, moved, validation);
  // a stage of the schedule starts from what its own meta-validation says of φ
  const stage = source.schedule.needsValidation?.(next.schedule)
    ? await validateAll(training, executor, next)
    : undefined;
  if (stage !== undefined) ({ state: next, best } = judged(training, next, stage));
  const added = average(usable.flatMap((estimate) => estimate.added ?? []));
  if (rule !== undefined && standing !== undefined) {
    next = {
      ...next,
      regularization: rule.next(standing, {
        outerStep: number,
        added: Number.isFinite(added) ? added : undefined,
        validation: (stage ?? validation)?.loss,
        key: foldIn(streams(config.seed).regularization, number),
      }),
    };
  }
  const [first] = estimates;
  const { draw, runs } = first!.instance;
  return {
    next,
    record: {
      outerStep: number,
      metaLoss: average(usable.flatMap(({ metaLoss }) => metaLoss ?? [])),
      loss: average(usable.map(({ loss }) => loss)),
      metaGradientNorm: stepped.metaGradientNorm,
      innerStep: first!.done ? draw.horizon : draw.start + (runs[0]?.step ?? 0),
      horizon: draw.horizon,
      diverged: estimates.length - usable.length,
      ...(rule &&
        standing && {
          regularization: {
            ...rule.numbers(standing, started.outerStep),
            ...(Number.isFinite(added) && { added }),
          },
        }),
      ...(validation && { validation: { ...validation, best } }),
      ...(stage && { nextStage: stage }),
    },
  };
}

/** One step of the outer optimizer on φ along the mean estimate; the old φ where there is none or the new one is not finite. */
function update(
  { config, problem, outerOptimizer }: MetaTraining,
  { metaParams, outer, outerStep: done }: TrainerState,
  usable: readonly Estimate[],
): Pick<TrainerState, "metaParams" | "outer"> & { metaGradientNorm: number } {
  const gradient = new Float32Array(metaParams.length);
  for (const estimate of usable) axpy(1, estimate.gradient, gradient);
  if (usable.length > 0) scale(1 / usable.length, gradient);
  const { frozen } = problem.trained ?? { frozen: [] };
  for (const [from, to] of frozen) gradient.fill(0, from, to);
  const metaGradientNorm = norm(gradient);
  const unchanged = { metaParams, outer, metaGradientNorm };
  if (usable.length === 0) return unchanged;
  const { clipNorm, outerDecay, outerSteps } = config;
  if (clipNorm > 0 && metaGradientNorm > clipNorm) scale(clipNorm / metaGradientNorm, gradient);
  const next = metaParams.slice();
  const nextOuter = copyState(outer);
  const change = new Float32Array(next.length);
  outerOptimizer.update(gradient, nextOuter, { params: metaParams }, change);
  // the learning rate falls linearly to the share `outerDecay`
  axpy(1 - (1 - outerDecay) * (done / outerSteps), change, next);
  // weight decay included
  for (const [from, to] of frozen) next.set(metaParams.subarray(from, to), from);
  if (![next, ...Object.values(nextOuter.vectors)].every(allFinite)) return unchanged;
  return { metaParams: next, outer: nextOuter, metaGradientNorm };
}

/** What follows from a meta-validation: the best so far, and how the schedule goes on. */
function judged(
  training: MetaTraining,
  state: TrainerState,
  { loss }: Validation,
): { state: TrainerState; best: boolean } {
  const { schedule } = training.source;
  const { outerStep: number, metaParams } = state;
  const verdict = schedule.validated?.(state.schedule, loss);
  if (verdict === undefined) {
    const best = Number.isFinite(loss) && !(loss >= (state.best?.loss ?? Number.POSITIVE_INFINITY));
    return { state: best ? { ...state, best: { outerStep: number, loss } } : state, best };
  }
  const found = verdict.best && Number.isFinite(loss);
  const best = found ? { outerStep: number, loss, metaParams } : state.best;
  const judgedState = { ...state, schedule: verdict.state, best, stopped: verdict.stop ?? false };
  if (!verdict.fromBest || verdict.stop) return { state: judgedState, best: found };
  const { learned } = training.problem;
  return {
    best: found,
    state: {
      ...judgedState,
      metaParams: best?.metaParams ?? metaParams,
      outer: freshOuter(training.outerOptimizer, learned, training.config),
      instances: drawAll(training.source, verdict.state, (index) => state.instances[index]!.number + 1),
    },
  };
}

async function validateAll(
  { config, source }: MetaTraining,
  executor: Executor,
  { metaParams, schedule }: TrainerState,
): Promise<Validation> {
  const stream = streams(config.seed).validation;
  const horizon = source.schedule.validationHorizon(schedule);
  const requests = config.tasks.flatMap((_, task) =>
    Array.from({ length: config.validationSeeds }, (__, seed) => ({
      task,
      key: foldIn(stream, seed),
      steps: horizon,
    })),
  );
  const results = await executor.validations(metaParams, requests);
  const accuracies = results.flatMap(({ metrics }) => metrics.accuracy ?? []);
  return {
    loss: average(results.map(({ loss }) => loss)),
    meanLoss: average(results.map(({ meanLoss }) => meanLoss)),
    ...(accuracies.length > 0 && { accuracy: average(accuracies) }),
    horizon,
  };
}

function divergence(
  { tasks, seed }: MetaConfig,
  outerStep: number,
  fruitless: number,
  { draw, runs }: Instance,
): LowlandError {
  return new LowlandError(
    "E_DIVERGED",
    `meta-training diverged: nothing finite in the last ${fruitless} outer steps, up to ${outerStep} (task ${
      tasks[draw.task]
    }, inner step ${runs[0]?.step ?? 0}, seed ${seed}, instance key ${keyToString(draw.key)}); lower outerLearningRate, set clipNorm, or use shorter windows`,
  );
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
