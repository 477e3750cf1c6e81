import { compareOptimizers } from "../analysis/comparisons.ts";
import { recordsOf } from "../analysis/records.ts";
import { transferMatrix } from "../analysis/transfer.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { StoreOptions } from "../data/datasets.ts";
import { withShortCurves, withShortNumbers } from "../evaluation/compact.ts";
import { datasetRecords } from "../evaluation/datasets.ts";
import { runGrid } from "../evaluation/grid.ts";
import { unique } from "../evaluation/group.ts";
import { identityOf } from "../evaluation/identity.ts";
import { type JobResult, runSecondsOf } from "../evaluation/jobs.ts";
import { regularizerRecords } from "../evaluation/regularizer-records.ts";
import { isLarge, type Results, type StageEstimate, type TuningRecord } from "../evaluation/results.ts";
import type { Json } from "../evaluation/table.ts";
import { type TuningGrid, tuningJobs, tuningRecords } from "../evaluation/tuning.ts";
import { resolveMetaConfig } from "../meta/config.ts";
import { openResults, type ResultsDirectory } from "../report/directory.ts";
import { readTextIfAny, writeFileAtomic } from "../runs/files.ts";
import { loadTask } from "../tasks/load.ts";
import { prepareSetup } from "../threads/setup.ts";
import { adopt, type Learned, readAdopted } from "./adopt.ts";
import { pairsOf } from "./compare.ts";
import { calibrate, estimateStages, type Rates } from "./estimate.ts";
import { evaluationJobs, learnedOf, methodsOf } from "./evaluate.ts";
import { configOf } from "./meta-record.ts";
import { metaTrainAll } from "./meta-train.ts";
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
  /** Workers elsewhere that do the work. */
  readonly cluster?: Pick<Cluster, "executor" | "pool">;
}

/**
 * Runs an experiment in a directory: search → meta-train → task by task tune → evaluate → compare → `results.json` and
 * `report.html`. Every stage keeps what it has done, so that an experiment that was interrupted anywhere, by whatever,
 * goes on from there when run again. The results of the tasks that are done are in `so-far` meanwhile.
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
    ...adopt(directory, plan.adopted, { extend }),
  ];
  const learned = learnedOf(plan, made);
  const done: Done = { tuning: [], tuned: [], evaluated: [] };
  const resultsSoFar = async (tasks: readonly string[]): Promise<Results> =>
    resultsOf({ ...plan, tasks }, made, done, {
      ...provenance,
      durationSeconds: (performance.now() - started) / 1000,
      threads,
      datasets: await datasetRecords([...tasks, ...sources], storeOf(rest)),
      ...(search.length > 0 && { search }),
      ...(estimates && { estimates }),
    });
  for (const [i, task] of plan.tasks.entries()) {
    const own = { ...plan, tasks: [task] };
    const { tuning, runs } = await tune(own, learned, output, rest);
    const jobs = evaluationJobs(own, learned, tuning);
    done.tuning.push(...tuning);
    done.tuned.push(...runs);
    done.evaluated.push(...(await grid(jobs, stageOn("evaluate", own), output.journal, rest)));
    const tasks = plan.tasks.slice(0, i + 1);
    if (tasks.length < plan.tasks.length) await output.writeSoFar(await resultsSoFar(tasks));
  }
  const results = await resultsSoFar(plan.tasks);
  await output.write(results);
  return results;
}

/** What the tasks of an experiment have come to, one after another. */
interface Done {
  readonly tuning: TuningRecord[];
  readonly tuned: JobResult[];
  readonly evaluated: JobResult[];
}

/** Everything that the runs of some tasks say. */
async function resultsOf(
  plan: Plan,
  made: readonly Learned[],
  { tuning, tuned, evaluated }: Done,
  { threads, ...known }: Known,
): Promise<Results> {
  const { kind, title, tasks, steps, seeds, sharpness } = plan;
  const large = isLarge(plan);
  const own = made.map(({ method }) => method);
  const records = recordsOf(evaluated, methodsOf(plan, learnedOf(plan, made)));
  const runs = made.flatMap(({ record }) => record ?? []);
  const regularizers = await regularizerRecords([
    ...made.map(({ regularizer }) => regularizer),
    ...plan.baselines.map(({ method }) => method.regularizer),
  ]);
  const whole: Results = {
    schemaVersion: 2,
    kind,
    title,
    ...known,
    seed: 0,
    ...(large && { runSeconds: runSecondsOf([...tuned, ...evaluated]) }),
    settings: { tasks, steps, seeds, threads, sharpness: { ...sharpness } as Json },
    metaTraining: runs,
    ...records,
    ...(large && { evaluations: withShortCurves(records.evaluations, CURVE_POINTS) }),
    regularizers,
    comparisons: compareOptimizers(records, pairsOf(plan, own, regularizers)),
    ...(tuning.length > 0 && { tuning }),
    ...(large && { transfer: transferMatrix(records, own) }),
  };
  return large ? withShortNumbers(whole, DIGITS) : whole;
}

/** What results say beside what the runs do. */
type Known = ReproduceOptions["provenance"] &
  Pick<Results, "durationSeconds" | "datasets" | "search" | "estimates"> & { readonly threads: number };

/** `tune mnist/mlp`. */
function stageOn(stage: string, { tasks }: Pick<Plan, "tasks">): string {
  return `${stage} ${tasks.join(", ")}`;
}

/**
 * Reads everything that an experiment starts from, so that what cannot be read is refused before anything is written or
 * removed. Returns the tasks of its own meta-training: those of meta-training done elsewhere are not read again.
 */
async function readyFor(plan: Plan, store: StoreOptions): Promise<string[]> {
  readAdopted(plan.adopted);
  plan.searched.forEach(configOf);
  const planned = [...plan.metaRuns, ...plan.search].map(({ config }) => resolveMetaConfig(config));
  const sources = unique(planned.flatMap(({ tasks }) => tasks));
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
  const runs = await grid(tuningJobs(work), stageOn("tune", plan), output.tuningJournal, options);
  return { tuning: tuningRecords(runs, work), runs };
}

/** A grid of runs as a stage. */
function grid(
  jobs: Parameters<typeof runGrid>[0],
  stage: string,
  journal: string,
  options: StageOptions,
): ReturnType<typeof runGrid> {
  const { threads, signal, onProgress, cluster } = options;
  return runGrid(jobs, {
    ...storeOf(options),
    threads,
    journal,
    ...(signal && { signal }),
    ...(cluster && { open: cluster.pool }),
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

function storeOf({ threads, command, onProgress, signal, cluster, ...store }: StageOptions): StoreOptions {
  return store;
}
