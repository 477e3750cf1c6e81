import { readFileSync } from "node:fs";
import { datasetsToHandOver, fingerprintsOfOpened, openDataset } from "../data/cache.ts";
import type { LoadedDataset } from "../data/dataset.ts";
import { DATASET_NAMES, listDatasets, type StoreOptions } from "../data/datasets.ts";
import { LowlandError } from "../errors.ts";
import { importModule } from "../module.ts";
import type { Key } from "../random/key.ts";
import { buildSpec, type ParameterTable } from "../spec.ts";
import { completeTask, type TaskObject } from "./complete.ts";
import { domains } from "./domains/registry.ts";
import { augmentedFamily, classificationFamily, familyOf, type TaskFamily } from "./family.ts";
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
 * @throws {LowlandError} E_CONFIG for an unknown name, with a suggestion, or a family; E_DATA when the dataset is missing or
 * damaged
 * @example
 * const task = await loadTask("synthetic-digits/mlp");
 * const [params, gradient] = [new Float32Array(task.layout.size), new Float32Array(task.layout.size)];
 * task.init(key(0), params);
 * const loss = task.objective().lossAndGradient(params, key(1), gradient); // key(1) draws the minibatch
 */
export async function loadTask(name: string, options: StoreOptions = {}): Promise<Task> {
  const { path, augmentations } = parseTaskName(name, DATASET_NAMES);
  const loaded = path === undefined ? undefined : await loadUserTask(path);
  if (augmentations.length > 0 || (loaded !== undefined && "sample" in loaded)) {
    throw new LowlandError(
      "E_CONFIG",
      `${name} is a family of tasks, one task is wanted here; ${augmentations.length > 0 ? `leave out ${augmentations.map((each) => `+${each.name}`).join("")}` : "name a module that exports a task"}`,
    );
  }
  if (loaded !== undefined) return loaded;
  const family = await loadFamily(name, options);
  return { ...family.sample(ANY), close: () => family.close() };
}

/** A key for the one member of a family of one, and for a first sample of others. */
const ANY: Key = { hi: 0, lo: 0 };

/**
 * Loads a family of tasks by name: that of a task, followed by augmentations, which draw something anew for every sample.
 * A task is a family of one. A module of the user's own may export a `TaskFamily`, too.
 *
 * @throws {LowlandError} E_CONFIG for an unknown name or setting, with a suggestion; E_DATA when the dataset is missing or
 * damaged
 * @example
 * const family = await loadFamily("mnist@8/mlp-relu:hidden=32,batch=64+reparam:low=0.001,high=1000");
 * const task = family.sample(key(0));
 */
export async function loadFamily(name: string, options: StoreOptions = {}): Promise<TaskFamily> {
  const { path, domain, dataset, small, model, augmentations } = parseTaskName(name, DATASET_NAMES);
  if (domain !== undefined) {
    const task = domain(name, { read: readUserFile });
    return augmentations.length === 0 ? familyOf(task) : augmentedFamily(name, task, augmentations);
  }
  if (path !== undefined) {
    const loaded = await loadUserTask(path);
    if (augmentations.length === 0) return "sample" in loaded ? loaded : familyOf(loaded);
    if ("sample" in loaded) {
      throw new LowlandError(
        "E_CONFIG",
        `task module ${path} exports a family; augmentations go with a single task, leave them out`,
      );
    }
    return augmentedFamily(name, loaded, augmentations);
  }
  const data = await openDataset(dataset, options);
  const family = classificationFamily(name, data, { model: model!, small, augmentations });
  family.sample(ANY); // what cannot be built is refused now
  return family;
}

/**
 * Throws for a name that is no task's, before any data are looked for; modules are left to `loadTask`.
 *
 * @throws {LowlandError} E_CONFIG, with a suggestion
 */
export function refuseUnknownTask(name: string): void {
  parseTaskName(name, DATASET_NAMES);
}

async function loadUserTask(path: string): Promise<Task | TaskFamily> {
  const module = await importModule("task", path);
  const exported = module.default ?? module.task;
  const task: unknown = typeof exported === "function" ? await exported() : exported;
  if (isFamily(task))
    return { name: task.name, sample: (key) => completeTask(task.sample(key)), close: () => task.close?.() };
  if (!isTask(task)) {
    throw new LowlandError(
      "E_CONFIG",
      `task module ${path} exports no task; export one made by defineTask as default`,
    );
  }
  return completeTask(task);
}

function readUserFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new LowlandError(
      "E_DATA",
      `${path} cannot be read: ${(cause as Error).message}; correct the path`,
      {
        cause,
      },
    );
  }
}

/** A family as a module may write it. */
type FamilyObject = Pick<TaskFamily, "name"> & { sample(key: Key): TaskObject; close?(): void };

function isFamily(value: unknown): value is FamilyObject {
  return typeof (value as Partial<FamilyObject> | undefined)?.sample === "function";
}

function isTask(value: unknown): value is TaskObject {
  const task = value as Partial<TaskObject> | undefined;
  return (
    typeof task?.objective === "function" && typeof task.init === "function" && task.layout !== undefined
  );
}

/** A task of another domain as `lowland tasks` lists it. */
export interface DomainDescription {
  readonly name: string;
  readonly description: string;
  readonly parameters: ParameterTable;
}

/** Name and settings of every task of another domain. */
export function describeDomains(): DomainDescription[] {
  return Object.entries(domains).map(([name, { description, parameters }]) => ({
    name,
    description,
    parameters,
  }));
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
