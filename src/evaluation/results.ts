import type { Read } from "./table.ts";

/**
 * The contents of `results.json`, schemaVersion 2: written by `evaluate`, `sharpness` and `reproduce`, read by `report`.
 * Types and reader come from this table. Additions are new optional fields, and readers ignore what they do not know; only
 * a change that breaks a reader raises the version, and then `migrate.ts` reads the one before.
 *
 * `measured` is a number, or null where it left the finite numbers (JSON has no NaN): a diverged run keeps its place among
 * the seeds and its missing values never enter a mean. `?` is optional, `[]` a list, `{}` an object by name, `a|b` one of.
 */
export const RESULTS = {
  Results: {
    schemaVersion: "2",
    kind: "reproduce-quick|reproduce-paper|reproduce-transfer|evaluate|sharpness",
    title: "string",
    /** The exact command that made the file. */
    command: "string",
    /** Of Lowland. */
    version: "string",
    /** `portable` or `fma`. */
    kernelVariant: "string",
    node: "string",
    /** `process.platform`-`process.arch`, and the processor if known. */
    platform: "string",
    seed: "integer",
    /** ISO 8601. */
    startedAt: "string?",
    /** Of the invocation that wrote the results. */
    durationSeconds: "size",
    /** Sum over all runs of tuning and evaluation, each on one thread, whenever they were made. */
    runSeconds: "size?",
    /** Resolved settings of the whole command. */
    settings: "json{}",
    metaTraining: "MetaTrainingRecord[]",
    evaluations: "EvaluationRecord[]",
    sharpness: "SharpnessRecord[]",
    /** Sharpness at equal training loss, where it was asked for. */
    sharpnessAtLoss: "AtLossRecord[]?",
    comparisons: "Comparison[]",
    /** What the tasks measure beside the loss, as they say it; the first of a task's own is what it is judged by. */
    metrics: "MetricRecord[]",
    /** What the regularizers say of themselves, by name. */
    regularizers: "RegularizerRecord{}",
    /** Where the data came from. */
    datasets: "DatasetRecord[]?",
    /** How settings of regularizers in the meta-objective were chosen. */
    search: "SearchRecord[]?",
    /** How settings of hand-designed optimizers were chosen. */
    tuning: "TuningRecord[]?",
    /** Meta-training task × test task × regularizer. */
    transfer: "TransferCell[]?",
    /** How long each stage was expected to take. */
    estimates: "StageEstimate[]?",
  },

  /**
   * Which optimizer a record is of. With a `source` it was meta-trained there with `regularizer` in the meta-objective;
   * without, `regularizer` is applied explicitly at every step. Without a `metaSeed`: its repetitions together.
   */
  MethodId: {
    /** Name or spec string: `lstm`, `adam`, `adam:lr=0.01`, `zoo:lstm-mnist`. */
    optimizer: "string",
    /** Name or spec string, or `none`. */
    regularizer: "string",
    /** Meta-training tasks. */
    source: "string[]?",
    /** Seed of the meta-training: runs that differ only in it are repetitions of one another. */
    metaSeed: "count?",
    /** Name of what else tells it apart: another meta-objective, weights of other programs (`published`). */
    recipe: "string?",
  },

  /** A mean over seeds with its spread and 95 % interval, over the `count` finite values; null what cannot be computed. */
  Estimate: {
    mean: "measured",
    /** Sample standard deviation (n − 1 in the denominator). */
    sd: "measured",
    low: "measured",
    high: "measured",
    count: "count",
    /** The mean is geometric, and the interval that of logarithms. */
    geometric: "boolean?",
  },

  /** What a task says of a metric. */
  MetricRecord: {
    name: "string",
    label: "string",
    better: "higher|lower",
    compare: "difference|ratio",
    format: "percent|number",
    /** [lowest, highest] it can be. */
    range: "number[]?",
  },

  RegularizerRecord: {
    label: "string",
    /** The quantity it is made to lower. */
    lowers: "maxLoss|surrogateGap|maxGradientNorm|trace|topEigenvalue|gradientNorm?",
  },

  /** One meta-training run. */
  MetaTrainingRecord: {
    method: "MethodId",
    /** Spec string of the regularizer in the meta-objective, or `none`. */
    regularizer: "string",
    outerSteps: "count",
    settings: "json{}",
    /** Mean meta-loss per inner step of the windows of one outer step. */
    metaLossCurve: "MetaLossPoint[]",
    metaValidationCurve: "MetaValidationPoint[]",
    /** Outer step of the checkpoint that was kept: the lowest meta-validation loss. */
    bestOuterStep: "count",
    seconds: "size",
    innerStepsPerSecond: "size",
    gradientEvaluations: "count",
  },
  MetaLossPoint: { outerStep: "count", metaLoss: "measured" },
  MetaValidationPoint: { outerStep: "count", loss: "measured", metrics: "measured{}?" },

  /** One optimizer on one task for one number of steps, over seeds. */
  EvaluationRecord: {
    task: "string",
    method: "MethodId",
    /** Spec string that rebuilds it. */
    spec: "string",
    group: "learned|hand-designed",
    /** Gradients of the task per inner step: 1 plain, 2 for SAM, 4 for GAM. */
    gradientsPerStep: "size",
    /** As met in this evaluation, with whatever else the machine was doing. */
    secondsPerStep: "size?",
    steps: "count",
    seeds: "EvaluationSeed[]",
    summary: "EvaluationSummary",
  },

  /** One inner training. */
  EvaluationSeed: {
    seed: "integer",
    /** Mean loss over the whole training split at the last step. */
    trainLoss: "measured",
    testLoss: "measured",
    /** The task's metrics on the test split. */
    metrics: "measured{}",
    curve: "CurvePoint[]",
    diverged: "boolean?",
  },

  /** `loss` is the mean minibatch loss since the point before; metrics, where measured, are on report-validation. */
  CurvePoint: { step: "count", loss: "measured", metrics: "measured{}?" },

  /** Means and intervals over seeds; those that diverged are counted and left out. */
  EvaluationSummary: {
    seeds: "count",
    diverged: "count",
    trainLoss: "Estimate",
    testLoss: "Estimate",
    metrics: "Estimate{}",
  },

  /** Sharpness around the points one optimizer reached on one task, over seeds. */
  SharpnessRecord: {
    task: "string",
    method: "MethodId",
    steps: "count",
    seeds: "SharpnessSeed[]",
    summary: "SharpnessSummary",
  },

  /** What was measured around the point that one seed reached; null where it diverged. */
  SharpnessSeed: {
    seed: "integer",
    loss: "measured",
    gradientNorm: "measured",
    topEigenvalue: "measured",
    radii: "RadiusMeasures[]",
    /** Trace of the Hessian, and its standard error over random probes. */
    trace: "measured?",
    traceStandardError: "measured?",
    /** The most positive Hessian eigenvalues in descending order, the most negative in ascending order. */
    largestEigenvalues: "measured[]?",
    smallestEigenvalues: "measured[]?",
    landscape: "LandscapeRecord?",
    /** Measures whose iteration ended before it converged: lower bounds, or with a larger error than usual. */
    unconverged: "topEigenvalue|trace|eigenvalues[]?",
    diverged: "boolean?",
  },

  /** Losses along one or two filter-normalized random directions: in two, at place j·points + i for (aᵢ, aⱼ). */
  LandscapeRecord: {
    dimensions: "1|2",
    /** Multiples of the directions, ascending, the same on both axes. */
    coordinates: "number[]",
    losses: "measured[]",
  },

  /** Sharpness where the training loss of one optimizer on one task first fell below a value, over seeds. */
  AtLossRecord: {
    task: "string",
    method: "MethodId",
    /** The value the loss on the examples of the measurement is below. */
    below: "number",
    /** The loss was looked at every so many steps: `step` is a multiple of it. */
    every: "count",
    /** Length of the runs: those that never got there by then have no measures. */
    maxSteps: "count",
    seeds: "AtLossSeed[]",
    summary: "AtLossSummary",
  },
  /** `step` is null where the run never got there. */
  AtLossSeed: { "...": "SharpnessSeed", step: "measured" },
  /** Over the seeds that got there. */
  AtLossSummary: { "...": "SharpnessSummary", reached: "count", step: "Estimate" },

  /** Measures in the L2 ball of one radius ρ around w. */
  RadiusMeasures: {
    radius: "positive",
    maxLoss: "measured",
    /** maxLoss − L(w). */
    surrogateGap: "measured",
    /** L(w + ρ g/‖g‖) − L(w). */
    oneStepGap: "measured",
    maxGradientNorm: "measured",
    /** surrogateGap − ρ‖g‖. */
    curvatureGap: "measured",
  },
  RadiusSummary: {
    radius: "positive",
    maxLoss: "Estimate",
    surrogateGap: "Estimate",
    oneStepGap: "Estimate",
    maxGradientNorm: "Estimate",
    curvatureGap: "Estimate",
  },
  /** Means and intervals over seeds. */
  SharpnessSummary: {
    seeds: "count",
    diverged: "count",
    loss: "Estimate",
    gradientNorm: "Estimate",
    topEigenvalue: "Estimate",
    radii: "RadiusSummary[]",
    trace: "Estimate?",
    largestEigenvalues: "Estimate[]?",
    smallestEigenvalues: "Estimate[]?",
  },

  /** A paired comparison: `candidate − baseline` over shared seeds. */
  PairedTest: {
    pairs: "count",
    meanDifference: "measured",
    /** 95 % interval of the mean difference, from the same t distribution as `p`. */
    low: "measured",
    high: "measured",
    /** Null also where every difference is the same: without spread nothing is known of it. */
    t: "measured",
    /** Two-sided; null where `t` is, but 1 where both sides are equal throughout. */
    p: "measured",
    /** Cohen's d_z: mean of the differences over their standard deviation. */
    effectSize: "measured",
  },

  /** A paired test of one measure between two optimizers over the seeds both ran. */
  Comparison: {
    "...": "PairedTest",
    task: "string",
    steps: "count",
    /** A metric's name, `trainLoss`, `topEigenvalue`, … */
    measure: "string",
    /** For measures in a ball. */
    radius: "number?",
    /** For measures where the training loss first fell below this value. */
    below: "number?",
    candidate: "MethodId",
    baseline: "MethodId",
    /** Steps of the baseline where they are others than the candidate's: as many gradients in fewer steps. */
    baselineSteps: "count?",
    /**
     * `share`: the test is of logarithms. `meanDifference`, `low` and `high` are then candidate / baseline − 1 (geometric
     * mean); t, p and the effect size are those of ln candidate − ln baseline. Otherwise all is in the measure's unit.
     */
    scale: "share?",
    /** Mean of the baseline over the same seeds: what a difference in the measure's unit is relative to. */
    baselineMean: "measured?",
    /** Repetitions that each seed's difference is the mean of, and how many of them differ in the direction of the mean. */
    repetitions: "count?",
    agreeing: "count?",
    /** `p` after Holm's correction over all comparisons made together. */
    pHolm: "measured",
  },

  /** A dataset as it was read. */
  DatasetRecord: {
    name: "string",
    kind: "files|synthetic",
    /** `official` if every byte has the checksum its makers publish, or the dataset is drawn by this program. */
    checksums: "official|not official",
    /** Examples that are trained on, four fifths of the official training set. */
    trainingExamples: "number?",
    /** What the folder's `NOTE.txt` says of it. */
    note: "string?",
  },

  /** A search over settings of one regularizer in the meta-objective, by meta-validation after short meta-training. */
  SearchRecord: {
    /** Name of the regularizer. */
    regularizer: "string",
    /** Meta-training tasks. */
    source: "string[]",
    candidates: "SearchCandidate[]",
    /** Spec string of the candidate with the lowest meta-validation loss. */
    chosen: "string",
  },
  /** The lowest meta-validation loss, null where it diverged; the metrics there and the outer step it was met at. */
  SearchCandidate: {
    spec: "string",
    outerSteps: "count",
    loss: "measured",
    metrics: "measured{}?",
    bestOuterStep: "count",
    gradientEvaluations: "count",
  },

  /** A search over settings of one hand-designed optimizer on one task, by meta-validation: test data are not read. */
  TuningRecord: {
    task: "string",
    method: "MethodId",
    seeds: "integer[]",
    candidates: "TuningCandidate[]",
    /** The candidate with the lowest mean loss after each number of steps. */
    chosen: "TuningChoice[]",
  },
  TuningChoice: { steps: "count", spec: "string" },
  /** `gradientEvaluations` of all seeds together. */
  TuningCandidate: { spec: "string", scores: "TuningScore[]", gradientEvaluations: "count" },
  /** Means over seeds; null if any seed diverged. */
  TuningScore: { steps: "count", loss: "measured", metrics: "measured{}?" },

  /** One measure of learned optimizers from one source and regularizer on one task, meta-seeds and seeds together. */
  TransferCell: {
    method: "MethodId",
    task: "string",
    steps: "count",
    measure: "string",
    radius: "positive?",
    value: "Estimate",
    /**
     * Against the plain optimizer of the same source and meta-seeds, seed by seed: the difference, or the geometric mean
     * of the ratios less one; missing where a ratio means nothing. `sd` is that of the differences or logarithms.
     */
    change: "Estimate?",
  },

  /** What a stage of an experiment was expected to take on this machine; `work` is `12 runs of 1,000 outer steps`. */
  StageEstimate: { stage: "string", work: "string", seconds: "size" },
} as const;

type Of<Name extends keyof typeof RESULTS> = Read<typeof RESULTS, Name>;

export interface Results extends Of<"Results"> {}
export interface MethodId extends Of<"MethodId"> {}
export interface Estimate extends Of<"Estimate"> {}
export interface MetricRecord extends Of<"MetricRecord"> {}
export interface RegularizerRecord extends Of<"RegularizerRecord"> {}
export interface MetaTrainingRecord extends Of<"MetaTrainingRecord"> {}
export interface EvaluationRecord extends Of<"EvaluationRecord"> {}
export interface EvaluationSeed extends Of<"EvaluationSeed"> {}
export interface EvaluationSummary extends Of<"EvaluationSummary"> {}
export interface CurvePoint extends Of<"CurvePoint"> {}
export interface SharpnessRecord extends Of<"SharpnessRecord"> {}
export interface SharpnessSeed extends Of<"SharpnessSeed"> {}
export interface SharpnessSummary extends Of<"SharpnessSummary"> {}
export interface RadiusMeasures extends Of<"RadiusMeasures"> {}
export interface RadiusSummary extends Of<"RadiusSummary"> {}
export interface LandscapeRecord extends Of<"LandscapeRecord"> {}
export interface AtLossRecord extends Of<"AtLossRecord"> {}
export interface AtLossSeed extends Of<"AtLossSeed"> {}
export interface AtLossSummary extends Of<"AtLossSummary"> {}
export interface PairedTest extends Of<"PairedTest"> {}
export interface Comparison extends Of<"Comparison"> {}
export interface DatasetRecord extends Of<"DatasetRecord"> {}
export interface SearchRecord extends Of<"SearchRecord"> {}
export interface SearchCandidate extends Of<"SearchCandidate"> {}
export interface TuningRecord extends Of<"TuningRecord"> {}
export interface TuningCandidate extends Of<"TuningCandidate"> {}
export interface TransferCell extends Of<"TransferCell"> {}
export interface StageEstimate extends Of<"StageEstimate"> {}

/** Whether these are thousands of runs: told by questions with answers, and kept short. */
export function isLarge({ kind }: Pick<Results, "kind">): boolean {
  return kind === "reproduce-paper" || kind === "reproduce-transfer";
}

/** A number, or null where it left the finite numbers. */
export type Measured = number | null;

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
