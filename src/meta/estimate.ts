import type { StoreOptions } from "../data/datasets.ts";
import { kernels } from "../kernels/module.ts";
import { divideThreads } from "../kernels/threads.ts";
import { foldIn, key } from "../random/key.ts";
import { buildMetaTraining } from "./build.ts";
import type { MetaConfig } from "./config.ts";
import { openMetaWorker } from "./executor.ts";
import { initialState } from "./outer-loop.ts";

/** How long the first estimates are repeated, in seconds: code runs slowly until it is compiled. */
const MEASURE_SECONDS = 1;

/** Steps of a meta-validation that are measured; longer ones take as much longer. */
const VALIDATION_STEPS = 100;

/** Seconds that the parts of a meta-training run take on one thread. */
export interface MetaTrainingRates {
  /** A gradient estimate of one instance. */
  readonly estimate: number;
  /** One meta-validation of one task. */
  readonly validation: number;
}

/**
 * Seconds that a meta-training run will take here, from its first estimates and one meta-validation: the time of one on
 * this thread, times their number, over the threads that share them. A curriculum may stop before.
 */
export async function estimateSeconds(
  config: MetaConfig,
  { threads = 1, ...store }: StoreOptions & { threads?: number } = {},
): Promise<number> {
  const { workers, inside } = divideThreads(threads, config.instances);
  kernels().useThreads(inside);
  return metaTrainingSeconds(config, await measureMetaTraining(config, store), workers);
}

/** The same from what was measured before. */
export function metaTrainingSeconds(
  { outerSteps, instances, checkpointEvery, validationSeeds, tasks }: MetaConfig,
  { estimate, validation }: MetaTrainingRates,
  workers: number,
): number {
  const validations = Math.ceil(outerSteps / checkpointEvery) * validationSeeds * tasks.length;
  return (outerSteps * instances * estimate + validations * validation) / workers;
}

/** Measures a run's parts for a second or two. */
export async function measureMetaTraining(
  config: MetaConfig,
  store: StoreOptions = {},
): Promise<MetaTrainingRates> {
  const training = await buildMetaTraining(config, store);
  const worker = openMetaWorker(training);
  try {
    const { metaParams, instances, schedule } = initialState(training);
    const started = performance.now();
    const ends: number[] = [];
    do {
      worker.estimate(metaParams, instances[ends.length % instances.length]!, schedule);
      ends.push((performance.now() - started) / 1000);
    } while (ends.at(-1)! < MEASURE_SECONDS);
    // the first half is compiled code in part only
    const half = Math.floor(ends.length / 2);
    const estimate = (ends.at(-1)! - (ends[half - 1] ?? 0)) / (ends.length - half);
    const steps = training.source.schedule.validationHorizon(schedule);
    const few = Math.min(steps, VALIDATION_STEPS);
    const timed = (count: number): number => {
      const before = performance.now();
      worker.validate(metaParams, { task: 0, key: foldIn(key(config.seed), 1), steps: count });
      return (performance.now() - before) / 1000;
    };
    const evaluation = timed(0);
    const validation = evaluation + (steps / few) * Math.max(0, timed(few) - evaluation);
    return { estimate, validation };
  } finally {
    worker.close();
    training.close();
  }
}
