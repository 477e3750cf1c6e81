import type { StoreOptions } from "../data/datasets.ts";
import { openPool } from "../threads/pool.ts";
import { prepareSetup } from "../threads/setup.ts";
import type { MetaConfig } from "./config.ts";
import { type Executor, inlineExecutor } from "./executor.ts";
import type { ValidationResult, WindowResult } from "./instance.ts";
import { openRunnerOf } from "./setup.ts";
import type { MetaRequest, MetaResult } from "./worker.ts";

/**
 * Opens the executor of a configuration: this thread, or `threads` worker threads with a memory and kernels each
 * and the datasets in common. Either gives the same bits.
 *
 * @throws {LowlandError} E_CONFIG or E_DATA if a task, the regularizer or the architecture cannot be loaded
 */
export async function openExecutor(
  config: MetaConfig,
  { threads = 1, ...options }: StoreOptions & { threads?: number } = {},
): Promise<Executor> {
  if (threads <= 1) return inlineExecutor(await openRunnerOf(config, options));
  const pool = openPool<MetaRequest, MetaResult>("meta/worker", {
    threads,
    setup: { config, thread: await prepareSetup(config.tasks, options) },
  });
  return {
    async windows(metaParams, instances) {
      const requests = instances.map((instance): MetaRequest => ({ kind: "window", metaParams, instance }));
      return (await pool.map(requests)) as WindowResult[];
    },
    async validations(metaParams, requests) {
      const work = requests.map((request): MetaRequest => ({ kind: "validate", metaParams, request }));
      return (await pool.map(work)) as ValidationResult[];
    },
    close: () => pool.close(),
  };
}
