import { createHash } from "node:crypto";
import { realpathSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { LowlandError } from "../errors.ts";
import type { RunIdentity } from "./run-state.ts";

/** A folder that runs are looked for under. */
export interface Folder {
  /** Resolved: without symbolic links. */
  readonly path: string;
  /** What its runs' names begin with. */
  readonly label: string;
}

/** Depth of nesting, and directories looked into: enough for any tree of runs, and an end to others. */
const DEEPEST = 8;
const MOST_DIRECTORIES = 20_000;
/** Directories with nothing to find: `checkpoints` of runs, dependencies of programs. */
const SKIPPED = new Set(["checkpoints", "node_modules"]);

/**
 * The folders to look for runs under.
 *
 * @throws {LowlandError} E_USAGE if one is missing or no directory
 */
export function openFolders(paths: readonly string[]): Folder[] {
  const labels = new Set<string>();
  return paths.map((given) => {
    if (!statSync(given, { throwIfNoEntry: false })?.isDirectory()) {
      throw new LowlandError("E_USAGE", `there is no folder ${given}; give one with runs in it`);
    }
    const path = realpathSync(given);
    const base = basename(path) || "/";
    let label = base;
    for (let number = 2; labels.has(label); number++) label = `${base}-${number}`;
    labels.add(label);
    return { path, label };
  });
}

/**
 * Every directory under the folders that holds a `meta.json` or `settings.json`, in the order of names. Symbolic links are
 * not followed, so nothing outside the folders is found, and only what is found can be asked for.
 */
export async function findRuns(folders: readonly Folder[]): Promise<RunIdentity[]> {
  const found: RunIdentity[] = [];
  let left = MOST_DIRECTORIES;
  const visit = async (path: string, name: string, depth: number): Promise<void> => {
    if (left-- <= 0) return;
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    if (entries.some((entry) => entry.isFile() && /^(meta|settings)\.json$/.test(entry.name))) {
      found.push({ id: idOf(name), name, path });
    }
    if (depth === DEEPEST) return;
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (!entry.isDirectory() || entry.name.startsWith(".") || SKIPPED.has(entry.name)) continue;
      await visit(join(path, entry.name), `${name}/${entry.name}`, depth + 1);
    }
  };
  for (const { path, label } of folders) await visit(path, label, 0);
  return found;
}

/** Short for addresses, and the same after a move of the folder or a restart. */
function idOf(name: string): string {
  return createHash("sha256").update(name).digest("hex").slice(0, 12);
}
