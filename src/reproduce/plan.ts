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
   * Also at equal training loss: on each task and for runs of each length at best + share · (initial − best), where best
   * is the lowest meta-validation loss that tuning met with a plain optimizer after so many steps. A run is looked at
   * so many times.
   */
  readonly equalLoss?: { readonly share: number; readonly looks: number };
};

/** A whole experiment as plain data: what is meta-trained, what is compared with it, on what, and how it is measured. */
export interface Plan {
  readonly kind: "reproduce-quick" | "reproduce-paper";
  readonly title: string;
  readonly search: readonly PlannedSearch[];
  readonly metaRuns: readonly PlannedMetaRun[];
  /** Run directories of meta-training done elsewhere, taken over as they are. */
  readonly adopted: readonly string[];
  /** Run directories of a search done elsewhere, recorded. */
  readonly searched: readonly string[];
  /**
   * What goes around learned optimizers, each a candidate of the tuning stage as the baselines' settings are, such as
   * `scale:by=0.3+cosine`; by default nothing.
   */
  readonly around?: readonly [string, ...string[]];
  readonly baselines: readonly PlannedOptimizer[];
  /** How candidates are compared; needed where one has several. */
  readonly tuning?: Pick<TuningGrid, "seeds">;
  readonly tasks: readonly string[];
  readonly steps: readonly number[];
  readonly seeds: readonly number[];
  readonly sharpness: PlannedSharpness;
  /** The paper's are derived from what the learned optimizers are. */
  readonly comparisons?: readonly Pair[];
}
