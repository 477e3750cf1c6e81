import { existsSync } from "node:fs";
import { join } from "node:path";
import { LowlandError } from "../errors.ts";
import {
  type Checkpoint,
  checkpointFile,
  checkpointName,
  latestCheckpoint,
  listCheckpoints,
  readPointer,
} from "./checkpoints.ts";
import {
  isTemporary,
  listDirectory,
  makeDirectory,
  removeFile,
  removeTemporaries,
  writeFileAtomic,
} from "./files.ts";
import { lockDirectory } from "./lock.ts";
import { MetricsWriter } from "./metrics.ts";
import { type Run, type RunMeta, readRun, refuseFile, refuseOccupied } from "./run.ts";

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

function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Files of a run beside `meta.json` and the checkpoints. */
const ownedFile =
  /^(config\.resolved\.json|metrics\.jsonl|cluster\.json|results\.json|report\.html|README\.md|events\.out\.tfevents\..+)$/;

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
