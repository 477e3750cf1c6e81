import { compareOptimizers } from "../analysis/comparisons.ts";
import { recordsOf } from "../analysis/records.ts";
import { transferMatrix } from "../analysis/transfer.ts";
import type { StoreOptions } from "../data/datasets.ts";
import { withShortCurves, withShortNumbers } from "../evaluation/compact.ts";
import { datasetRecords } from "../evaluation/datasets.ts";
import { runGrid } from "../evaluation/grid.ts";
import { unique } from "../evaluation/group.ts";
import { identityOf } from "../evaluation/identity.ts";
import { type JobResult, runSecondsOf } from "../evaluation/jobs.ts";
import { regularizerRecords } from "../evaluation/regularizer-records.ts";
import type { Results, StageEstimate, TuningRecord } from "../evaluation/results.ts";
import type { Json } from "../evaluation/table.ts";
import { type TuningGrid, tuningJobs, tuningRecords } from "../evaluation/tuning.ts";
import { resolveMetaConfig } from "../meta/config.ts";
import { readWeights } from "../meta/weights.ts";
import { openResults, type ResultsDirectory } from "../report/directory.ts";
import { readTextIfAny, writeFileAtomic } from "../runs/files.ts";
import { loadTask } from "../tasks/load.ts";
import { prepareSetup } from "../threads/setup.ts";
import { pairsOf } from "./compare.ts";
import { calibrate, estimateStages, type Rates } from "./estimate.ts";
import { evaluationJobs, learnedOf, methodsOf } from "./evaluate.ts";
import { configOf } from "./meta-record.ts";
import { adopt, metaTrainAll } from "./meta-train.ts";
import type { Plan, PlannedOptimizer } from "./plan.ts";
import type { StageProgress } from "./progress.ts";
import { searchRecords, searchRegularizers, withChosen } from "./search.ts";

/** Points a run's curve keeps, and digits a number has, where there are thousands of runs. */
const CURVE_POINTS = 10;
const DIGITS = 9;

/** Folders of an experiment that stages keep what they made in. */
const STAGE_FOLDERS = ["meta", "search", "optimizers"];

/** How an experiment is run. */
export interface ReproduceOptions extends Omit<StoreOptions, "onProgress"> {
  readonly threads: number;
  readonly force?: boolean;
  /** Add to the experiment in the directory, of whatever plan: runs that both plans have in common are kept. */
  readonly extend?: boolean;
  readonly command: readonly string[];
  readonly provenance: Pick<Results, "command" | "version" | "kernelVariant" | "node" | "platform">;
  readonly onProgress?: (progress: StageProgress) => void;
  /** Called with what each stage should take before the first begins; without it nothing is measured or foretold. */
  readonly onEstimate?: (stages: readonly StageEstimate[]) => void;
  readonly signal?: AbortSignal;
}

/**
 * Runs an experiment in a directory, stage by stage: search → meta-train → tune → evaluate → compare → `results.json` and
 * `report.html`. Every stage keeps what it has done, so that an experiment that was interrupted anywhere, by whatever,
 * goes on from there when run again.
 *
 * @throws {LowlandError} what its stages throw; E_RUN if the directory holds results already
 */
export async function reproduce(directory: string, plan: Plan, options: ReproduceOptions): Promise<Results> {
  const { force = false, extend = false, provenance, onEstimate, ...rest } = options;
  const { threads } = rest;
  const started = performance.now();
  const sources = await readyFor(plan, storeOf(rest));
  const recorded = searchRecords(plan.searched);
  const output = openResults(directory, plan, {
    force,
    extend,
    identity: identityOf([], [...plan.tasks, ...sources], provenance),
    folders: STAGE_FOLDERS,
  });
  const estimates = onEstimate && estimateStages(plan, await ratesOf(output, plan, rest), threads);
  if (estimates !== undefined) onEstimate?.(estimates);

  const search = recorded.length > 0 ? recorded : await searchRegularizers(directory, plan.search, rest);
  const made = [
    ...(await metaTrainAll(directory, withChosen(plan.metaRuns, search), rest)),
    ...adopt(directory, plan.adopted),
  ];
  const learned = learnedOf(plan, made);
  const { tuning, runs: tuned } = await tune(plan, learned, output, rest);
  const jobs = evaluationJobs(plan, learned, tuning);
  const evaluated = await grid(jobs, "evaluate", output.journal, rest);
  const records = recordsOf(evaluated, methodsOf(plan, learned));

  const { tasks, steps, seeds, sharpness } = plan;
  const large = plan.kind === "reproduce-paper";
  const own = made.map(({ method }) => method);
  const regularizers = await regularizerRecords([
    ...made.map(({ record }) => record.regularizer),
    ...plan.baselines.map(({ method }) => method.regularizer),
  ]);
  const whole: Results = {
    schemaVersion: 2,
    kind: plan.kind,
    title: plan.title,
    ...provenance,
    seed: 0,
    durationSeconds: (performance.now() - started) / 1000,
    ...(large && { runSeconds: runSecondsOf([...tuned, ...evaluated]) }),
    settings: { tasks, steps, seeds, threads, sharpness: { ...sharpness } as Json },
    metaTraining: made.map(({ record }) => record),
    ...records,
    ...(large && { evaluations: withShortCurves(records.evaluations, CURVE_POINTS) }),
    regularizers,
    comparisons: compareOptimizers(records, pairsOf(plan, own, regularizers)),
    datasets: await datasetRecords([...tasks, ...sources], storeOf(rest)),
    ...(search.length > 0 && { search }),
    ...(tuning.length > 0 && { tuning }),
    ...(large && { transfer: transferMatrix(records, own) }),
    ...(estimates && { estimates }),
  };
  const results = large ? withShortNumbers(whole, DIGITS) : whole;
  await output.write(results);
  return results;
}

/**
 * Reads everything that an experiment starts from, so that what cannot be read is refused before anything is written or
 * removed. Returns the tasks of its meta-training.
 */
async function readyFor(plan: Plan, store: StoreOptions): Promise<string[]> {
  for (const path of plan.adopted) readWeights(path);
  const given = [...plan.adopted, ...plan.searched].map(configOf);
  const planned = [...plan.metaRuns, ...plan.search].map(({ config }) => resolveMetaConfig(config));
  const sources = unique([...given, ...planned].flatMap(({ tasks }) => tasks));
  for (const name of plan.tasks) (await loadTask(name, store)).close?.();
  await prepareSetup(sources, store);
  return sources;
}

type StageOptions = Omit<ReproduceOptions, "force" | "extend" | "provenance" | "onEstimate">;

/** Chooses the settings of every optimizer that has several to choose from. */
async function tune(
  plan: Plan,
  learned: readonly PlannedOptimizer[],
  output: ResultsDirectory,
  options: StageOptions,
): Promise<{ tuning: TuningRecord[]; runs: JobResult[] }> {
  const optimizers = [...learned, ...plan.baselines].filter(({ candidates }) => candidates.length > 1);
  if (plan.tuning === undefined || optimizers.length === 0) return { tuning: [], runs: [] };
  const { tasks, steps, tuning } = plan;
  const work: TuningGrid = { tasks, optimizers, steps, seeds: tuning.seeds };
  const runs = await grid(tuningJobs(work), "tune", output.tuningJournal, options);
  return { tuning: tuningRecords(runs, work), runs };
}

/** A grid of runs as a stage. */
function grid(
  jobs: Parameters<typeof runGrid>[0],
  stage: string,
  journal: string,
  options: StageOptions,
): ReturnType<typeof runGrid> {
  const { threads, signal, onProgress } = options;
  return runGrid(jobs, {
    ...storeOf(options),
    threads,
    journal,
    ...(signal && { signal }),
    onDone: (count, note) =>
      onProgress?.({ stage, unit: "runs", done: Math.floor(count), total: jobs.length, note }),
  });
}

/** What was measured of this machine when the experiment began. */
async function ratesOf(output: ResultsDirectory, plan: Plan, options: StageOptions): Promise<Rates> {
  const kept = readTextIfAny(output.rates);
  if (kept !== undefined) return JSON.parse(kept) as Rates;
  const tasks = plan.tasks.length;
  let done = 0;
  const rates = await calibrate(plan, {
    ...storeOf(options),
    onTask: (note) =>
      options.onProgress?.({
        stage: "measure this machine",
        unit: "tasks",
        done: Math.min(done++, tasks),
        total: tasks,
        note,
      }),
  });
  writeFileAtomic(output.rates, `${JSON.stringify(rates, null, 2)}\n`);
  return rates;
}

function storeOf({ threads, command, onProgress, signal, ...store }: StageOptions): StoreOptions {
  return store;
}
