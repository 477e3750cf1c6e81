import type { Dataset, LoadedDataset, StoreOptions } from "../data/datasets.ts";
import { type KernelVariant, kernels, useKernelVariant } from "../kernels/module.ts";
import { loadTask, shareDataset, sharedDatasets } from "../tasks/registry.ts";

/** What every worker needs to compute the same bits as the main thread, without reading the datasets again. */
export interface ThreadSetup {
  readonly variant: KernelVariant;
  readonly options: StoreOptions;
  /** Datasets in shared memory. */
  readonly datasets: ReadonlyMap<string, LoadedDataset>;
}

/** Loads the tasks' datasets into shared memory and describes them for `receiveSetup`. */
export async function prepareSetup(tasks: readonly string[], options: StoreOptions): Promise<ThreadSetup> {
  for (const name of new Set(tasks)) (await loadTask(name, options)).close?.();
  for (const [name, loaded] of sharedDatasets()) {
    shareDataset(name, {
      ...loaded,
      train: inSharedMemory(loaded.train),
      test: inSharedMemory(loaded.test),
    });
  }
  const { dataDir, offline } = options;
  return {
    variant: kernels().variant,
    options: { ...(dataDir !== undefined && { dataDir }), ...(offline !== undefined && { offline }) },
    datasets: new Map(sharedDatasets()),
  };
}

/** Takes a setup over in a worker; before anything else runs there. */
export function receiveSetup({ variant, datasets }: ThreadSetup): void {
  useKernelVariant(variant);
  for (const [name, dataset] of datasets) shareDataset(name, dataset);
}

function inSharedMemory(dataset: Dataset): Dataset {
  return { ...dataset, images: shared(dataset.images), labels: shared(dataset.labels) };
}

function shared(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes;
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
