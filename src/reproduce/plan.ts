import type { Pair } from "../analysis/comparisons.ts";
import type { Job } from "../evaluation/jobs.ts";
import type { MethodId } from "../evaluation/results.ts";
import type { Tunable, TuningGrid } from "../evaluation/tuning.ts";
import type { MetaConfigInput } from "../meta/config.ts";

/** One meta-training run of an experiment. */
export interface PlannedMetaRun {
  /** Folder of its run directory, under the experiment's. */
  readonly folder: string;
  readonly config: MetaConfigInput;
}

/** Settings of one regularizer in the meta-objective, to be chosen by short meta-training on one task. */
export interface PlannedSearch {
  /** Name of the regularizer. */
  readonly regularizer: string;
  /** Spec strings to choose from. */
  readonly candidates: readonly string[];
  /** The runs, up to the regularizer. */
  readonly config: MetaConfigInput;
}

/** An optimizer: with a fixed spec, or with candidates that the tuning stage chooses from. */
export interface PlannedOptimizer extends Tunable {
  readonly candidates: readonly [string, ...string[]];
  /** Numbers of steps it is run for, where they are others than the plan's. */
  readonly steps?: readonly number[];
}

/** A learned optimizer that was meta-trained elsewhere. */
export interface Adopted {
  /** A run directory, or a file of weights. */
  readonly path: string;
  /** What tells it from others of the same architecture, regularizer, tasks and seed. */
  readonly recipe?: string;
}

/** How sharpness is measured: not with the same care everywhere, because a gradient of a convolutional network is dear. */
export type PlannedSharpness = Omit<NonNullable<Job["sharpness"]>, "atLoss" | "steps"> & {
  /** What is different on tasks with these models. */
  readonly except?: {
    readonly models: readonly string[];
    readonly examples?: number;
    readonly ascentSteps?: number;
    readonly restarts?: number;
    /** No trace at equal training loss, where no test needs it: it takes half the time of a point. */
    readonly equalLossTrace?: false;
  };
  /** After which of the experiment's numbers of steps; default all. */
  readonly steps?: readonly number[];
  /** Baselines it is measured for; default all. Learned optimizers are always measured. */
  readonly baselines?: readonly MethodId[];
  /**
   * Also at equal training loss: on each task and for runs of each of the plan's lengths at best + share · (initial − best)
   * for each of some shares, where best is the lowest meta-validation loss that tuning met with a plain optimizer after so
   * many steps. A run is looked at so many times.
   */
  readonly equalLoss?: {
    readonly shares: readonly number[];
    readonly looks: number;
    /** Radii there, if others. */
    readonly radii?: readonly number[];
  };
};

/** As many candidates for learned optimizers as baselines have: what their own learning rate is multiplied with. */
export interface LearnedRates extends Pick<Tunable, "tunedFor"> {
  /** Learning rates: the ends of a logarithmic grid. */
  readonly rates: readonly [low: number, high: number];
  readonly schedules?: readonly string[];
  readonly count: number;
}

/** A whole experiment as plain data: what is meta-trained, what is compared with it, on what, and how it is measured. */
export interface Plan {
  readonly kind: "reproduce-quick" | "reproduce-paper" | "reproduce-transfer";
  readonly title: string;
  readonly search: readonly PlannedSearch[];
  readonly metaRuns: readonly PlannedMetaRun[];
  /** Learned optimizers that were meta-trained elsewhere, taken over as they are. */
  readonly adopted: readonly Adopted[];
  /** Run directories of a search done elsewhere, recorded. */
  readonly searched: readonly string[];
  /**
   * Learning rates that the tuning stage chooses from for learned optimizers whose architecture has one; those without, and
   * all of them by default, run as they are.
   */
  readonly learnedRates?: LearnedRates;
  readonly baselines: readonly PlannedOptimizer[];
  /** How candidates are compared; needed where one has several. */
  readonly tuning?: Pick<TuningGrid, "seeds">;
  readonly tasks: readonly string[];
  readonly steps: readonly number[];
  readonly seeds: readonly number[];
  readonly sharpness: PlannedSharpness;
  /** Hand-designed optimizer that learned ones are compared with, alone and with explicit regularizers. */
  readonly against?: string;
  /** Otherwise derived from what the learned optimizers are. */
  readonly comparisons?: readonly Pair[];
}
