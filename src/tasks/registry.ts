import {
  DATASET_NAMES,
  type LoadedDataset,
  listDatasets,
  loadDataset,
  type StoreOptions,
} from "../data/datasets.ts";
import { fingerprintOf } from "../data/fingerprints.ts";
import { LowlandError } from "../errors.ts";
import { importModule } from "../module.ts";
import { batchNorm, conv2d, maxPool } from "../nn/conv.ts";
import { dense, type Layer, relu, type Shape, sigmoid } from "../nn/layers.ts";
import { type Initialization, type Network, sequential } from "../nn/sequential.ts";
import { parseSpec, unknown } from "../spec.ts";
import { classificationTask } from "./classification.ts";
import { completeTask, type TaskObject } from "./complete.ts";
import type { Task } from "./types.ts";

/** A model that a task name can end in. */
export interface ModelEntry {
  readonly name: string;
  readonly description: string;
  readonly layers: readonly Layer[];
  readonly initialization: Initialization;
}

/** The standard initialization of the tasks: every parameter ~ N(0, 0.01²). */
const SMALL_NORMAL: Initialization = { kind: "normal", stddev: 0.01 };

/** The models of the task names. */
export const MODELS: readonly ModelEntry[] = [
  {
    name: "mlp",
    description: "20 sigmoid units",
    layers: [dense(20), sigmoid(), dense(10)],
    initialization: SMALL_NORMAL,
  },
  {
    name: "mlp-relu",
    description: "20 ReLU units",
    layers: [dense(20), relu(), dense(10)],
    initialization: SMALL_NORMAL,
  },
  {
    name: "cnn",
    description: "convolutions 3×3×16 and 5×5×32, each with ReLU and max-pooling",
    // ReLU after the pooling is the same function as before it, at a quarter of the work
    layers: [
      conv2d(16, { kernel: 3 }),
      maxPool(2),
      relu(),
      conv2d(32, { kernel: 5 }),
      maxPool(2),
      relu(),
      dense(10),
    ],
    initialization: { kind: "he" },
  },
  {
    name: "cnn-bn",
    description: "cnn with batch normalization before each ReLU",
    layers: [
      conv2d(16, { kernel: 3 }),
      batchNorm(),
      maxPool(2),
      relu(),
      conv2d(32, { kernel: 5 }),
      batchNorm(),
      maxPool(2),
      relu(),
      dense(10),
    ],
    initialization: { kind: "he" },
  },
];

/** Builds the network of a model for images of this shape. */
export function networkOf(model: ModelEntry, input: Shape): Network {
  return sequential(input, model.layers, model.initialization);
}

/** All task names, `<dataset>/<model>`. */
export const TASK_NAMES: readonly string[] = DATASET_NAMES.flatMap((dataset) =>
  MODELS.map((model) => `${dataset}/${model.name}`),
);

/** A dataset a thread already has, so that workers share one copy instead of reading the files again. */
const shared = new Map<string, LoadedDataset>();

/** Hands a dataset to `loadTask` of this thread. */
export function shareDataset(name: string, loaded: LoadedDataset): void {
  shared.set(name, loaded);
}

/** Datasets read so far in this thread. */
export function sharedDatasets(): ReadonlyMap<string, LoadedDataset> {
  return shared;
}

/** Fingerprints of the datasets of these tasks, by name: of those that are read. */
export function fingerprintsOf(tasks: readonly string[]): Record<string, string> {
  const names = new Set(tasks.map((task) => task.split("/")[0]!));
  return Object.fromEntries(
    [...shared].flatMap(([name, loaded]) =>
      names.has(name) ? [[name, fingerprintOf(loaded)] as const] : [],
    ),
  );
}

/**
 * Loads a task by name, `<dataset>/<model>`, or from a module of the user's own (`./my-task.mjs`), which exports a
 * `Task` or a function returning one as default or as `task`.
 *
 * @throws {LowlandError} E_CONFIG for an unknown name, with a suggestion; E_DATA when the dataset is missing or damaged
 * @example
 * const task = await loadTask("synthetic-digits/mlp");
 * const [params, gradient] = [new Float32Array(task.layout.size), new Float32Array(task.layout.size)];
 * task.init(key(0), params);
 * const loss = task.objective().lossAndGradient(params, key(1), gradient); // key(1) draws the minibatch
 */
export async function loadTask(name: string, options: StoreOptions = {}): Promise<Task> {
  const { path } = parseSpec(name);
  if (path !== undefined) return loadUserTask(path);
  refuseUnknownTask(name);
  const [datasetName = "", modelName = ""] = name.split("/");
  const model = MODELS.find((entry) => entry.name === modelName)!;
  let loaded = shared.get(datasetName);
  if (loaded === undefined) {
    loaded = await loadDataset(datasetName, options);
    shared.set(datasetName, loaded);
  }
  const { height, width, channels } = loaded.train;
  return classificationTask(name, networkOf(model, [height, width, channels]), loaded);
}

/**
 * Throws for a name that is no task's, before any data are looked for; modules are left to `loadTask`.
 *
 * @throws {LowlandError} E_CONFIG, with a suggestion
 */
export function refuseUnknownTask(name: string): void {
  if (parseSpec(name).path === undefined && !TASK_NAMES.includes(name)) {
    throw new LowlandError("E_CONFIG", unknown("task", name, TASK_NAMES));
  }
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
  return listDatasets(options).flatMap(({ name, height, width, channels, available }) =>
    MODELS.map((model) => ({
      name: `${name}/${model.name}`,
      parameters: networkOf(model, [height, width, channels]).layout.size,
      model: model.description,
      data: name,
      available,
    })),
  );
}
