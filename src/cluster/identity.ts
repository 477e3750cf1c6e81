import type { StoreOptions } from "../data/datasets.ts";
import { type Identity, identityOf } from "../evaluation/identity.ts";
import { kernels } from "../kernels/module.ts";
import { modulesOf } from "../meta/build.ts";
import type { MetaConfig } from "../meta/config.ts";
import { moduleFingerprint } from "../module.ts";
import { fingerprintsOf } from "../tasks/load.ts";
import { LOWLAND_VERSION } from "../version.ts";

/** What the work of an experiment is, as its workers are told. */
export type Work =
  | { readonly kind: "meta-train"; readonly config: MetaConfig }
  | { readonly kind: "evaluate"; readonly tasks: readonly string[]; readonly specs: readonly string[] };

/** The tasks that a worker has to open. */
export function tasksOf(work: Work): readonly string[] {
  return work.kind === "meta-train" ? work.config.tasks : work.tasks;
}

/**
 * What decides the bits of this work in this process, whose datasets have been read: version, class of bits, SHA-256 of
 * data, modules and weights. What cannot be read is left out.
 */
export function proofOf(work: Work, store: StoreOptions = {}): Identity {
  const made = { version: LOWLAND_VERSION, kernelVariant: kernels().variant };
  if (work.kind === "evaluate") return identityOf(work.specs, work.tasks, made);
  const files = modulesOf(work.config).flatMap((path) => {
    try {
      return [[path, moduleFingerprint(path)] as const];
    } catch {
      return [];
    }
  });
  return { ...made, files: Object.fromEntries(files), data: fingerprintsOf(work.config.tasks, store) };
}

/** Why a worker with this proof may not do work that needs that one: a fact and what to do; undefined if it may. */
export function refusalOf(needed: Identity, own: Identity): string | undefined {
  if (own.version !== needed.version) {
    return `it runs Lowland ${own.version}, the experiment ${needed.version}; install lowland@${needed.version} there`;
  }
  if (own.kernelVariant !== needed.kernelVariant) {
    return `its kernels give ${own.kernelVariant} bits, the experiment's ${needed.kernelVariant}; start both with LOWLAND_KERNELS=portable`;
  }
  const data = differing(needed.data, own.data);
  if (data !== undefined) return `it has other bytes of ${data}; give it the same files with --data-dir`;
  const file = differing(needed.files, own.files);
  return file === undefined
    ? undefined
    : `it has no or another ${file}; copy the file to the same path there`;
}

/** The first name whose fingerprint is not the one needed. */
function differing(needed: Identity["files"] = {}, own: Identity["files"] = {}): string | undefined {
  return Object.keys(needed).find((name) => needed[name] !== own[name]);
}
