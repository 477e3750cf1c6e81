import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Fingerprints } from "../data/fingerprints.ts";
import { LowlandError } from "../errors.ts";
import { LOWLAND_VERSION } from "../version.ts";
import { isTemporary, listDirectory, readTextIfAny } from "./files.ts";
import { LOCK_FILE } from "./lock.ts";

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

/** What a run is made of, as its first two files say. */
export interface Run {
  readonly meta: RunMeta;
  readonly config: unknown;
}

/** Completes what the caller knows about a run with versions and platform. */
export function describeRun(
  known: Pick<RunMeta, "variant" | "data" | "modules" | "command" | "seed" | "started">,
): RunMeta {
  return {
    lowland: LOWLAND_VERSION,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    ...known,
  };
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

/** Whether a directory holds a run: its `meta.json` names the Lowland that wrote it. */
export function isRunDirectory(path: string): boolean {
  try {
    const meta: unknown = JSON.parse(readFileSync(join(path, "meta.json"), "utf8"));
    return typeof meta === "object" && meta !== null && typeof (meta as RunMeta).lowland === "string";
  } catch {
    return false;
  }
}

/** Whether a directory holds a run that there is something of to go on with. */
export function holdsRun(path: string): boolean {
  return isRunDirectory(path) && !isStillborn(path);
}

/** Whether a run was killed between its first two files: it has nothing to lose and nothing to go on with. */
function isStillborn(path: string): boolean {
  const names = contentsOf(path);
  const empty = listDirectory(join(path, "checkpoints")).every(isTemporary);
  return (
    empty && isRunDirectory(path) && names.every((name) => name === "meta.json" || name === "checkpoints")
  );
}

/** Throws E_RUN for a directory in which no run can be started. */
export function refuseOccupied(
  path: string,
  { force, resumable }: { force: boolean; resumable: boolean },
): void {
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

/** Throws E_RUN where a directory is meant and a file is there. */
export function refuseFile(path: string): void {
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
