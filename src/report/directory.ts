import { existsSync } from "node:fs";
import { join } from "node:path";
import { LowlandError } from "../errors.ts";
import { differenceBetween, type Identity, joined } from "../evaluation/identity.ts";
import type { Results } from "../evaluation/results.ts";
import { formatResults } from "../evaluation/results-file.ts";
import {
  isTemporary,
  listDirectory,
  makeDirectory,
  readTextIfAny,
  removeDirectory,
  removeFile,
  writeFileAtomic,
} from "../runs/files.ts";
import { LOCK_FILE, lockDirectory } from "../runs/lock.ts";

/** A directory that an evaluation leaves its results in, and its journal meanwhile. */
export interface ResultsDirectory {
  /** File for `runGrid`'s journal. */
  readonly journal: string;
  /** The same for runs that choose settings. */
  readonly tuningJournal: string;
  /** File for what was measured of this machine. */
  readonly rates: string;
  /** Writes `results.json` and `report.html`. */
  write(results: Results): Promise<void>;
  /** Writes both to the folder `so-far`, of what is done while the rest is not; `write` removes it. */
  writeSoFar(results: Results): Promise<void>;
}

/** What may be done with results that a directory already holds. */
export interface ResultsOptions {
  /** Throw away what is there and start anew. */
  readonly force?: boolean;
  /** Do only what is missing: every run that the journals hold is kept, whatever settings it was made for. */
  readonly extend?: boolean;
  /** What the runs depend on besides the settings. */
  readonly identity: Identity;
  /** Folders in it that are thrown away with what is there. */
  readonly folders?: readonly string[];
}

/**
 * Opens a directory for results: a new or empty one, one with an unfinished evaluation of the same settings, which
 * goes on, or one whose results are replaced with `force` or grow with `extend`.
 *
 * @throws {LowlandError} E_RUN if it holds results or anything else already, runs that another version, other kernels or
 * other weights made, results of another kind, or another process uses it; E_IO
 */
export function openResults(
  path: string,
  settings: { readonly kind: string },
  { force = false, extend = false, identity, folders = [] }: ResultsOptions,
): ResultsDirectory {
  const settingsFile = join(path, "settings.json");
  const journal = join(path, "jobs.jsonl");
  const tuningJournal = join(path, "tuning.jsonl");
  const rates = join(path, "rates.json");
  const page = join(path, "report.html");
  const resultsFile = join(path, "results.json");
  const soFar = join(path, "so-far");
  const before = readTextIfAny(settingsFile);
  const known = before === undefined || force ? undefined : parsed(before).identity;
  const whole = known === undefined ? identity : joined(known, identity);
  const text = `${JSON.stringify({ ...settings, identity: whole }, null, 2)}\n`;
  const names = listDirectory(path).filter((name) => !isTemporary(name) && name !== LOCK_FILE);
  if (before === undefined && names.length > 0) {
    throw new LowlandError(
      "E_RUN",
      `${path} is not empty and holds no evaluation, so it is left alone; choose another --out`,
    );
  }
  if (before !== undefined && names.length > 1 && !force) {
    refuseOthers(path, parsed(before), settings.kind, identity);
  }
  // settings alone are what a command leaves that was refused before its first result
  const occupied = names.length > 1 && (existsSync(resultsFile) || before !== text);
  if (occupied && !force && !extend) {
    const fact = existsSync(resultsFile)
      ? "holds results already"
      : "holds an unfinished evaluation with other settings";
    const hint = "add to it with --extend, replace it with --force, or choose another --out";
    throw new LowlandError("E_RUN", `${path} ${fact}; ${hint}`);
  }
  makeDirectory(path);
  lockDirectory(path); // until this process ends
  if (force) {
    for (const file of [resultsFile, page, journal, tuningJournal, rates]) removeFile(file);
    for (const folder of [...folders, "so-far"]) removeDirectory(join(path, folder));
  }
  if (before !== text) removeFile(rates); // they are of other tasks
  writeFileAtomic(settingsFile, text);
  return {
    journal,
    tuningJournal,
    rates,
    async write(results) {
      await writeIn(path, results);
      removeDirectory(soFar);
    },
    async writeSoFar(results) {
      makeDirectory(soFar);
      await writeIn(soFar, results);
    },
  };
}

async function writeIn(path: string, results: Results): Promise<void> {
  const { renderReport } = await import("./page.ts");
  writeFileAtomic(join(path, "results.json"), formatResults(results));
  writeFileAtomic(join(path, "report.html"), renderReport(results));
}

/** Throws E_RUN if what a directory holds cannot stand side by side with what is to be added. */
function refuseOthers(
  path: string,
  before: { readonly kind?: string; readonly identity?: Identity },
  kind: string,
  identity: Identity,
): void {
  const hint = "replace it with --force, or choose another --out";
  if (before.kind !== undefined && before.kind !== kind) {
    throw new LowlandError("E_RUN", `${path} is of ${before.kind}, this is ${kind}; ${hint}`);
  }
  const difference = before.identity && differenceBetween(before.identity, identity);
  if (difference !== undefined) throw new LowlandError("E_RUN", `the runs in ${path} ${difference}; ${hint}`);
}

function parsed(text: string): { readonly kind?: string; readonly identity?: Identity } {
  try {
    return JSON.parse(text) as { kind?: string; identity?: Identity };
  } catch {
    return {};
  }
}
