// lowland: the core and what Node adds: native kernels, files, threads. What is not named here may change at any time.
import "./kernels/node.ts";

export * from "./core.ts";
export {
  type Dataset,
  type DatasetSource,
  type LoadedDataset,
  loadDataset,
  type StoreOptions,
} from "./data/datasets.ts";
export type { DownloadProgress } from "./data/download.ts";
export { type ComparedRecords, compareOptimizers, type Pair, type Side } from "./evaluation/comparisons.ts";
export { type GridOptions, runGrid } from "./evaluation/grid.ts";
export { gridJobs, type Job, type JobResult, type NamedMethod, recordsOf } from "./evaluation/jobs.ts";
export { loadLearned, loadMethod, type Method, type MethodIdentity } from "./evaluation/optimizers.ts";
export type {
  AtLossRecord,
  AtLossSeed,
  AtLossSummary,
  Comparison,
  CurvePoint,
  EvaluationRecord,
  EvaluationSeed,
  EvaluationSummary,
  LandscapeRecord,
  Measured,
  MetaTrainingRecord,
  RadiusMeasures,
  RadiusSummary,
  Results,
  SharpnessRecord,
  SharpnessSeed,
  SharpnessSummary,
  TransferCell,
} from "./evaluation/results.ts";
export { formatResults, parseResults } from "./evaluation/results-file.ts";
export {
  bootstrapInterval,
  type Estimate,
  estimate,
  holm,
  type PairedTest,
  pairedTest,
} from "./evaluation/statistics.ts";
export { summarizeAtLoss, summarizeEvaluation, summarizeSharpness } from "./evaluation/summaries.ts";
export { type Milestone, type Selection, type TrainingRun, trainRun } from "./evaluation/train.ts";
export { type Lineage, transferMatrix } from "./evaluation/transfer.ts";
export { loadArchitecture } from "./learned/load.ts";
export { buildMetaTraining, loadEstimator, loadSchedule } from "./meta/build.ts";
export { decodeCheckpoint, encodeCheckpoint } from "./meta/checkpoint.ts";
export { progressOf } from "./meta/progress.ts";
export { type MetaMetrics, type MetaRunOptions, type MetaRunResult, runMetaTraining } from "./meta/run.ts";
export { openExecutor } from "./meta/threads.ts";
export { loadWeights, readWeights } from "./meta/weights.ts";
export { loadRegularizer } from "./regularizers/load.ts";
export { renderReport } from "./report/page.ts";
export { findCheckpoint } from "./runs/checkpoints.ts";
export { readMetrics } from "./runs/metrics.ts";
export { isRunDirectory } from "./runs/run.ts";
export { describeTasks, loadFamily, loadTask, TASK_NAMES, type TaskDescription } from "./tasks/load.ts";
export { describeZoo, loadZoo, type ZooEntry, zooCard, zooNames, zooPath } from "./zoo/zoo.ts";
