import { existsSync } from "node:fs";
import { join } from "node:path";
import { LowlandError } from "../errors.ts";
import { groupBy, unique } from "../evaluation/group.ts";
import { methodKey, methodOf } from "../evaluation/method-id.ts";
import type { MetaTrainingRecord, MethodId } from "../evaluation/results.ts";
import { architectureSpec, encodeWeights } from "../learned/weights.ts";
import { type MetaConfig, resolveMetaConfig } from "../meta/config.ts";
import { readWeights, type StoredWeights } from "../meta/weights.ts";
import { fullName, slug } from "../report/labels.ts";
import { makeDirectory, writeFileAtomic } from "../runs/files.ts";
import { isRunDirectory } from "../runs/run.ts";
import { configOf, recordOf } from "./meta-record.ts";
import type { Adopted } from "./plan.ts";

/** A learned optimizer of an experiment. */
export interface Learned {
  readonly method: MethodId;
  /** `learned:FILE`, the copy of its best weights in the experiment's directory. */
  readonly spec: string;
  /** Spec string of the regularizer in its meta-objective, or `none`. */
  readonly regularizer: string;
  /** Its own learning rate, where its architecture has one. */
  readonly lr?: number;
  /** How it came about, where a run directory says so. */
  readonly record?: MetaTrainingRecord;
}

/** Weights on disk, and the configuration that they were meta-trained by unless another program did. */
interface Given extends Adopted {
  readonly weights: StoredWeights;
  readonly config: MetaConfig | undefined;
}

/** What imported weights are called where nothing else is given. */
const IMPORTED = "published";

/**
 * Reads learned optimizers that were made elsewhere, and says which is which. Regularizers of one name with different
 * settings are told apart by them: runs are repetitions of one another if they differ in the meta-seed alone.
 *
 * @throws {LowlandError} E_RUN or E_CHECKPOINT if one cannot be read; E_CONFIG if two are the same method
 */
export function readAdopted(adopted: readonly Adopted[]): (Given & { readonly method: MethodId })[] {
  const given = adopted.map((one): Given => {
    const weights = readWeights(one.path);
    return { ...one, weights, config: configOfWeights(one.path, weights) };
  });
  const named = given.map((one) => ({ ...one, method: plainMethodOf(one) }));
  const kinds = groupBy(named, ({ method: { metaSeed: _, ...kind } }) => methodKey(kind));
  const several = [...kinds.values()]
    .filter((runs) => unique(runs.map(({ config }) => config?.regularizer)).length > 1)
    .flat();
  const known = named.map((one) =>
    several.includes(one) ? { ...one, method: { ...one.method, regularizer: one.config!.regularizer } } : one,
  );
  const taken = new Map<string, string>();
  for (const { method, path } of known) {
    const other = taken.get(methodKey(method));
    if (other !== undefined) {
      throw new LowlandError(
        "E_CONFIG",
        `${other} and ${path} are both ${fullName({ ...method, source: [] })}, meta-trained on the same tasks; give one a name, NAME=${path}, or leave it out`,
      );
    }
    taken.set(methodKey(method), path);
  }
  return known;
}

function configOfWeights(path: string, { metadata }: StoredWeights): MetaConfig | undefined {
  if (isRunDirectory(path)) return configOf(path);
  return metadata.config === undefined
    ? undefined
    : resolveMetaConfig(JSON.parse(metadata.config), `${path}, config`);
}

/** The method by its configuration, the regularizer by its name. */
function plainMethodOf({ config, weights, recipe }: Given): MethodId {
  if (config !== undefined) return { ...methodOf(config), ...(recipe !== undefined && { recipe }) };
  return { optimizer: weights.learned.name, regularizer: "none", source: [], recipe: recipe ?? IMPORTED };
}

/**
 * Adopts learned optimizers that were made elsewhere: copies their best weights.
 *
 * @throws {LowlandError} as `readAdopted`; E_RUN if weights are others than when the experiment began, unless it grows
 */
export function adopt(
  directory: string,
  adopted: readonly Adopted[],
  { extend = false }: { readonly extend?: boolean } = {},
): Learned[] {
  return readAdopted(adopted).map((one) => take(directory, one, extend));
}

/** A learned optimizer that was meta-trained in the experiment's directory. */
export function takeRun(directory: string, path: string): Learned {
  const config = configOf(path);
  return take(directory, { path, weights: readWeights(path), config, method: methodOf(config) }, false);
}

/**
 * Copies the best weights of a run to `optimizers/` and records how they came about. Where an experiment grows, other
 * weights of the same run are another file: what was run with those before is run again.
 */
function take(
  directory: string,
  { path, weights, config, method }: Given & { readonly method: MethodId },
  extend: boolean,
): Learned {
  const { learned, metaParams, spec: architecture, metadata } = weights;
  const folder = join(directory, "optimizers");
  const name = slug(fullName(method));
  const sameIn = (path: string): boolean => {
    const kept = readWeights(path).metaParams;
    return kept.length === metaParams.length && kept.every((weight, i) => weight === metaParams[i]);
  };
  let file = join(folder, `${name}.safetensors`);
  for (let i = 2; existsSync(file) && !sameIn(file); i++) {
    if (!extend) {
      throw new LowlandError(
        "E_RUN",
        `${path} has other weights than when this experiment began (${file}); start anew with --force, or in another --out`,
      );
    }
    file = join(folder, `${name}-${i}.safetensors`);
  }
  if (!existsSync(file)) {
    makeDirectory(folder);
    const known = config === undefined ? metadata.config : JSON.stringify(config);
    writeFileAtomic(
      file,
      encodeWeights(
        architectureSpec(config?.learned ?? architecture, learned),
        learned.layout,
        metaParams,
        known === undefined ? {} : { config: known },
      ),
    );
  }
  const { lr } = learned.settings;
  return {
    method,
    spec: `learned:${file}`,
    regularizer: config?.regularizer ?? "none",
    ...(lr !== undefined && { lr }),
    ...(config !== undefined && isRunDirectory(path) && { record: { ...recordOf(path, config), method } }),
  };
}
