import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { LowlandError } from "../errors.ts";
import type { DataFile, FileDatasetSpec } from "./catalog.ts";
import { parseCifarBatch } from "./cifar.ts";
import type { Dataset } from "./dataset.ts";
import { type DownloadProgress, download, md5Of } from "./download.ts";
import { parseIdxImages, parseIdxLabels } from "./idx.ts";
import { readTar } from "./tar.ts";

/** Where to look, and whether the network may be used. */
export interface StoreOptions {
  /** Looked into before `LOWLAND_DATA_DIR` and the cache. */
  readonly dataDir?: string | undefined;
  /** Forbids downloads; `LOWLAND_OFFLINE=1` does so by default. */
  readonly offline?: boolean | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Environment to read, `process.env` by default. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Gives up on an address that sends nothing for so long, 30 s by default. */
  readonly stallMs?: number | undefined;
}

/** The files of a dataset where they were found. */
export interface Found {
  readonly folder: string;
  /** One path for each of the files, or the archive's alone. */
  readonly paths: readonly string[];
  readonly archive: boolean;
}

/** `$LOWLAND_HOME`, else `$XDG_CACHE_HOME/lowland`, else `~/.cache/lowland`: where downloads are kept. */
export function cacheDirectory(env: StoreOptions["env"] = process.env): string {
  if (env.LOWLAND_HOME) return resolve(env.LOWLAND_HOME);
  return env.XDG_CACHE_HOME
    ? resolve(env.XDG_CACHE_HOME, "lowland")
    : join(env.HOME || homedir(), ".cache", "lowland");
}

/** The folders given by the user, which must be whole if they have any of the files, and the cache. */
function directories({ dataDir, env = process.env }: StoreOptions): { path: string; given: boolean }[] {
  const given = [dataDir, env.LOWLAND_DATA_DIR].flatMap((path) => (path ? [resolve(path)] : []));
  return [...given.map((path) => ({ path, given: true })), { path: cacheDirectory(env), given: false }];
}

const folderOf = (directory: string, folder: string) => join(directory, ...folder.split("/"));

/** The path of one file, raw or gzipped, if it is there. */
function find(folder: string, file: DataFile): string | undefined {
  const path = join(folder, file.name);
  return [path, `${path}.gz`].find((candidate) => existsSync(candidate));
}

/**
 * Where the files of a dataset are.
 *
 * @returns the first folder that has all of them, or the folders looked into
 * @throws `E_DATA` if a folder the user gave has some of the files but not all
 */
export function locate(spec: FileDatasetSpec, options: StoreOptions = {}): Found | { lookedInto: string[] } {
  const lookedInto: string[] = [];
  for (const directory of directories(options)) {
    const folders = spec.folders.map((folder) => folderOf(directory.path, folder));
    for (const folder of folders) {
      const paths = spec.files.map((file) => find(folder, file));
      const missing = spec.files.filter((_, i) => paths[i] === undefined).map((file) => file.name);
      if (missing.length === 0) return { folder, paths: paths as string[], archive: false };
      if (directory.given && missing.length < spec.files.length) {
        throw new LowlandError(
          "E_DATA",
          `${folder} lacks ${missing.join(", ")} of ${spec.name}; add the file, or take the folder away to have all of it fetched`,
        );
      }
      lookedInto.push(folder);
    }
    const { archive } = spec;
    if (archive === undefined) continue;
    for (const folder of [directory.path, ...folders]) {
      const path = join(folder, archive.name);
      if (existsSync(path)) return { folder, paths: [path], archive: true };
    }
  }
  return { lookedInto };
}

/**
 * Where the files of a dataset are, downloaded into the cache if they are nowhere.
 *
 * @throws `E_DATA` if they are nowhere and cannot be downloaded, or downloads are forbidden
 */
export async function obtain(spec: FileDatasetSpec, options: StoreOptions = {}): Promise<Found> {
  const { env = process.env, onProgress, stallMs } = options;
  const offline = options.offline ?? !["", "0", undefined].includes(env.LOWLAND_OFFLINE);
  const found = locate(spec, options);
  if ("paths" in found) return found;
  const wanted = spec.archive === undefined ? spec.files : [spec.archive];
  if (offline) {
    const names = spec.files.map((file) => (spec.format === "idx" ? `${file.name}[.gz]` : file.name));
    throw new LowlandError(
      "E_DATA",
      `${spec.name} is not on this machine and downloads are off; looked for ${names.join(", ")}` +
        `${spec.archive === undefined ? "" : ` or ${spec.archive.name}`} in ${found.lookedInto.join(", ")}; ` +
        "put the files in one of these, name their parent with --data-dir or LOWLAND_DATA_DIR, or unset LOWLAND_OFFLINE",
    );
  }
  const cache = cacheDirectory(env);
  const folder = join(cache, spec.name);
  const gzipped = spec.archive === undefined;
  for (const file of wanted) {
    if (file.md5 === undefined || find(folder, file) !== undefined) continue;
    const addresses = spec.addresses.map((address) => `${address}${file.name}${spec.addressSuffix}`);
    const target = join(folder, file.name + spec.addressSuffix);
    await download(addresses, target, {
      md5: file.md5,
      gzipped,
      onProgress,
      ...(stallMs === undefined ? {} : { stallMs }),
    });
  }
  const fetched = locate(spec, options);
  if ("paths" in fetched) return fetched;
  throw new LowlandError("E_DATA", `${spec.name} vanished from ${folder} while it was fetched; try again`);
}

/** The bytes of a file, uncompressed if its name ends in `.gz`. */
export function readWhole(path: string): Uint8Array {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new LowlandError("E_DATA", `could not read ${path}: ${(error as Error).message}; check the path`, {
      cause: error,
    });
  }
  if (!path.endsWith(".gz")) return bytes;
  let consumed: number;
  let content: Uint8Array;
  try {
    // The engine knows how much of the input it used; the declared types leave it out.
    const result = gunzipSync(bytes, { info: true, chunkSize: inflatedSize(bytes) + 1 }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    content = result.buffer;
    consumed = result.engine.bytesWritten;
  } catch (error) {
    throw new LowlandError(
      "E_DATA",
      `${path} is damaged gzip data: ${(error as Error).message}; delete the file and fetch it again`,
      { cause: error },
    );
  }
  if (consumed !== bytes.length) {
    throw new LowlandError(
      "E_DATA",
      `${path} is oversized: ${bytes.length - consumed} bytes after the gzip data; delete the file and fetch it again`,
    );
  }
  return content;
}

/**
 * How much a gzip file says it holds, within reason: inflated into one piece of memory it need not be put together from
 * many, which would take twice as much.
 */
function inflatedSize(bytes: Buffer): number {
  const [smallest, largest] = [2 ** 14, 2 ** 28];
  const said = bytes.length < 4 ? 0 : bytes.readUInt32LE(bytes.length - 4);
  return Math.min(Math.max(said, smallest), largest);
}

/** What was read of a dataset. */
export interface Loaded {
  readonly train: Dataset;
  readonly test: Dataset;
  /** Whether the bytes have the published checksums. */
  readonly official: boolean;
}

/**
 * Reads a dataset's files and checks their structure.
 *
 * @throws `E_DATA` naming the file and what is wrong with it
 */
export function read(spec: FileDatasetSpec, found: Found): Loaded {
  return spec.format === "idx" ? readIdx(spec, found) : readCifar(spec, found);
}

function describe(spec: FileDatasetSpec, images: Uint8Array, labels: Uint8Array): Dataset {
  const { name, height, width, channels, classes } = spec;
  return { name, images, labels, count: labels.length, height, width, channels, classes };
}

function readIdx(spec: FileDatasetSpec, { paths }: Found): Loaded {
  let official = true;
  const bytesOf = (i: number) => {
    const bytes = readWhole(paths[i]!);
    official &&= md5Of(bytes) === spec.files[i]!.md5;
    return bytes;
  };
  const part = (first: number): Dataset => {
    const imagesPath = paths[first]!;
    const labelsPath = paths[first + 1]!;
    const images = parseIdxImages(bytesOf(first), imagesPath);
    const labels = parseIdxLabels(bytesOf(first + 1), labelsPath, spec.classes);
    if (images.height !== spec.height || images.width !== spec.width) {
      throw new LowlandError(
        "E_DATA",
        `${imagesPath} has ${images.height} × ${images.width} images, ${spec.name} has ${spec.height} × ${spec.width}; delete the file and fetch it again`,
      );
    }
    if (images.count !== labels.length || images.count === 0) {
      throw new LowlandError(
        "E_DATA",
        `${imagesPath} has ${images.count} images and ${labelsPath} ${labels.length} labels; both must have the same number, above 0`,
      );
    }
    return describe(spec, images.pixels, labels);
  };
  const train = part(0);
  const test = part(2);
  return { train, test, official };
}

function readCifar(spec: FileDatasetSpec, { paths, archive }: Found): Loaded {
  let bytesOf = (i: number) => readWhole(paths[i]!);
  let nameOf = (i: number) => paths[i]!;
  let official = false;
  if (archive) {
    const path = paths[0]!;
    official = md5Of(readFileSync(path)) === spec.archive?.md5;
    const files = readTar(readWhole(path), path);
    nameOf = (i) => `${path}:cifar-10-batches-bin/${spec.files[i]!.name}`;
    bytesOf = (i) => {
      const bytes = files.get(`cifar-10-batches-bin/${spec.files[i]!.name}`);
      if (bytes !== undefined) return bytes;
      throw new LowlandError("E_DATA", `${nameOf(i)} is missing; delete the archive and fetch it again`);
    };
  }
  const parts = spec.files.map((_, i) => parseCifarBatch(bytesOf(i), nameOf(i), spec.recordsPerFile));
  const test = parts.pop()!;
  const joined = (part: "images" | "labels") => {
    const out = new Uint8Array(parts.reduce((sum, batch) => sum + batch[part].length, 0));
    let at = 0;
    for (const batch of parts) {
      out.set(batch[part], at);
      at += batch[part].length;
    }
    return out;
  };
  return {
    train: describe(spec, joined("images"), joined("labels")),
    test: describe(spec, test.images, test.labels),
    official,
  };
}
