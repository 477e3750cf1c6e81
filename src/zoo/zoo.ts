import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LowlandError } from "../errors.ts";
import { optimizerOf } from "../learned/types.ts";
import { decodeWeights } from "../learned/weights.ts";
import { type MetaConfig, resolveMetaConfig } from "../meta/config.ts";
import type { Optimizer } from "../optimizers/types.ts";
import { listDirectory, readBytes, readText } from "../runs/files.ts";
import { unknown } from "../spec.ts";

/** The folder of meta-trained optimizers that comes with the package. */
export const ZOO_DIRECTORY: string = fileURLToPath(new URL("../../zoo", import.meta.url));

/** One optimizer of the zoo, as its file describes it. */
export interface ZooEntry {
  /** For the spec string `zoo:NAME`. */
  readonly name: string;
  /** Its `.safetensors` file. */
  readonly path: string;
  readonly bytes: number;
  /** Architecture with all its settings. */
  readonly learned: string;
  /** How it was meta-trained. */
  readonly config: MetaConfig;
  /** Outer step of the weights: the best on meta-validation. */
  readonly outerStep: number;
  /** Version of Lowland that wrote the file. */
  readonly version: string;
}

const extension = ".safetensors";

/** Names of the zoo, in alphabetical order. */
export function zooNames(): string[] {
  return listDirectory(ZOO_DIRECTORY)
    .filter((name) => name.endsWith(extension))
    .map((name) => name.slice(0, -extension.length));
}

/**
 * The file of an optimizer of the zoo.
 *
 * @throws {LowlandError} E_CONFIG for an unknown name, with the list and a suggestion
 */
export function zooPath(name: string): string {
  const names = zooNames();
  if (!names.includes(name)) throw new LowlandError("E_CONFIG", unknown("zoo optimizer", name, names));
  return join(ZOO_DIRECTORY, `${name}${extension}`);
}

/**
 * Describes an optimizer of the zoo.
 *
 * @throws {LowlandError} E_CONFIG for an unknown name, E_CHECKPOINT if its file is damaged
 */
export function describeZoo(name: string): ZooEntry {
  const { path, bytes, metadata } = readZoo(name);
  const { learned = "", version = "", config = "{}", outerStep } = metadata;
  return {
    name,
    path,
    bytes,
    learned,
    config: resolveMetaConfig(JSON.parse(config), `${path}, config`),
    outerStep: Number(outerStep),
    version,
  };
}

/**
 * The card of an optimizer of the zoo, in Markdown: how it was trained, on what, figures, limits.
 *
 * @throws {LowlandError} E_CONFIG for an unknown name
 */
export function zooCard(name: string): string {
  return readText(`${zooPath(name).slice(0, -extension.length)}.md`);
}

/**
 * Loads a meta-trained optimizer of the zoo: the same as the spec string `zoo:NAME`.
 *
 * @param name one of `lowland zoo list`
 * @throws {LowlandError} E_CONFIG for an unknown name, E_CHECKPOINT if its file is damaged
 * @example
 * const optimizer = loadZoo("lstm-sam-mnist");
 * const state = optimizer.init(layoutOf([{ name: "w", shape: [params.length] }]));
 * optimizer.step(params, gradient, state);
 */
export function loadZoo(name: string): Optimizer {
  const { learned, metaParams } = readZoo(name);
  return optimizerOf(learned, metaParams);
}

function readZoo(name: string) {
  const path = zooPath(name);
  const bytes = readBytes(path);
  return { path, bytes: bytes.length, ...decodeWeights(bytes, path) };
}
