import type { StoreOptions } from "../data/datasets.ts";
import { LowlandError } from "../errors.ts";
import { loadArchitecture } from "../learned/load.ts";
import { importModule } from "../module.ts";
import { makeOptimizer } from "../optimizers/method.ts";
import { loadRegularizer } from "../regularizers/load.ts";
import { buildSpec, isModulePath, parseSpec } from "../spec.ts";
import type { TaskFamily } from "../tasks/family.ts";
import { loadFamily } from "../tasks/load.ts";
import { moduleOf } from "../tasks/names.ts";
import { assembleMetaTraining, type MetaParts } from "./assemble.ts";
import type { MetaConfig } from "./config.ts";
import { estimators } from "./estimators/registry.ts";
import { requireUnroll } from "./estimators/windows.ts";
import { metaObjectives } from "./objective.ts";
import type { MetaTraining } from "./outer-loop.ts";
import { outerOptimizerOf } from "./outer-optimizer.ts";
import { buildRegularization, checkRegularization } from "./regularization/registry.ts";
import { buildSchedule } from "./schedules/registry.ts";
import { trainedPart } from "./trained.ts";
import type { Estimator, Schedule } from "./types.ts";

/**
 * Builds what a configuration names, once for each thread: the door between spec strings and objects.
 *
 * @throws {LowlandError} E_CONFIG for unknown names, settings out of range and modules without what they should export;
 * E_DATA where a dataset is missing
 */
export async function buildMetaTraining(
  config: MetaConfig,
  options: StoreOptions = {},
): Promise<MetaTraining & { close(): void }> {
  const parts = await buildParts(config);
  const families: TaskFamily[] = [];
  for (const name of config.tasks) families.push(await loadFamily(name, options));
  return {
    ...assembleMetaTraining(config, parts, families),
    close() {
      for (const family of families) family.close();
    },
  };
}

/** Everything but the tasks: what can be checked before data are read. */
export async function buildParts(config: MetaConfig): Promise<MetaParts> {
  const learned = await loadArchitecture(config.learned);
  const estimator = await loadEstimator(config.estimator);
  const schedule = await loadSchedule(config.schedule);
  if (estimator.backpropagates) requireUnroll(learned);
  refuseRaggedWindows(estimator, schedule);
  const regularizer = await loadRegularizer(config.regularizer);
  const regularization = buildRegularization(config.regularization);
  const arms = await Promise.all((config.arms ?? []).map(loadRegularizer));
  checkRegularization(regularization, regularizer, arms);
  return {
    learned,
    estimator,
    regularizer,
    regularization,
    arms,
    schedule,
    objective: buildSpec(config.objective, "objective", metaObjectives),
    teacher: config.imitation === "none" ? undefined : makeOptimizer(config.imitation),
    trained: trainedPart(learned.layout, config.train),
    outerOptimizer: outerOptimizerOf(config),
  };
}

/** Throws where trainings that are all of one length do not divide into windows. */
function refuseRaggedWindows({ window, wholeWindows }: Estimator, { settings }: Schedule): void {
  const { horizon } = settings;
  if (!wholeWindows || window === undefined || typeof horizon !== "number" || horizon % window === 0) return;
  throw new LowlandError(
    "E_CONFIG",
    `horizon ${horizon} is no multiple of truncation ${window}; use horizon ${Math.ceil(horizon / window) * window}`,
  );
}

/** An estimator by spec string, or from a module of the user's own that exports an `Estimator` as default. */
export async function loadEstimator(spec: string): Promise<Estimator> {
  const { path } = parseSpec(spec);
  if (path === undefined || !isModulePath(path)) return buildSpec(spec, "estimator", estimators);
  const exported = await defaultOf("estimator", path);
  if (typeof (exported as Partial<Estimator>).open === "function") return exported as Estimator;
  throw new LowlandError(
    "E_CONFIG",
    `estimator module ${path} exports no estimator as default; export { name, settings, window, open }`,
  );
}

/** A schedule by spec string, or from a module of the user's own that exports a `Schedule` as default. */
export async function loadSchedule(spec: string): Promise<Schedule> {
  const { path } = parseSpec(spec);
  if (path === undefined || !isModulePath(path)) return buildSchedule(spec);
  const exported = await defaultOf("schedule", path);
  if (typeof (exported as Partial<Schedule>).horizon === "function") return exported as Schedule;
  throw new LowlandError(
    "E_CONFIG",
    `schedule module ${path} exports no schedule as default; export { name, settings, longest, initial, horizon, validationHorizon, stage }`,
  );
}

/** What a module exports as default; a function is called for it. */
async function defaultOf(kind: string, path: string): Promise<object> {
  const { default: exported } = await importModule(kind, path);
  const value: unknown = typeof exported === "function" ? await exported() : exported;
  return typeof value === "object" && value !== null ? value : {};
}

/** The modules of the user's own that a configuration names, by path. */
export function modulesOf(config: MetaConfig): string[] {
  const specs = [
    config.learned,
    config.regularizer,
    ...(config.arms ?? []),
    config.estimator,
    config.schedule,
  ];
  const paths = specs.flatMap((spec) => {
    const { path } = parseSpec(spec);
    return path !== undefined && isModulePath(path) ? [path] : [];
  });
  return [...config.tasks.flatMap((task) => moduleOf(task) ?? []), ...paths];
}
