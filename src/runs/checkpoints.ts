import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { LowlandError } from "../errors.ts";
import { listDirectory, readTextIfAny } from "./files.ts";
import { isRunDirectory } from "./run.ts";

/** A checkpoint of a run directory. */
export interface Checkpoint {
  readonly step: number;
  readonly path: string;
}

/** File names of checkpoints. */
export const checkpointFile: RegExp = /^step-(\d{6,})\.safetensors$/;

/** The file of a step's checkpoint. */
export function checkpointName(step: number): string {
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

/** The checkpoint that a pointer of a run directory names, or undefined where there is none. Throws E_RUN when it is gone. */
export function readPointer(path: string, pointer: "latest" | "best"): Checkpoint | undefined {
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
