import { createHash } from "node:crypto";
import { changedIn, type Fingerprints } from "../data/fingerprints.ts";
import { parseMethod } from "../optimizers/method.ts";
import { findCheckpoint } from "../runs/checkpoints.ts";
import { readBytes } from "../runs/files.ts";
import { fingerprintsOf } from "../tasks/load.ts";
import type { Results } from "./results.ts";

/** What runs depend on besides their settings: runs made by another Lowland, or of other weights, are other runs. */
export interface Identity {
  readonly version: string;
  readonly kernelVariant: string;
  /** SHA-256 of every file that a spec names, by path: weights of learned optimizers, modules. */
  readonly files: Fingerprints;
  /** Fingerprints of the datasets, by name. */
  readonly data?: Fingerprints;
}

/**
 * The identity of runs of these methods on these tasks, whose datasets have been read. A file that cannot be read is left
 * out: whoever loads it says what is wrong.
 */
export function identityOf(
  methods: readonly string[],
  tasks: readonly string[],
  { version, kernelVariant }: Pick<Results, "version" | "kernelVariant">,
): Identity {
  const parts = methods.map(parseMethod).flatMap(({ optimizer, regularizer }) => [optimizer, regularizer]);
  const paths = [...parts, ...tasks].flatMap(pathsOf);
  const files = paths.flatMap((path) => {
    try {
      const file = path.startsWith("learned:") ? findCheckpoint(path.slice("learned:".length)) : path;
      return [[path, createHash("sha256").update(readBytes(file)).digest("hex")] as const];
    } catch {
      return [];
    }
  });
  return { version, kernelVariant, files: Object.fromEntries(files), data: fingerprintsOf(tasks) };
}

/** The identity of runs of either, where they can stand side by side: what was known of files and data before stays known. */
export function joined(before: Identity, now: Identity): Identity {
  return {
    ...now,
    files: { ...before.files, ...now.files },
    data: { ...before.data, ...now.data },
  };
}

/** What differs between two identities, in words; undefined if runs of both can stand side by side. */
export function differenceBetween(before: Identity, now: Identity): string | undefined {
  if (before.version !== now.version) return `were made by Lowland ${before.version}, this is ${now.version}`;
  if (before.kernelVariant !== now.kernelVariant) {
    return `were made with the ${before.kernelVariant} kernels, these are ${now.kernelVariant}`;
  }
  const changed = changedIn(before.files, now.files);
  if (changed !== undefined) return `were made with another ${changed}`;
  const data = changedIn(before.data, now.data);
  return data === undefined ? undefined : `were made on other bytes of ${data}`;
}

/** What a part of a spec names: a module's path, or `learned:` with that of the weights. */
function pathsOf(part: string): string[] {
  return /^learned:.+/.test(part) ? [part] : (/^.*\.[cm]?js(?=$|:)/.exec(part) ?? []);
}
