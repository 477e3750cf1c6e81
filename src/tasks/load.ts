import { datasetsToHandOver, fingerprintsOfOpened, openDataset } from "../data/cache.ts";
import type { LoadedDataset } from "../data/dataset.ts";
import { DATASET_NAMES, listDatasets, type StoreOptions } from "../data/datasets.ts";
import { LowlandError } from "../errors.ts";
import { importModule } from "../module.ts";
import { buildSpec } from "../spec.ts";
import { classificationTask } from "./classification.ts";
import { completeTask, type TaskObject } from "./complete.ts";
import { models, networkOf } from "./models.ts";
import { datasetOf, parseTaskName } from "./names.ts";
import type { Task } from "./types.ts";

/** All task names without settings, `<dataset>/<model>`. */
export const TASK_NAMES: readonly string[] = DATASET_NAMES.flatMap((dataset) =>
  Object.keys(models).map((model) => `${dataset}/${model}`),
);

/** The datasets of these tasks, each once: `mnist@8`. */
export function datasetsOf(tasks: readonly string[]): string[] {
  return [...new Set(tasks.flatMap((task) => datasetOf(task) ?? []))];
}

/** Fingerprints of the datasets of these tasks, by name: of those that are read. */
export function fingerprintsOf(tasks: readonly string[], options?: StoreOptions): Record<string, string> {
  return fingerprintsOfOpened(datasetsOf(tasks), options);
}

/** The datasets of these tasks, for `receiveDatasets` in another thread. */
export function sharedDatasets(
  tasks: readonly string[],
  options: StoreOptions = {},
): Promise<ReadonlyMap<string, LoadedDataset>> {
  return datasetsToHandOver(datasetsOf(tasks), options);
}

/**
 * Loads a task by name, `<dataset>[@size]/<model>[:settings]`, or from a module of the user's own (`./my-task.mjs`), which
 * exports a `Task` or a function returning one as default or as `task`.
 *
 * `mnist@8/mlp-relu:hidden=32,batch=64` is MNIST at 8×8, grey, for 32 ReLU units, 64 examples a minibatch.
 *
 * @throws {LowlandError} E_CONFIG for an unknown name, with a suggestion; E_DATA when the dataset is missing or damaged
 * @example
 * const task = await loadTask("synthetic-digits/mlp");
 * const [params, gradient] = [new Float32Array(task.layout.size), new Float32Array(task.layout.size)];
 * task.init(key(0), params);
 * const loss = task.objective().lossAndGradient(params, key(1), gradient); // key(1) draws the minibatch
 */
export async function loadTask(name: string, options: StoreOptions = {}): Promise<Task> {
  const { path, dataset, small, model, augmentations } = parseTaskName(name, DATASET_NAMES);
  if (augmentations.length > 0) {
    throw new LowlandError(
      "E_CONFIG",
      `${name} is a family of tasks, one task is wanted here; leave out +${augmentations.join("+")}`,
    );
  }
  if (path !== undefined) return loadUserTask(path);
  const data = await openDataset(dataset, options);
  const { height, width, channels, classes } = data.train;
  const network = networkOf(model!, [height, width, channels], { classes, small });
  return classificationTask(name, network, data, { batchSize: model!.batchSize });
}

/**
 * Throws for a name that is no task's, before any data are looked for; modules are left to `loadTask`.
 *
 * @throws {LowlandError} E_CONFIG, with a suggestion
 */
export function refuseUnknownTask(name: string): void {
  parseTaskName(name, DATASET_NAMES);
}

async function loadUserTask(path: string): Promise<Task> {
  const module = await importModule("task", path);
  const exported = module.default ?? module.task;
  const task: unknown = typeof exported === "function" ? await exported() : exported;
  if (!isTask(task)) {
    throw new LowlandError(
      "E_CONFIG",
      `task module ${path} exports no task; export one made by defineTask as default`,
    );
  }
  return completeTask(task);
}

function isTask(value: unknown): value is TaskObject {
  const task = value as Partial<TaskObject> | undefined;
  return (
    typeof task?.objective === "function" && typeof task.init === "function" && task.layout !== undefined
  );
}

/** A task as `lowland tasks` lists it. */
export interface TaskDescription {
  readonly name: string;
  /** Number of parameters. */
  readonly parameters: number;
  readonly model: string;
  readonly data: string;
  /** Whether the dataset can be used without the network. */
  readonly available: boolean;
}

/** Name, size and data of every registered task. */
export function describeTasks(options: StoreOptions = {}): TaskDescription[] {
  return listDatasets(options).flatMap(({ name, height, width, channels, classes, available }) =>
    Object.entries(models).map(([model, { description }]) => ({
      name: `${name}/${model}`,
      parameters: networkOf(buildSpec(model, "model", models), [height, width, channels], { classes }).layout
        .size,
      model: description,
      data: name,
      available,
    })),
  );
}
