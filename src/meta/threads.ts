import type { StoreOptions } from "../data/datasets.ts";
import { kernels } from "../kernels/module.ts";
import { divideThreads } from "../kernels/threads.ts";
import { openPool } from "../threads/pool.ts";
import { prepareSetup } from "../threads/setup.ts";
import {
  type Executor,
  inlineExecutor,
  type MetaRequest,
  type MetaResult,
  poolExecutor,
} from "./executor.ts";
import type { MetaTraining } from "./outer-loop.ts";

/**
 * Opens the executor of a meta-training run: this thread, or worker threads with a memory and kernels each and
 * the datasets in common. Either gives the same bits.
 *
 * @throws {LowlandError} what a worker meets that cannot start
 */
export async function openExecutor(
  training: MetaTraining,
  { threads = 1, ...options }: StoreOptions & { threads?: number } = {},
): Promise<Executor> {
  const { config } = training;
  const { workers, inside } = divideThreads(threads, config.instances);
  if (workers === 1) {
    kernels().useThreads(inside);
    return inlineExecutor(training);
  }
  const pool = await openPool<MetaRequest, MetaResult>("meta/worker", {
    threads: workers,
    setup: { config, thread: await prepareSetup(config.tasks, options, inside) },
  });
  return poolExecutor(pool);
}
