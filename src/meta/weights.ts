import { LowlandError } from "../errors.ts";
import { loadArchitecture } from "../learned/load.ts";
import type { LearnedOptimizer } from "../learned/types.ts";
import { architectureSpec, decodeWeights, openWeights, type Weights, weightsIn } from "../learned/weights.ts";
import { findCheckpoint } from "../runs/checkpoints.ts";
import { readBytes } from "../runs/files.ts";
import type { MetaConfig } from "./config.ts";

/** A learned optimizer read from disk. */
export type StoredWeights = Weights & { readonly file: string };

/**
 * Reads the learned optimizer of a run directory, its best checkpoint, or of a `.safetensors` file.
 *
 * @throws {LowlandError} E_RUN if there is none, E_IO if it cannot be read, E_CHECKPOINT if it is damaged or not ours
 */
export function readWeights(path: string): StoredWeights {
  const file = findCheckpoint(path);
  return { ...decodeWeights(readBytes(file), file), file };
}

/** The same for any architecture, modules of the user's own included. */
export async function loadWeights(path: string): Promise<StoredWeights> {
  const file = findCheckpoint(path);
  const opened = openWeights(readBytes(file), file);
  return { ...weightsIn(opened, await loadArchitecture(opened.spec)), file };
}

/**
 * The φ that `config.init` names.
 *
 * @throws {LowlandError} E_RUN or E_IO if it cannot be read, E_CHECKPOINT if it is damaged or of another architecture
 */
export async function readInit(
  config: Pick<MetaConfig, "init" | "learned">,
  learned: LearnedOptimizer,
): Promise<Float32Array | undefined> {
  if (config.init === undefined) return undefined;
  const { learned: kept, spec, metaParams, file } = await loadWeights(config.init);
  const found = architectureSpec(spec, kept);
  const wanted = architectureSpec(config.learned, learned);
  if (fixedOf(spec, kept) === fixedOf(config.learned, learned)) return metaParams;
  throw new LowlandError(
    "E_CHECKPOINT",
    `${file} holds ${found}, the configuration is of ${wanted}; give --learned ${found}, or another --init`,
  );
}

/** The spec string of an architecture with the settings alone that its weights go with. */
function fixedOf(written: string, learned: LearnedOptimizer): string {
  const { settings, free = [] } = learned;
  const kept = Object.entries(settings).filter(([name]) => !free.includes(name));
  return architectureSpec(written, { ...learned, settings: Object.fromEntries(kept) });
}
