import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Fingerprints } from "../data/fingerprints.ts";
import { LowlandError } from "../errors.ts";
import {
  isTemporary,
  listDirectory,
  makeDirectory,
  readTextIfAny,
  removeFile,
  removeTemporaries,
  writeFileAtomic,
} from "./files.ts";
import { LOCK_FILE, lockDirectory } from "./lock.ts";
import { MetricsWriter } from "./metrics.ts";
import { lowlandVersion } from "./version.ts";

/** What made a run: everything besides its config that its bits depend on, or that a reader asks for. */
export interface RunMeta {
  /** Version of Lowland. */
  readonly lowland: string;
  /** Kernel variant: `portable` or `fma`. */
  readonly variant: string;
  readonly node: string;
  /** Operating system and processor: `linux-x64`. */
  readonly platform: string;
  /** What tells the datasets' bytes from others, by name: `official` or a SHA-256. */
  readonly data?: Fingerprints;
  /** SHA-256 of the modules of the user's own that it runs, by path; what they import is not looked at. */
  readonly modules?: Readonly<Record<string, string>>;
  /** The command line as typed, without the interpreter: `["meta-train", "--task", …]`. */
  readonly command: readonly string[];
  readonly seed: number;
  /** ISO 8601, UTC. */
  readonly started: string;
}

export interface Checkpoint {
  readonly step: number;
  readonly path: string;
}

/** Completes what the caller knows about a run with versions and platform. */
export function describeRun(
  known: Pick<RunMeta, "variant" | "data" | "modules" | "command" | "seed" | "started">,
): RunMeta {
  return {
    lowland: lowlandVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    ...known,
  };
}

/**
 * A directory that holds one run: `meta.json`, `config.resolved.json`, `metrics.jsonl`,
 * `checkpoints/step-000100.safetensors` with the pointers `latest` and `best`, `events.out.tfevents.*`, `README.md`.
 * Every file but the appended ones is replaced atomically, so a run killed at any moment can be resumed. Until `close`
 * no other process can open it.
 *
 * @example
 * const run = RunDirectory.create("runs/plain", { meta: describeRun({ … }), config });
 * run.metrics.append({ outerStep: 1, metaLoss: 2.3 });
 * run.writeCheckpoint(1, encodeSafetensors(tensors));
 */
export class RunDirectory {
  readonly path: string;
  readonly meta: RunMeta;
  readonly config: unknown;
  readonly metrics: MetricsWriter;
  readonly #lock: { release(): void };

  private constructor(path: string, { meta, config }: Run, lock: { release(): void }) {
    this.path = path;
    this.#lock = lock;
    this.meta = meta;
    this.config = config;
    this.metrics = new MetricsWriter(join(path, "metrics.jsonl"));
  }

  /**
   * Starts a run in a directory that is missing or empty.
   *
   * @param options.resumable whether the run that is there might be gone on with; for the message. Default true.
   * @param options.force replace the run that is there; only files of a run are removed, others in it stay
   * @throws E_RUN when the directory holds a run and `force` is off, holds anything else, or is in use by another
   * process; E_IO.
   */
  static create(
    path: string,
    options: Run & { readonly force?: boolean; readonly resumable?: boolean },
  ): RunDirectory {
    const { meta, config, force = false, resumable = true } = options;
    refuseFile(path);
    refuseOccupied(path, { force, resumable });
    makeDirectory(path);
    const lock = lockDirectory(path);
    try {
      // again: another process may have made a run and ended
      refuseOccupied(path, { force, resumable });
      clear(path);
      // First, so that whatever a crash leaves behind is recognized as a run.
      writeFileAtomic(join(path, "meta.json"), formatJson(meta));
      makeDirectory(join(path, "checkpoints"));
      writeFileAtomic(join(path, "config.resolved.json"), formatJson(config));
      return new RunDirectory(path, { meta, config }, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /**
   * Opens a run to resume it and cleans up what a killed process left.
   *
   * @throws E_RUN when there is no run, its `meta.json` or `config.resolved.json` is damaged, or another process uses
   * it; E_IO.
   */
  static open(path: string): RunDirectory {
    const run = readRun(path);
    const lock = lockDirectory(path);
    try {
      makeDirectory(join(path, "checkpoints"));
      removeTemporaries(path);
      removeTemporaries(join(path, "checkpoints"));
      return new RunDirectory(path, run, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /**
   * Writes the checkpoint of a step and points `latest` at it, after flushing the metrics that lead to it.
   *
   * @param options.keep how many of the newest checkpoints stay; `latest` and `best` always do. Default: all.
   */
  writeCheckpoint(
    step: number,
    bytes: Uint8Array,
    options: { readonly best?: boolean; readonly keep?: number } = {},
  ): void {
    this.metrics.sync();
    writeFileAtomic(join(this.path, "checkpoints", checkpointName(step)), bytes);
    this.#point("latest", step);
    if (options.best) this.markBest(step);
    if (options.keep !== undefined) this.prune(options.keep);
  }

  /** Points `best` at the checkpoint of a step. Throws E_RUN when there is none. */
  markBest(step: number): void {
    this.#point("best", step);
  }

  /** The checkpoint `latest` names, or undefined before the first. Throws E_RUN when it is gone. */
  latest(): Checkpoint | undefined {
    return latestCheckpoint(this.path);
  }

  /** The checkpoint `best` names, or undefined when none was marked. Throws E_RUN when it is gone. */
  best(): Checkpoint | undefined {
    return readPointer(this.path, "best");
  }

  /** Removes all checkpoints but the `keep` newest, `latest` and `best`. */
  prune(keep: number): void {
    const checkpoints = listCheckpoints(this.path);
    const kept = new Set(checkpoints.slice(Math.max(0, checkpoints.length - keep)).map(({ step }) => step));
    for (const pointer of [this.latest(), this.best()]) if (pointer) kept.add(pointer.step);
    for (const { step, path } of checkpoints) if (!kept.has(step)) removeFile(path);
  }

  /** Writes the card, `README.md`. */
  writeCard(markdown: string): void {
    writeFileAtomic(join(this.path, "README.md"), markdown);
  }

  /** Writes a JSON document beside the others: `results.json`. */
  writeJson(name: string, value: unknown): void {
    writeFileAtomic(join(this.path, name), formatJson(value));
  }

  /** Closes the metrics and lets other processes in. */
  close(): void {
    this.metrics.close();
    this.#lock.release();
  }

  #point(pointer: "latest" | "best", step: number): void {
    const name = checkpointName(step);
    if (!existsSync(join(this.path, "checkpoints", name))) {
      throw new LowlandError("E_RUN", `${this.path} has no checkpoint of step ${step}; write it first`);
    }
    writeFileAtomic(join(this.path, "checkpoints", pointer), `${name}\n`);
  }
}

/** What a run is made of, as its first two files say. */
export interface Run {
  readonly meta: RunMeta;
  readonly config: unknown;
}

/**
 * Reads what a run is made of, and writes nothing.
 *
 * @throws E_RUN when there is no run, or its `meta.json` or `config.resolved.json` is damaged; E_IO.
 */
export function readRun(path: string): Run {
  refuseFile(path);
  if (!isRunDirectory(path)) {
    const fact = existsSync(path) ? "is not a lowland run directory" : "does not exist";
    throw new LowlandError("E_RUN", `${path} ${fact}; check the path, or start a run without --resume`);
  }
  return {
    meta: readJson(join(path, "meta.json")) as RunMeta,
    config: readJson(join(path, "config.resolved.json")),
  };
}

/**
 * The checkpoint file a path stands for: itself, or of a run directory the best one, else the latest.
 *
 * @throws E_RUN when there is none.
 */
export function findCheckpoint(path: string): string {
  if (!existsSync(path)) throw new LowlandError("E_RUN", `${path} does not exist; check the path`);
  if (!statSync(path).isDirectory()) return path;
  const checkpoint = readPointer(path, "best") ?? readPointer(path, "latest");
  if (checkpoint) return checkpoint.path;
  const fact = isRunDirectory(path) ? "has no checkpoint yet" : "is not a lowland run directory";
  const parent = dirname(resolve(path));
  const hint = isRunDirectory(parent) ? `${parent} is one: give that` : "give a run directory";
  throw new LowlandError("E_RUN", `${path} ${fact}; ${hint} or a .safetensors file`);
}

/** Whether a directory holds a run: its `meta.json` names the Lowland that wrote it. */
export function isRunDirectory(path: string): boolean {
  try {
    const meta: unknown = JSON.parse(readFileSync(join(path, "meta.json"), "utf8"));
    return typeof meta === "object" && meta !== null && typeof (meta as RunMeta).lowland === "string";
  } catch {
    return false;
  }
}

/** Whether a run was killed between its first two files: it has nothing to lose and nothing to go on with. */
export function isStillborn(path: string): boolean {
  const names = contentsOf(path);
  const empty = listDirectory(join(path, "checkpoints")).every(isTemporary);
  return (
    empty && isRunDirectory(path) && names.every((name) => name === "meta.json" || name === "checkpoints")
  );
}

const ownedFile =
  /^(config\.resolved\.json|metrics\.jsonl|results\.json|report\.html|README\.md|events\.out\.tfevents\..+)$/;
const checkpointFile = /^step-(\d{6,})\.safetensors$/;

/** Removes the files a run writes, by name; `meta.json` stays until it is replaced, so the directory stays a run. */
function clear(path: string): void {
  const checkpoints = join(path, "checkpoints");
  for (const name of listDirectory(checkpoints)) {
    if (checkpointFile.test(name) || name === "latest" || name === "best" || isTemporary(name)) {
      removeFile(join(checkpoints, name));
    }
  }
  for (const name of listDirectory(path)) {
    if (ownedFile.test(name) || isTemporary(name)) removeFile(join(path, name));
  }
}

function checkpointName(step: number): string {
  return `step-${String(step).padStart(6, "0")}.safetensors`;
}

/** The checkpoints of a run directory in the order of their steps. */
export function listCheckpoints(path: string): Checkpoint[] {
  return listDirectory(join(path, "checkpoints"))
    .flatMap((name) => {
      const match = checkpointFile.exec(name);
      return match ? [{ step: Number(match[1]), path: join(path, "checkpoints", name) }] : [];
    })
    .sort((a, b) => a.step - b.step);
}

/** The checkpoint that `latest` of a run directory names, or undefined before the first. Throws E_RUN when it is gone. */
export function latestCheckpoint(path: string): Checkpoint | undefined {
  return readPointer(path, "latest");
}

/** Whether a directory holds a run that there is something of to go on with. */
export function holdsRun(path: string): boolean {
  return isRunDirectory(path) && !isStillborn(path);
}

function readPointer(path: string, pointer: "latest" | "best"): Checkpoint | undefined {
  const source = join(path, "checkpoints", pointer);
  const name = readTextIfAny(source)?.trim();
  if (name === undefined) return undefined;
  const step = checkpointFile.exec(name)?.[1];
  const file = join(path, "checkpoints", name);
  if (step === undefined || !existsSync(file)) {
    throw new LowlandError(
      "E_RUN",
      `${source} names ${JSON.stringify(name.slice(0, 80))}, which is no checkpoint there; write the name of one into it`,
    );
  }
  return { step: Number(step), path: file };
}

/** Throws E_RUN for a directory in which no run can be started. */
function refuseOccupied(path: string, { force, resumable }: { force: boolean; resumable: boolean }): void {
  if (contentsOf(path).length === 0) return;
  if (!isRunDirectory(path)) {
    throw new LowlandError(
      "E_RUN",
      `${path} is not empty and not a lowland run directory (meta.json names no version of lowland), so it is left alone; choose another --out`,
    );
  }
  if (!force && !isStillborn(path)) {
    throw new LowlandError(
      "E_RUN",
      `${path} holds a run already; ${resumable ? "continue it with --resume, " : ""}replace it with --force, or choose another --out`,
    );
  }
}

/** Names in a directory, without what killed or running writers leave. */
function contentsOf(path: string): string[] {
  return listDirectory(path).filter((name) => !isTemporary(name) && name !== LOCK_FILE);
}

function refuseFile(path: string): void {
  if (existsSync(path) && !statSync(path).isDirectory()) {
    throw new LowlandError("E_RUN", `${path} is a file, not a directory; choose another --out`);
  }
}

function readJson(path: string): unknown {
  const text = readTextIfAny(path);
  try {
    return JSON.parse(text ?? "");
  } catch {
    const fact = text === undefined ? "is missing" : "is not valid JSON";
    throw new LowlandError("E_RUN", `${path} ${fact}; restore it, or start again with --force`);
  }
}

function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
