import type { Key } from "../../random/key.ts";

/** Where a regularization stands: plain JSON, part of checkpoints. */
export type RegularizationState = Readonly<Record<string, number | null | readonly number[]>>;

/** Where a term of the meta-objective is taken. */
export interface Moment {
  /** Outer steps done. */
  readonly outerStep: number;
  /** Inner steps done, those included that a staggered training counts as done at its start. */
  readonly innerStep: number;
  readonly horizon: number;
  /** ‖u‖ of the last inner step; NaN where no regularization reads it. */
  readonly update: number;
}

/** What takes the place of the regularizer that a run was configured with. */
export interface InForce {
  /** Which of the run's arms; the run's regularizer where missing. */
  readonly arm?: number;
  /** Settings in place of its own. */
  readonly settings: Readonly<Record<string, number>>;
}

/** What an outer step showed. */
export interface Shown {
  /** Outer steps done, this one included. */
  readonly outerStep: number;
  /** S: what the regularizer added to the losses over these, over the terms of the step; where it was observed. */
  readonly added: number | undefined;
  /** Loss of the meta-validation that followed, if one did. */
  readonly validation: number | undefined;
  /** Draws what has to be drawn. */
  readonly key: Key;
}

/** What of a meta-objective's regularizer changes while meta-training goes on, and by what rule. */
export interface Regularization {
  readonly name: string;
  readonly settings: Readonly<Record<string, number | string>>;
  /** The settings of the regularizer that it changes. */
  readonly changes: readonly string[];
  /** Whether it chooses among arms. */
  readonly chooses?: boolean;
  /** Whether it needs to know what the regularizer adds to the loss. */
  readonly observes?: boolean;
  /** Whether it reads the length of updates. */
  readonly readsUpdate?: boolean;
  /** @param arms how many there are to choose from */
  initial(arms: number, key: Key): RegularizationState;
  inForce(state: RegularizationState, moment: Moment): InForce;
  next(state: RegularizationState, shown: Shown): RegularizationState;
  /** What is recorded of a step: the state in a few numbers. */
  numbers(state: RegularizationState, outerStep: number): Readonly<Record<string, number>>;
}
