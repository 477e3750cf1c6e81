import type { StoreOptions } from "../data/datasets.ts";
import type { Job } from "../evaluation/jobs.ts";
import { SHARPNESS_EXAMPLES_SEED } from "../evaluation/jobs.ts";
import { methodOf } from "../evaluation/method-id.ts";
import type { MethodId, StageEstimate } from "../evaluation/results.ts";
import { tuningJobs } from "../evaluation/tuning.ts";
import { openArena } from "../kernels/module.ts";
import { loadArchitecture } from "../learned/load.ts";
import { learnedOptimizers } from "../learned/registry.ts";
import { type LearnedOptimizer, optimizerOf } from "../learned/types.ts";
import { type MetaConfig, resolveMetaConfig } from "../meta/config.ts";
import { type MetaTrainingRates, measureMetaTraining, metaTrainingSeconds } from "../meta/estimate.ts";
import { makeOptimizer } from "../optimizers/method.ts";
import type { Optimizer } from "../optimizers/types.ts";
import { key } from "../random/key.ts";
import { countGradients } from "../regularizers/count.ts";
import { loadRegularizer } from "../regularizers/load.ts";
import { buildSpec, parseSpec } from "../spec.ts";
import { loadTask } from "../tasks/load.ts";
import type { Task } from "../tasks/types.ts";
import { type Learned, readAdopted } from "./adopt.ts";
import { evaluationJobs, learnedOf } from "./evaluate.ts";
import type { Plan } from "./plan.ts";

/** Seconds that the parts of a run on one task take on one core of this machine. */
export interface TaskRates {
  /** One minibatch gradient. */
  readonly gradient: number;
  /** One step of each optimizer, by the name or spec of what is measured, its gradient left out. */
  readonly steps: Readonly<Record<string, number>>;
  /** One pass over a tenth of the training set. */
  readonly validation: number;
  /** One gradient on 1,000 fixed examples. */
  readonly thousand: number;
}

/** Everything a stage's time is computed from. */
export interface Rates {
  readonly tasks: Readonly<Record<string, TaskRates>>;
  /** What meta-training takes, by `metaKey`. */
  readonly metaTraining: Readonly<Record<string, MetaTrainingRates>>;
  /** Gradients a step costs, by regularizer. */
  readonly gradients: Readonly<Record<string, number>>;
}

/** Gradients that an eigenvalue and a trace typically take, a Hessian-vector product counting as two. */
const SPECTRUM = { eigenvalue: 30, trace: 120 };
/** Accuracy is measured on a tenth of the training set so often along a run. */
const CURVE_VALIDATIONS = 10;
const MEASURE_SECONDS = 0.03;

/** Measures this machine for a few seconds on the tasks of a plan; see `estimateStages`. */
export async function calibrate(
  plan: Plan,
  { onTask, ...store }: StoreOptions & { readonly onTask?: (task: string) => void } = {},
): Promise<Rates> {
  const configs = plannedConfigs(plan);
  const optimizers = await optimizersOf(plan);
  const tasks: Record<string, TaskRates> = {};
  const gradients: Record<string, number> = {};
  for (const name of plan.tasks) {
    onTask?.(name);
    const task = await loadTask(name, store);
    try {
      tasks[name] = ratesOf(task, optimizers);
      if (Object.keys(gradients).length === 0) Object.assign(gradients, await gradientCosts(task, plan));
    } finally {
      task.close?.();
    }
  }
  const metaTraining: Record<string, MetaTrainingRates> = {};
  for (const config of configs) {
    const id = metaKey(config);
    if (metaTraining[id] !== undefined) continue;
    onTask?.(`meta-training with ${id}`);
    metaTraining[id] = await measureMetaTraining(config, store);
  }
  return { tasks, metaTraining, gradients };
}

/** What each stage should take with so many threads. Pure: the same rates always give the same table. */
export function estimateStages(plan: Plan, rates: Rates, threads: number): StageEstimate[] {
  const search = searchedConfigs(plan);
  const metaRuns = plan.metaRuns.map(({ config }) => resolveMetaConfig(config));
  const learned = learnedOf(plan, plannedLearned(plan));
  const all = [...learned, ...plan.baselines];
  const tuned = all.filter(({ candidates }) => candidates.length > 1);
  const sum = (seconds: readonly number[]): number => seconds.reduce((a, b) => a + b, 0);
  const ofRuns = (configs: readonly MetaConfig[]) =>
    sum(configs.map((config) => metaRunSeconds(config, rates, threads)));
  const methods = new Map(
    all.flatMap(({ method, candidates }) => candidates.map((spec) => [spec, method] as const)),
  );
  const ofJobs = (jobs: readonly Job[]) =>
    sum(jobs.map((job) => jobSeconds(job, rates, plan, methods.get(job.spec)!))) / threads;
  const ofTask = (task: string): StageEstimate[] => {
    const own = { ...plan, tasks: [task] };
    const { tuning: tuningSeeds, steps } = plan;
    const grid = { tasks: [task], optimizers: tuned, steps, seeds: tuningSeeds?.seeds ?? [] };
    const [tuning, final] = [tuningJobs(grid), evaluationJobs(own, learned, [])];
    return [
      { stage: `tune ${task}`, work: `${tuning.length} runs on meta-validation`, seconds: ofJobs(tuning) },
      { stage: `evaluate ${task}`, work: `${final.length} runs or more`, seconds: ofJobs(final) },
    ];
  };
  const stages: StageEstimate[] = [
    { stage: "search", work: `${search.length} short meta-training runs`, seconds: ofRuns(search) },
    { stage: "meta-train", work: `${metaRuns.length} runs`, seconds: ofRuns(metaRuns) },
    ...plan.tasks.flatMap(ofTask),
  ];
  return stages.filter(({ seconds }) => seconds > 0);
}

/** The learned optimizers that a plan will have, before there are any: methods and specs are stand-ins where they are made. */
function plannedLearned({ metaRuns, adopted }: Plan): Pick<Learned, "method" | "spec" | "lr">[] {
  return [
    ...metaRuns.map(({ config }, i) => {
      const resolved = resolveMetaConfig(config);
      const { path } = parseSpec(resolved.learned);
      const own = path === undefined && buildSpec(resolved.learned, "learned optimizer", learnedOptimizers);
      return { method: methodOf(resolved), spec: `learned:${i}`, ...(own && rateOf(own)) };
    }),
    ...readAdopted(adopted).map(({ method, path, weights }) => ({
      method,
      spec: `learned:${path}`,
      ...rateOf(weights.learned),
    })),
  ];
}

const rateOf = ({ settings }: LearnedOptimizer) => (settings.lr === undefined ? {} : { lr: settings.lr });

function metaRunSeconds(config: MetaConfig, rates: Rates, threads: number): number {
  return metaTrainingSeconds(
    config,
    rates.metaTraining[metaKey(config)]!,
    Math.min(threads, config.instances),
  );
}

/** What the time of an estimate depends on in an experiment: tasks, and the name of the regularizer. */
export function metaKey({ tasks, regularizer }: Pick<MetaConfig, "tasks" | "regularizer">): string {
  return `${parseSpec(regularizer).name} on ${tasks.join(", ")}`;
}

/** Configurations of every meta-training run, those of the search among them. */
function plannedConfigs(plan: Plan): MetaConfig[] {
  return [...plan.metaRuns.map(({ config }) => resolveMetaConfig(config)), ...searchedConfigs(plan)];
}

function searchedConfigs({ search }: Plan): MetaConfig[] {
  return search.flatMap(({ candidates, config }) =>
    candidates.map((regularizer) => resolveMetaConfig({ ...config, regularizer })),
  );
}

function jobSeconds(
  { task, steps, select, sharpness }: Job,
  rates: Rates,
  plan: Plan,
  { optimizer, regularizer, source }: MethodId,
): number {
  const own = rates.tasks[task]!;
  const gradients = source === undefined ? (rates.gradients[regularizer] ?? 1) : 1;
  const perStep = own.gradient * gradients + (own.steps[optimizer] ?? 0);
  // training set and test set together are ten tenths
  const passes = select ? steps.length : steps.length * 10 + CURVE_VALIDATIONS;
  const training = Math.max(...steps) * perStep + passes * own.validation;
  if (sharpness === undefined) return training;
  const { radii, ascentSteps = 20, restarts = 3, trace, eigenvalues = 0, examples } = sharpness;
  const spectrum = SPECTRUM.eigenvalue + (trace ? SPECTRUM.trace : 0) + 80 * eigenvalues;
  const ball = restarts * (4 * ascentSteps + 2) + 1;
  const pointIn = (count: number) => count * ball + spectrum;
  const { equalLoss } = plan.sharpness;
  const level = pointIn(equalLoss?.radii?.length ?? radii.length);
  const equal = equalLoss === undefined ? 0 : equalLoss.shares.length * level + equalLoss.looks;
  return (
    training + (sharpness.steps.length * pointIn(radii.length) + equal) * own.thousand * (examples / 1000)
  );
}

/** Gradients a step costs with each regularizer of a plan, by spec and by name, counted on one point. */
async function gradientCosts(task: Task, plan: Plan): Promise<Record<string, number>> {
  const specs = new Set([
    ...plan.metaRuns.map(({ config }) => config.regularizer ?? "none"),
    ...plan.search.flatMap(({ candidates }) => candidates),
    ...plan.baselines.map(({ method }) => method.regularizer),
  ]);
  const costs: Record<string, number> = {};
  const arena = openArena();
  try {
    const params = arena.float32(task.layout.size);
    const gradient = arena.float32(task.layout.size);
    task.init(key(0), params);
    for (const spec of specs) {
      const counted = countGradients(task.objective("train"));
      (await loadRegularizer(spec)).apply(counted).lossAndGradient(params, key(1), gradient);
      costs[spec] = counted.gradients;
    }
  } finally {
    arena.close();
  }
  return costs;
}

/** Every kind of optimizer of a plan, learned ones with random weights. */
async function optimizersOf(plan: Plan): Promise<Map<string, Optimizer>> {
  const optimizers = new Map<string, Optimizer>();
  const configs = plannedConfigs(plan);
  const architectures = [
    ...(await Promise.all(configs.map(({ learned }) => loadArchitecture(learned)))).map(
      (learned, i) => [methodOf(configs[i]!).optimizer, learned] as const,
    ),
    ...readAdopted(plan.adopted).map(({ method, weights }) => [method.optimizer, weights.learned] as const),
  ];
  for (const [name, learned] of architectures) {
    const metaParams = new Float32Array(learned.layout.size);
    learned.init(key(0), metaParams);
    optimizers.set(name, optimizerOf(learned, metaParams));
  }
  for (const { method } of plan.baselines) optimizers.set(method.optimizer, makeOptimizer(method.optimizer));
  return optimizers;
}

function ratesOf(task: Task, optimizers: ReadonlyMap<string, Optimizer>): TaskRates {
  const arena = openArena();
  try {
    const params = arena.float32(task.layout.size);
    const gradient = arena.float32(task.layout.size);
    task.init(key(0), params);
    const objective = task.objective("train");
    const fixed = task.fixedObjective({ count: 1000, key: key(SHARPNESS_EXAMPLES_SEED) });
    return {
      gradient: secondsOf(() => objective.lossAndGradient(params, key(1), gradient)),
      thousand: secondsOf(() => fixed.lossAndGradient(params, key(1), gradient)),
      validation: secondsOf(() => task.evaluate(params, "meta-validation")),
      steps: Object.fromEntries(
        [...optimizers].map(([name, optimizer]) => {
          const state = optimizer.init(task.layout, { arena, horizon: 1000 });
          return [name, secondsOf(() => optimizer.step(params, gradient, state, { loss: 1 }))];
        }),
      ),
    };
  } finally {
    arena.close();
  }
}

/** Mean seconds of a call, the first of them left out. */
function secondsOf(work: () => unknown): number {
  work();
  const started = performance.now();
  let calls = 0;
  let seconds = 0;
  while (seconds < MEASURE_SECONDS) {
    work();
    calls++;
    seconds = (performance.now() - started) / 1000;
  }
  return seconds / calls;
}
