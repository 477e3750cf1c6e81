import "../kernels/node.ts";
import { receiveDatasets } from "../data/cache.ts";
import type { LoadedDataset, StoreOptions } from "../data/datasets.ts";
import { type KernelVariant, kernels, useKernels } from "../kernels/module.ts";
import { loadFamily, sharedDatasets } from "../tasks/load.ts";

/** What every worker needs to compute the same bits as the main thread, without reading the datasets again. */
export interface ThreadSetup {
  readonly variant: KernelVariant;
  /** Threads a kernel may use in the worker. */
  readonly threads: number;
  readonly options: StoreOptions;
  /** Datasets in memory that threads share. */
  readonly datasets: ReadonlyMap<string, LoadedDataset>;
}

/** Opens the tasks, so that what is wrong is known now, and describes their datasets for `receiveSetup`. */
export async function prepareSetup(
  tasks: readonly string[],
  options: StoreOptions,
  threads = 1,
): Promise<ThreadSetup> {
  for (const name of new Set(tasks)) (await loadFamily(name, options)).close();
  const { dataDir, offline } = options;
  return {
    variant: kernels().variant,
    threads,
    options: { ...(dataDir !== undefined && { dataDir }), ...(offline !== undefined && { offline }) },
    datasets: await sharedDatasets(tasks, options),
  };
}

/** Takes a setup over in a worker; before anything else runs there. */
export function receiveSetup({ variant, threads, datasets }: ThreadSetup): void {
  useKernels({ variant, threads });
  receiveDatasets(datasets);
}
