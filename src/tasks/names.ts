import { parseDatasetName } from "../data/names.ts";
import { LowlandError } from "../errors.ts";
import { buildSpec, parseSpec, type ResolvedSpec, resolveSpec, unknown } from "../spec.ts";
import { type Augmentation, augmentations as registry } from "./augmentations.ts";
import { type Model, models } from "./models.ts";

/** A task name in its parts: `mnist@8/mlp-relu:hidden=32+reparam:low=0.1`. */
export interface ParsedTaskName {
  /** A module of the user's own instead of dataset and model. */
  readonly path?: string;
  /** `mnist@8`, empty for a module. */
  readonly dataset: string;
  /** Whether the images are made smaller. */
  readonly small: boolean;
  readonly model?: ResolvedSpec<Model>;
  /** What makes a family of it. */
  readonly augmentations: readonly Augmentation[];
}

/** Before an augmentation; a + in a setting is followed by a digit: `high=1e+3`. */
const JOINT = /\+(?=[a-z])/i;

/**
 * Takes a task name apart.
 *
 * @param datasets the datasets there are
 * @throws {LowlandError} E_CONFIG for a name that is no task's, with a suggestion, and for settings that cannot be
 */
export function parseTaskName(text: string, datasets: readonly string[]): ParsedTaskName {
  const [plain = "", ...added] = text.split(JOINT);
  const augmentations = added.map((spec) => buildSpec(spec, "augmentation", registry));
  const { path } = parseSpec(plain);
  // a colon before the slash of a name is no model's
  if (path !== undefined && /^[./]|^file:|^[a-z]:[\\/]/i.test(plain)) {
    return { path, dataset: "", small: false, augmentations };
  }
  const slash = plain.indexOf("/");
  const dataset = slash < 0 ? plain : plain.slice(0, slash);
  const modelSpec = slash < 0 ? "" : plain.slice(slash + 1);
  const { base, side } = parseDatasetName(dataset);
  const word = `${base}/${modelSpec.split(":")[0]}`;
  const names = datasets.flatMap((name) => Object.keys(models).map((model) => `${name}/${model}`));
  if (slash < 0 || !names.includes(word)) {
    throw new LowlandError("E_CONFIG", unknown("task", slash < 0 ? plain : word, names));
  }
  return {
    dataset,
    small: side !== undefined,
    model: resolveSpec(modelSpec, "model", models),
    augmentations,
  };
}

/** The dataset of a task name, `mnist@8`; undefined for a module of the user's own. */
export function datasetOf(text: string): string | undefined {
  const slash = text.indexOf("/");
  return slash <= 0 || /^[.]|^file:|^[a-z]:[\\/]/i.test(text) ? undefined : text.slice(0, slash);
}
