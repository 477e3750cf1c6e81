import type { Estimate, PairedTest } from "./statistics.ts";

/**
 * A measured number, or null where it left the finite numbers (JSON has no NaN): a diverged run keeps its place
 * among the seeds and its missing values never enter a mean.
 */
export type Measured = number | null;

/** What `--json` and `results.json` hold for settings: any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
export type Settings = Readonly<Record<string, Json>>;

/**
 * The contents of `results.json`, schemaVersion 1: written by `evaluate`, `sharpness` and `reproduce`, read by
 * `report`. Additions (a transfer matrix, landscapes) are new optional keys; readers ignore keys they do not
 * know. Only a change that breaks a reader raises `schemaVersion`.
 */
export interface Results {
  readonly schemaVersion: 1;
  readonly kind: "reproduce-quick" | "reproduce-paper" | "evaluate" | "sharpness";
  readonly title: string;
  /** The exact command that made the file. */
  readonly command: string;
  /** Of Lowland. */
  readonly version: string;
  /** `portable` or `fma`. */
  readonly kernelVariant: string;
  readonly node: string;
  /** `process.platform`-`process.arch`, and the processor if known. */
  readonly platform: string;
  readonly seed: number;
  /** ISO 8601. */
  readonly startedAt?: string;
  /** Of the invocation that wrote the results. */
  readonly durationSeconds: number;
  /** Sum over all runs of tuning and evaluation, each on one thread, whenever they were made. */
  readonly runSeconds?: number;
  /** Resolved settings of the whole command. */
  readonly settings: Settings;
  readonly metaTraining: readonly MetaTrainingRecord[];
  readonly evaluations: readonly EvaluationRecord[];
  readonly sharpness: readonly SharpnessRecord[];
  /** Sharpness at equal training loss, where it was asked for. */
  readonly sharpnessAtLoss?: readonly AtLossRecord[];
  readonly comparisons: readonly Comparison[];
  /** Where the data came from. */
  readonly datasets?: readonly DatasetRecord[];
  /** How settings of regularizers in the meta-objective were chosen. */
  readonly search?: readonly SearchRecord[];
  /** How settings of hand-designed optimizers were chosen. */
  readonly tuning?: readonly TuningRecord[];
  /** Meta-training task × test task × regularizer. */
  readonly transfer?: readonly TransferCell[];
  /** How long each stage was expected to take. */
  readonly estimates?: readonly StageEstimate[];
}

/** One meta-training run. */
export interface MetaTrainingRecord {
  /** Display name, the same as `optimizer` of its evaluations: `lstm + SAM`. */
  readonly name: string;
  /** Spec string of the regularizer in the meta-objective, or `none`. */
  readonly regularizer: string;
  readonly task: string;
  /** Seed of the meta-training: runs that differ only in it are repetitions of one another. */
  readonly metaSeed?: number;
  readonly outerSteps: number;
  readonly settings: Settings;
  /** Mean meta-loss per inner step of the windows of one outer step. */
  readonly metaLossCurve: readonly { readonly outerStep: number; readonly metaLoss: Measured }[];
  readonly metaValidationCurve: readonly {
    readonly outerStep: number;
    readonly loss: Measured;
    readonly accuracy?: Measured;
  }[];
  /** Outer step of the checkpoint that was kept: the lowest meta-validation loss. */
  readonly bestOuterStep: number;
  readonly seconds: number;
  readonly innerStepsPerSecond: number;
  readonly gradientEvaluations: number;
}

/** One optimizer on one task for one number of steps, over seeds. */
export interface EvaluationRecord {
  readonly task: string;
  /** Display name: `Adam + SAM`. */
  readonly optimizer: string;
  /** Spec string that rebuilds it. */
  readonly spec: string;
  readonly group: "learned" | "hand-designed";
  /** Gradients of the task per inner step: 1 plain, 2 for SAM, 4 for GAM. */
  readonly gradientsPerStep: number;
  /** As met in this evaluation, with whatever else the machine was doing. */
  readonly secondsPerStep?: number;
  readonly steps: number;
  readonly seeds: readonly EvaluationSeed[];
  readonly summary: EvaluationSummary;
}

/** One inner training. */
export interface EvaluationSeed {
  readonly seed: number;
  /** Mean loss over the whole training split at the last step. */
  readonly trainLoss: Measured;
  readonly testLoss: Measured;
  /** In [0, 1]; absent for tasks without classes. */
  readonly testAccuracy?: Measured;
  readonly curve: readonly CurvePoint[];
  readonly diverged?: boolean;
}

/**
 * `loss` is the mean minibatch loss since the point before; `validationAccuracy`, where it was measured, is that on the
 * report-validation split: the test set is read for final numbers only.
 */
export interface CurvePoint {
  readonly step: number;
  readonly loss: Measured;
  readonly validationAccuracy?: Measured;
}

/** Means and 95 % intervals of an `EvaluationRecord` over its seeds; those that diverged are counted and left out. */
export interface EvaluationSummary {
  readonly seeds: number;
  readonly diverged: number;
  readonly trainLoss: Estimate;
  readonly testLoss: Estimate;
  readonly testAccuracy?: Estimate;
}

/** Sharpness around the points one optimizer reached on one task, over seeds. */
export interface SharpnessRecord {
  readonly task: string;
  readonly optimizer: string;
  readonly steps: number;
  readonly seeds: readonly SharpnessSeed[];
  readonly summary: SharpnessSummary;
}

/** What was measured around the point that one seed reached; null where it diverged. */
export interface SharpnessSeed {
  readonly seed: number;
  readonly loss: Measured;
  readonly gradientNorm: Measured;
  readonly topEigenvalue: Measured;
  readonly radii: readonly RadiusMeasures[];
  /** Trace of the Hessian, and its standard error over random probes. */
  readonly trace?: Measured;
  readonly traceStandardError?: Measured;
  /** Hessian eigenvalues: the most positive in descending order, the most negative in ascending order. */
  readonly largestEigenvalues?: readonly Measured[];
  readonly smallestEigenvalues?: readonly Measured[];
  readonly landscape?: LandscapeRecord;
  /** Measures whose iteration ended before it converged: lower bounds, or estimates with a larger error than usual. */
  readonly unconverged?: readonly ("topEigenvalue" | "trace" | "eigenvalues")[];
  readonly diverged?: boolean;
}

/** Losses along one or two filter-normalized random directions: in two, at place j·points + i for (aᵢ, aⱼ). */
export interface LandscapeRecord {
  readonly dimensions: 1 | 2;
  /** Multiples of the directions, ascending, the same on both axes. */
  readonly coordinates: readonly number[];
  readonly losses: readonly Measured[];
}

/** Sharpness where the training loss of one optimizer on one task first fell below a value, over seeds. */
export interface AtLossRecord {
  readonly task: string;
  readonly optimizer: string;
  /** The value the loss on the examples of the measurement is below. */
  readonly below: number;
  /** The loss was looked at every so many steps: `step` is a multiple of it. */
  readonly every: number;
  /** Length of the runs: those that never got there by then have no measures. */
  readonly maxSteps: number;
  readonly seeds: readonly AtLossSeed[];
  readonly summary: AtLossSummary;
}

/** What was measured where one seed's loss was first seen below a value. */
export interface AtLossSeed extends SharpnessSeed {
  /** Null where the run never got there. */
  readonly step: number | null;
}

/** Over the seeds that got there. */
export interface AtLossSummary extends SharpnessSummary {
  readonly reached: number;
  readonly step: Estimate;
}

/** Measures in the L2 ball of one radius ρ around w. */
export interface RadiusMeasures {
  readonly radius: number;
  readonly maxLoss: Measured;
  /** maxLoss − L(w). */
  readonly surrogateGap: Measured;
  /** L(w + ρ g/‖g‖) − L(w). */
  readonly oneStepGap: Measured;
  readonly maxGradientNorm: Measured;
  /** surrogateGap − ρ‖g‖. */
  readonly curvatureGap: Measured;
}

/** Means and 95 % intervals of a `SharpnessRecord` over its seeds. */
export interface SharpnessSummary {
  readonly seeds: number;
  readonly diverged: number;
  readonly loss: Estimate;
  readonly gradientNorm: Estimate;
  readonly topEigenvalue: Estimate;
  readonly radii: readonly RadiusSummary[];
  readonly trace?: Estimate;
  readonly largestEigenvalues?: readonly Estimate[];
  readonly smallestEigenvalues?: readonly Estimate[];
}

/** Means and 95 % intervals of `RadiusMeasures` over seeds. */
export type RadiusSummary = { readonly radius: number } & {
  readonly [measure in RadiusMeasure]: Estimate;
};

/** A measure taken at a radius. */
export type RadiusMeasure = Exclude<keyof RadiusMeasures, "radius">;

/** Every measure taken at a radius. */
export const RADIUS_MEASURES: readonly RadiusMeasure[] = [
  "maxLoss",
  "surrogateGap",
  "oneStepGap",
  "maxGradientNorm",
  "curvatureGap",
];

/** A paired test of one measure between two optimizers over the seeds both ran. */
export interface Comparison extends PairedTest {
  readonly task: string;
  readonly steps: number;
  /** `testAccuracy`, `topEigenvalue`, … */
  readonly measure: string;
  /** For measures in a ball. */
  readonly radius?: number;
  /** For measures where the training loss first fell below this value. */
  readonly below?: number;
  readonly candidate: string;
  readonly baseline: string;
  /**
   * `share`: the test is of logarithms. `meanDifference`, `low` and `high` are then candidate / baseline − 1 (geometric
   * mean); t, p and the effect size are those of ln candidate − ln baseline. Otherwise everything is in the measure's unit.
   */
  readonly scale?: "share";
  /** Mean of the baseline over the same seeds: what a difference in the measure's unit is relative to. */
  readonly baselineMean?: Measured;
  /** Repetitions that each seed's difference is the mean of, and how many of them differ in the direction of the mean. */
  readonly repetitions?: number;
  readonly agreeing?: number;
  /** Where a regularized learned optimizer is compared with the plain one: what both were meta-trained on. */
  readonly source?: string;
  /** Name of the regularizer then: `sam`, `gsam`, `gam`. */
  readonly regularizer?: string;
  /** `p` after Holm's correction over all comparisons made together. */
  readonly pHolm: Measured;
}

/** A dataset as it was read. */
export interface DatasetRecord {
  readonly name: string;
  readonly kind: "files" | "synthetic";
  /** `official` if every byte has the checksum its makers publish, or the dataset is drawn by this program. */
  readonly checksums: "official" | "not official";
  /** Examples that are trained on, four fifths of the official training set. */
  readonly trainingExamples?: number;
  /** What the folder's `NOTE.txt` says of it. */
  readonly note?: string;
}

/** A search over settings of one regularizer in the meta-objective, by meta-validation after short meta-training. */
export interface SearchRecord {
  readonly regularizer: string;
  readonly task: string;
  readonly candidates: readonly SearchCandidate[];
  /** Spec string of the candidate with the lowest meta-validation loss. */
  readonly chosen: string;
}

export interface SearchCandidate {
  readonly spec: string;
  readonly outerSteps: number;
  /** Lowest meta-validation loss, null where it diverged; the accuracy there and the outer step it was met at. */
  readonly loss: Measured;
  readonly accuracy?: Measured;
  readonly bestOuterStep: number;
  readonly gradientEvaluations: number;
}

/** A search over settings of one hand-designed optimizer on one task, by meta-validation: test data are not read. */
export interface TuningRecord {
  readonly task: string;
  readonly optimizer: string;
  readonly seeds: readonly number[];
  readonly candidates: readonly TuningCandidate[];
  /** The candidate with the lowest mean loss after each number of steps. */
  readonly chosen: readonly { readonly steps: number; readonly spec: string }[];
}

export interface TuningCandidate {
  readonly spec: string;
  /** Means over seeds; null if any seed diverged. */
  readonly scores: readonly {
    readonly steps: number;
    readonly loss: Measured;
    readonly accuracy?: Measured;
  }[];
  /** Of all seeds together. */
  readonly gradientEvaluations: number;
}

/** One measure of learned optimizers from one source and regularizer on one task, meta-seeds and seeds together. */
export interface TransferCell {
  /** Meta-training task. */
  readonly source: string;
  /** Name of the regularizer in the meta-objective, or `none`. */
  readonly regularizer: string;
  readonly task: string;
  readonly steps: number;
  readonly measure: string;
  readonly radius?: number;
  readonly value: Estimate;
  /**
   * Against the plain optimizer of the same source and meta-seeds, seed by seed: the difference for accuracy, the geometric
   * mean of the ratios less one for everything else; missing where a value is not above zero. `sd` is that of the
   * differences, or of the logarithms of the ratios.
   */
  readonly change?: Estimate;
}

/** What a stage of an experiment was expected to take on this machine. */
export interface StageEstimate {
  readonly stage: string;
  /** `12 runs of 1,000 outer steps`. */
  readonly work: string;
  readonly seconds: number;
}
