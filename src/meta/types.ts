import type { Key } from "../random/key.ts";
import type { RegularizationState } from "./regularization/types.ts";
import type { InnerProblem } from "./rollout.ts";

/** One inner training before it starts: everything else follows from it. Plain data. */
export interface Draw {
  /** Which of the run's task families it is a sample of. */
  readonly task: number;
  /** Draws the sample, its initial parameters and its minibatches. */
  readonly key: Key;
  /** Inner steps it is said to have: what a learned optimizer reads as its length. */
  readonly horizon: number;
  /**
   * Inner steps counted as done at its start, a multiple of a window: it ends so much earlier. Staggers the first
   * trainings, so that an outer step sees windows from all phases of the horizon.
   */
  readonly start: number;
  /** Where the run's regularization stands, set anew for every outer step; missing where it is fixed. */
  readonly regularization?: { readonly outerStep: number; readonly state: RegularizationState };
}

/** An inner training under way, as plain data: what a window takes and gives back. */
export interface InnerState {
  /** Inner steps done. */
  readonly step: number;
  readonly params: Float32Array;
  /** Vectors of the learned optimizer's state. */
  readonly optimizer: Readonly<Record<string, Float32Array>>;
  /** The same of the teacher's, where there is one. */
  readonly teacher?: Readonly<Record<string, Float32Array>>;
  /** Plain loss and gradient at `params` on the minibatch of `step`, where the last window came to know them. */
  readonly known?: { readonly loss: number; readonly gradient: Float32Array };
}

/** One place of a meta-training run: the inner trainings that follow one another there. Plain data. */
export interface Instance {
  /** Which place, from 0. */
  readonly index: number;
  /** How many inner trainings were drawn here before the present one. */
  readonly number: number;
  readonly draw: Draw;
  /** The training under way, twice where an estimator runs antithetic pairs; none before its first step. */
  readonly runs: readonly InnerState[];
  /** What else the estimator keeps between windows. */
  readonly tensors: Readonly<Record<string, Float32Array>>;
}

/** What an estimator makes of one instance. */
export interface Estimate {
  /** Estimate of ∂(meta-objective)/∂φ; meaningless if `diverged`. */
  readonly gradient: Float32Array;
  readonly instance: Instance;
  /** Whether the inner training has come to its end, so that the next is to be drawn. */
  readonly done: boolean;
  /** Whether anything that the gradient is made of was not finite. */
  readonly diverged: boolean;
  /** Mean plain loss over the points seen. */
  readonly loss: number;
  /** Mean term of the meta-objective; missing where the window has none, as with `over=last` before a training's end. */
  readonly metaLoss?: number;
  /** What the regularizer added to the plain losses over these, where the regularization observes it. */
  readonly added?: number;
  /** Inner steps taken, those of both signs of a pair. */
  readonly innerSteps: number;
  /** Evaluations of the optimizee's gradient. */
  readonly gradientEvaluations: number;
}

/** What an estimate may depend on besides φ and the instance. */
export interface EstimateContext {
  /** Stage of the schedule in force. */
  readonly stage: number;
  /** The `number`-th inner training of a place, for windows that reach beyond the end of one. */
  next(index: number, number: number): Draw;
}

/** A gradient estimator, opened for one meta-training problem in one thread. */
export interface OpenEstimator {
  /**
   * (φ, instance) → estimate: a pure function, whatever was estimated before.
   */
  estimate(metaParams: Float32Array, instance: Instance, context: EstimateContext): Estimate;
  /** Frees its buffers. */
  close(): void;
}

/** Turns inner trainings into an estimate of the gradient of the meta-objective in φ. */
export interface Estimator {
  readonly name: string;
  readonly settings: Readonly<Record<string, number>>;
  /** Inner steps of one estimate; undefined: whole trainings. */
  readonly window: number | undefined;
  /** Whether it needs `unroll` of the learned optimizer. */
  readonly backpropagates?: boolean;
  /** Whether a training must end with a window: its length is then rounded up to whole windows. */
  readonly wholeWindows?: boolean;
  open(problem: InnerProblem): OpenEstimator;
}

/** Where a schedule stands: plain JSON, part of checkpoints. */
export type ScheduleState = Readonly<Record<string, number | null>>;

/** Which inner training comes next: its horizon, and how meta-training goes on after a meta-validation. */
export interface Schedule {
  readonly name: string;
  readonly settings: Readonly<Record<string, number | readonly number[]>>;
  /** Longest horizon it can draw. */
  readonly longest: number;
  initial(): ScheduleState;
  /** Inner steps of a training drawn by this key. */
  horizon(state: ScheduleState, key: Key): number;
  /** Inner steps of a meta-validation. */
  validationHorizon(state: ScheduleState): number;
  /** Which of the schedule's stages is in force; 0 where it has one. */
  stage(state: ScheduleState): number;
  /** Whether a meta-validation is needed before the next outer step: to know where a stage starts. */
  needsValidation?(state: ScheduleState): boolean;
  /** What follows from a meta-validation loss. Nothing, where missing. */
  validated?(state: ScheduleState, loss: number): ScheduleVerdict;
}

/** How meta-training goes on after a meta-validation. */
export interface ScheduleVerdict {
  readonly state: ScheduleState;
  /** Whether the loss is the best of its stage: the φ to keep. */
  readonly best: boolean;
  /** Go on from the best φ of the stage that ended. */
  readonly fromBest?: boolean;
  /** End meta-training. */
  readonly stop?: boolean;
}
