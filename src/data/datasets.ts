import { readFileSync, statSync } from "node:fs";
import { LowlandError } from "../errors.ts";
import { FILE_DATASETS, type FileDatasetSpec } from "./catalog.ts";
import type { Dataset, LoadedDataset } from "./dataset.ts";
import { md5Of } from "./download.ts";
import { type Found, locate, obtain, read, readWhole, type StoreOptions } from "./store.ts";
import { syntheticDigits } from "./synthetic-digits.ts";
import { syntheticTextures } from "./synthetic-textures.ts";

export type { Dataset, DatasetSource, LoadedDataset } from "./dataset.ts";
export type { DownloadProgress } from "./download.ts";
export { cacheDirectory, type StoreOptions } from "./store.ts";

/** What is known of one file of a dataset. */
export interface FileReport {
  /** Path found, or the file's name if it is nowhere. */
  readonly path: string;
  readonly found: boolean;
  /** Size on disk. */
  readonly bytes?: number;
  /** MD5 of the uncompressed bytes (of the archive itself for an archive). Only from `verifyDataset`. */
  readonly md5?: string;
  /** Whether `md5` is the published one; absent if none is published. Only from `verifyDataset`. */
  readonly official?: boolean;
}

/** What is known of one dataset. */
export interface DatasetReport {
  readonly name: string;
  readonly kind: "files" | "synthetic";
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly classes: number;
  /** Whether it can be used without the network. */
  readonly available: boolean;
  /** Folder of the files, if found. */
  readonly path?: string;
  /** Folders looked into, if not found. */
  readonly lookedInto?: readonly string[];
  /** What is wrong with it, if something is. */
  readonly problem?: string;
  readonly files: readonly FileReport[];
}

/** Datasets drawn by this program, by name. */
const SYNTHETIC: Readonly<
  Record<
    string,
    { height: number; width: number; channels: number; draw: () => { train: Dataset; test: Dataset } }
  >
> = {
  "synthetic-digits": { height: 28, width: 28, channels: 1, draw: () => syntheticDigits() },
  "synthetic-textures": { height: 32, width: 32, channels: 3, draw: () => syntheticTextures() },
};

/** Names of every dataset, in the order they are listed. */
export const DATASET_NAMES: readonly string[] = [
  ...FILE_DATASETS.map((spec) => spec.name),
  ...Object.keys(SYNTHETIC),
];

function specOf(name: string): FileDatasetSpec | undefined {
  const spec = FILE_DATASETS.find((candidate) => candidate.name === name);
  if (spec === undefined && !Object.hasOwn(SYNTHETIC, name)) {
    throw new LowlandError("E_CONFIG", `unknown dataset "${name}"; use one of ${DATASET_NAMES.join(", ")}`);
  }
  return spec;
}

/**
 * Loads a dataset, from files if it has any: `dataDir`, `LOWLAND_DATA_DIR`, the cache, and only then the network.
 *
 * Reads or draws it anew at every call; `openDataset` keeps it.
 *
 * @throws `E_CONFIG` for an unknown name; `E_DATA` if files are missing, damaged or inconsistent
 * @example
 * const { train, test, source } = await loadDataset("synthetic-digits");
 */
export async function loadDataset(name: string, options: StoreOptions = {}): Promise<LoadedDataset> {
  const spec = specOf(name);
  if (spec !== undefined) return loadFiles(spec, options);
  return { ...SYNTHETIC[name]!.draw(), source: { kind: "synthetic", checksums: "official" } };
}

/** `loadDataset` for a dataset described by the caller, such as a mirror of its own. */
export async function loadFiles(spec: FileDatasetSpec, options: StoreOptions = {}): Promise<LoadedDataset> {
  const found = await obtain(spec, options);
  const { train, test, official } = read(spec, found);
  return {
    train,
    test,
    source: { kind: "files", path: found.folder, checksums: official ? "official" : "not official" },
  };
}

/** Downloads a dataset if it is nowhere, then verifies it; nothing to do for a synthetic one. */
export async function fetchDataset(name: string, options: StoreOptions = {}): Promise<DatasetReport> {
  const spec = specOf(name);
  if (spec !== undefined) await obtain(spec, options);
  return verifyDataset(name, options);
}

/**
 * Looks for a dataset's files, reads them whole, and compares their checksums with the published ones.
 *
 * What is wrong with the files is in the report (`problem`, `official`), not thrown.
 */
export function verifyDataset(name: string, options: StoreOptions = {}): DatasetReport {
  const spec = specOf(name);
  return spec === undefined ? syntheticReport(name) : fileReport(spec, { ...options, verify: true });
}

/** Every dataset and whether its files are there; nothing is read. */
export function listDatasets(options: StoreOptions = {}): DatasetReport[] {
  return DATASET_NAMES.map((name) => {
    const spec = specOf(name);
    return spec === undefined ? syntheticReport(name) : fileReport(spec, options);
  });
}

function syntheticReport(name: string): DatasetReport {
  const { height, width, channels } = SYNTHETIC[name]!;
  return { name, kind: "synthetic", height, width, channels, classes: 10, available: true, files: [] };
}

/** The report of a dataset that comes in files; `verify` reads them and compares checksums. */
export function fileReport(
  spec: FileDatasetSpec,
  options: StoreOptions & { verify?: boolean },
): DatasetReport {
  const { verify = false } = options;
  const { name, height, width, channels, classes } = spec;
  const base = { name, kind: "files", height, width, channels, classes } as const;
  const absent = spec.files.map((file) => ({ path: file.name, found: false }));
  let found: Found | { lookedInto: string[] };
  try {
    found = locate(spec, options);
  } catch (error) {
    return { ...base, available: false, problem: problemOf(error), files: absent };
  }
  if (!("paths" in found)) {
    return { ...base, available: false, lookedInto: found.lookedInto, files: absent };
  }
  const { folder, archive } = found;
  const described = archive ? [spec.archive!] : spec.files;
  const files: FileReport[] = [];
  let problem: string | undefined;
  for (const [i, path] of found.paths.entries()) {
    const file = { path, found: true, bytes: statSync(path).size };
    if (!verify) {
      files.push(file);
      continue;
    }
    const published = described[i]!.md5;
    try {
      const md5 = md5Of(archive ? readFileSync(path) : readWhole(path));
      files.push({ ...file, md5, ...(published === undefined ? {} : { official: md5 === published }) });
    } catch (error) {
      files.push({ ...file, ...(published === undefined ? {} : { official: false }) });
      problem ??= problemOf(error);
    }
  }
  if (verify && problem === undefined) {
    try {
      read(spec, found);
    } catch (error) {
      problem = problemOf(error);
    }
  }
  return {
    ...base,
    available: problem === undefined,
    path: folder,
    ...(problem === undefined ? {} : { problem }),
    files,
  };
}

function problemOf(error: unknown): string {
  if (error instanceof LowlandError) return error.message;
  throw error;
}
