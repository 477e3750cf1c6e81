import { statSync } from "node:fs";
import { resolve } from "node:path";
import { FILE_DATASETS } from "./catalog.ts";
import type { Dataset, LoadedDataset } from "./dataset.ts";
import { loadDataset } from "./datasets.ts";
import { type Fingerprints, fingerprintOf } from "./fingerprints.ts";
import { parseDatasetName } from "./names.ts";
import { resizedDataset } from "./resize.ts";
import { locate, type StoreOptions } from "./store.ts";

/** Datasets kept at a time: more than any experiment reads, so that only sources that are gone are forgotten. */
const KEPT = 16;

/** What was read in this thread, by name, files, their sizes and their times of change; the last used last. */
const read = new Map<string, LoadedDataset>();
/** The last read of each name. */
const last = new Map<string, LoadedDataset>();
/** What the thread that started this one read for it, by name and folder. */
const handed = new Map<string, LoadedDataset>();

/**
 * A dataset by name, `mnist` or `mnist@8`: read once from each place its files are found at, and again when they change.
 * Its bytes lie in memory that threads share.
 *
 * @throws {LowlandError} E_CONFIG for a name or size that cannot be, E_DATA if files are missing or damaged
 */
export async function openDataset(name: string, options: StoreOptions = {}): Promise<LoadedDataset> {
  const { base, side } = parseDatasetName(name);
  const known = openedDataset(name, options);
  if (known !== undefined) return known;
  const loaded = inSharedMemory(
    side === undefined
      ? await loadDataset(base, options)
      : resizedDataset(await openDataset(base, options), side),
  );
  read.set(sourceOf(name, options), loaded);
  last.set(name, loaded);
  for (const oldest of [...read.keys()].slice(0, -KEPT)) read.delete(oldest);
  return loaded;
}

/**
 * The dataset that `openDataset` gave this thread for the same name and options, if its files are still the same; without
 * options, the one it gave last for this name.
 */
export function openedDataset(name: string, options?: StoreOptions): LoadedDataset | undefined {
  if (options === undefined) return last.get(name);
  const given = handed.get(requestOf(name, options));
  if (given !== undefined) return given;
  const source = sourceOf(name, options);
  const loaded = read.get(source);
  if (loaded !== undefined) {
    read.delete(source);
    read.set(source, loaded);
    last.set(name, loaded);
  }
  return loaded;
}

/** Datasets of these names for `receiveDatasets` of a thread that this one starts: the bytes are shared, not copied. */
export async function datasetsToHandOver(
  names: readonly string[],
  options: StoreOptions = {},
): Promise<ReadonlyMap<string, LoadedDataset>> {
  const found = new Map<string, LoadedDataset>();
  for (const name of names) found.set(requestOf(name, options), await openDataset(name, options));
  return found;
}

/** Takes over what `datasetsToHandOver` gave. */
export function receiveDatasets(datasets: ReadonlyMap<string, LoadedDataset>): void {
  for (const [request, dataset] of datasets) handed.set(request, dataset);
}

/** Fingerprints of those of these datasets that have been opened, by name. */
export function fingerprintsOfOpened(names: readonly string[], options?: StoreOptions): Fingerprints {
  return Object.fromEntries(
    names.flatMap((name) => {
      const loaded = openedDataset(name, options);
      return loaded === undefined ? [] : [[name, fingerprintOf(loaded)] as const];
    }),
  );
}

/** What was asked for: the same in every thread of a process. */
function requestOf(name: string, { dataDir }: StoreOptions): string {
  return JSON.stringify([name, dataDir === undefined ? null : resolve(dataDir)]);
}

/** What tells this dataset from any other of its name; of one whose files are nowhere, its name. */
function sourceOf(name: string, options: StoreOptions): string {
  const { base } = parseDatasetName(name);
  const spec = FILE_DATASETS.find((candidate) => candidate.name === base);
  const found = spec && locate(spec, options);
  const paths = found !== undefined && "paths" in found ? found.paths : [];
  return JSON.stringify([
    name,
    ...paths.map((path) => {
      const { size, mtimeMs } = statSync(path);
      return [path, size, mtimeMs];
    }),
  ]);
}

function inSharedMemory({ train, test, source }: LoadedDataset): LoadedDataset {
  const part = (dataset: Dataset): Dataset => ({
    ...dataset,
    images: shared(dataset.images),
    labels: shared(dataset.labels),
  });
  return { train: part(train), test: part(test), source };
}

function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
