// lowland: the core and what Node adds: native kernels, files, threads. What is not named here may change at any time.
import "./kernels/node.ts";

export { type ComparedRecords, compareOptimizers, type Pair } from "./analysis/comparisons.ts";
export { type Outcome, outcomeOf, type Tally, tallyOf } from "./analysis/decisions.ts";
export type { Fact } from "./analysis/facts.ts";
export { findingsOf } from "./analysis/findings.ts";
export { limitsOf } from "./analysis/limits.ts";
export { type Records, recordsOf } from "./analysis/records.ts";
export { bootstrapInterval, estimate, holm, pairedTest } from "./analysis/statistics.ts";
export { summarizeAtLoss, summarizeEvaluation, summarizeSharpness } from "./analysis/summaries.ts";
export { transferMatrix } from "./analysis/transfer.ts";
export { type Verdict, verdictsOf } from "./analysis/verdicts.ts";
export * from "./core.ts";
export {
  type Dataset,
  type DatasetSource,
  type LoadedDataset,
  loadDataset,
  type StoreOptions,
} from "./data/datasets.ts";
export type { DownloadProgress } from "./data/download.ts";
export { type GridOptions, runGrid } from "./evaluation/grid.ts";
export { type EvaluatedMethod, gridJobs, type Job, type JobResult } from "./evaluation/jobs.ts";
export { groupOf, isPlain, isSameMethod, methodKey, plainOf } from "./evaluation/method-id.ts";
export { loadLearned, loadMethod, type Method, type MethodIdentity } from "./evaluation/optimizers.ts";
export type {
  AtLossRecord,
  AtLossSeed,
  AtLossSummary,
  Comparison,
  CurvePoint,
  Estimate,
  EvaluationRecord,
  EvaluationSeed,
  EvaluationSummary,
  LandscapeRecord,
  Measured,
  MetaTrainingRecord,
  MethodId,
  MetricRecord,
  PairedTest,
  RadiusMeasures,
  RadiusSummary,
  RegularizerRecord,
  Results,
  SharpnessRecord,
  SharpnessSeed,
  SharpnessSummary,
  TransferCell,
} from "./evaluation/results.ts";
export { formatResults, parseResults } from "./evaluation/results-file.ts";
export { loadArchitecture } from "./learned/load.ts";
export { buildMetaTraining, loadEstimator, loadSchedule } from "./meta/build.ts";
export { decodeCheckpoint, encodeCheckpoint } from "./meta/checkpoint.ts";
export { progressOf } from "./meta/progress.ts";
export { type MetaMetrics, type MetaRunOptions, type MetaRunResult, runMetaTraining } from "./meta/run.ts";
export { openExecutor } from "./meta/threads.ts";
export { loadWeights, readWeights } from "./meta/weights.ts";
export { loadRegularizer } from "./regularizers/load.ts";
export { sentenceOf } from "./report/catalogue.ts";
export { type Labels, labelsOf } from "./report/labels.ts";
export { renderReport } from "./report/page.ts";
export { findCheckpoint } from "./runs/checkpoints.ts";
export { readMetrics } from "./runs/metrics.ts";
export { isRunDirectory } from "./runs/run.ts";
export {
  type DomainDescription,
  describeDomains,
  describeTasks,
  loadFamily,
  loadTask,
  TASK_NAMES,
  type TaskDescription,
} from "./tasks/load.ts";
export { describeZoo, loadZoo, type ZooEntry, zooCard, zooNames, zooPath } from "./zoo/zoo.ts";
