import { parseDatasetName } from "../data/names.ts";
import { LowlandError } from "../errors.ts";
import { buildSpec, parseSpec, type ResolvedSpec, resolveSpec, splitParts, unknown } from "../spec.ts";
import { type Augmentation, augmentations as registry } from "./augmentations.ts";
import { domains } from "./domains/registry.ts";
import type { Domain } from "./domains/types.ts";
import { type Model, models } from "./models.ts";

/** A task name in its parts: `mnist@8/mlp-relu:hidden=32+reparam:low=0.1`. */
export interface ParsedTaskName {
  /** A module of the user's own instead of dataset and model. */
  readonly path?: string;
  /** A task of another domain instead: `lasso:size=50`. */
  readonly domain?: Domain;
  /** `mnist@8`, empty for a module or another domain. */
  readonly dataset: string;
  /** Whether the images are made smaller. */
  readonly small: boolean;
  readonly model?: ResolvedSpec<Model>;
  /** What makes a family of it. */
  readonly augmentations: readonly Augmentation[];
}

const PATH = /^(?:[./]|file:|[a-z]:[\\/])/i;

/**
 * Takes a model and its augmentations apart: `mlp-relu:hidden=32+reparam`.
 *
 * @throws {LowlandError} E_CONFIG for unknown names and settings, with a suggestion
 */
export function parseModel(text: string): {
  readonly model: ResolvedSpec<Model>;
  readonly augmentations: readonly Augmentation[];
} {
  const [model = "", ...added] = partsOf(text);
  return { model: resolveSpec(model, "model", models), augmentations: added.map(augmentationOf) };
}

const partsOf = (text: string): string[] => splitParts(text, (name) => Object.hasOwn(registry, name));

const augmentationOf = (spec: string): Augmentation => buildSpec(spec, "augmentation", registry);

/**
 * Takes a task name apart.
 *
 * @param datasets the datasets there are
 * @throws {LowlandError} E_CONFIG for a name that is no task's, with a suggestion, and for settings that cannot be
 */
export function parseTaskName(text: string, datasets: readonly string[]): ParsedTaskName {
  if (PATH.test(text)) {
    const [path = "", ...added] = partsOf(text);
    return { path, dataset: "", small: false, augmentations: added.map(augmentationOf) };
  }
  const { name } = parseSpec(text.split(/[:+]/)[0]!); // refuses a text that names nothing
  if (Object.hasOwn(domains, name)) {
    const [own = "", ...added] = partsOf(text);
    const domain = buildSpec(own, "task", domains);
    return { domain, dataset: "", small: false, augmentations: added.map(augmentationOf) };
  }
  const slash = text.indexOf("/");
  const dataset = slash < 0 ? text : text.slice(0, slash);
  const rest = text.slice(dataset.length + 1);
  const { base, side } = parseDatasetName(dataset);
  const word = slash < 0 ? name : `${base}/${rest.split(/[:+]/)[0]}`;
  const names = [
    ...datasets.flatMap((name) => Object.keys(models).map((model) => `${name}/${model}`)),
    ...Object.keys(domains),
  ];
  if (!names.includes(word)) throw new LowlandError("E_CONFIG", unknown("task", word, names));
  return { dataset, small: side !== undefined, ...parseModel(rest) };
}

/** The dataset of a task name, `mnist@8`; undefined for a module of the user's own. */
export function datasetOf(text: string): string | undefined {
  const slash = text.indexOf("/");
  const { name } = parseSpec(text.split(/[:+]/)[0]!);
  if (slash <= 0 || PATH.test(text) || Object.hasOwn(domains, name)) return undefined;
  return text.slice(0, slash);
}

/** The module of a task name, augmentations left out; undefined for a dataset and a model. */
export function moduleOf(text: string): string | undefined {
  return PATH.test(text) ? partsOf(text)[0] : undefined;
}

/** The name of a task's model, without settings and augmentations: `mlp-relu`. */
export function modelNameOf(text: string): string {
  return /^[^/]*\/([^:+]*)/.exec(text)?.[1] ?? "";
}
