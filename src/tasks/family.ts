import type { Dataset } from "../data/dataset.ts";
import { LowlandError } from "../errors.ts";
import type { Network } from "../nn/sequential.ts";
import { foldIn, type Key } from "../random/key.ts";
import type { ResolvedSpec, SettingValue } from "../spec.ts";
import type { Augmentation, Draft } from "./augmentations.ts";
import { openClassification } from "./classification.ts";
import { type Model, networkOf } from "./models.ts";
import type { Task } from "./types.ts";

/** A distribution of tasks: what meta-training draws its inner trainings from. */
export interface TaskFamily {
  readonly name: string;
  /** The task that this key draws; samples share their buffers, so drawing one is cheap. */
  sample(key: Key): Task;
  /** Frees what all samples share. */
  close(): void;
}

/** Networks that are remembered by their settings, so that samples of one size share their buffers. */
const KEPT_NETWORKS = 16;

/** The family whose only member is this task. */
export function familyOf(task: Task): TaskFamily {
  return { name: task.name, sample: () => task, close: () => task.close?.() };
}

/**
 * A family of tasks made from one by augmentations.
 *
 * @throws {LowlandError} E_CONFIG for an augmentation that changes how a task is built
 */
export function augmentedFamily(
  name: string,
  task: Task,
  augmentations: readonly Augmentation[],
): TaskFamily {
  const building = augmentations.find(({ build }) => build !== undefined);
  if (building !== undefined) {
    throw new LowlandError(
      "E_CONFIG",
      `${building.name} changes how a task on images is built, ${task.name} is a module; leave it out`,
    );
  }
  return {
    name,
    sample: (key) => ({ ...wrapped(task, augmentations, key), name }),
    close: () => task.close?.(),
  };
}

/**
 * A family of classification tasks on one dataset: a model's settings, and what augmentations draw for every sample.
 *
 * @param how model and augmentations, as `parseModel` gives them; `small` says that images were made smaller than the
 * dataset's own, where a model's `init=auto` is another
 * @example
 * classificationFamily("mine", { train, test }, parseModel("mlp-relu:hidden=32+reparam"))
 */
export function classificationFamily(
  name: string,
  data: { readonly train: Dataset; readonly test: Dataset },
  {
    model,
    augmentations,
    small = false,
  }: {
    readonly model: ResolvedSpec<Model>;
    readonly augmentations: readonly Augmentation[];
    readonly small?: boolean;
  },
): TaskFamily {
  const classification = openClassification(data);
  const { height, width, channels, classes } = data.train;
  const networks = new Map<string, Network>();
  const networkFor = (settings: Readonly<Record<string, SettingValue>>, built: Model): Network => {
    const { batch, ...shape } = settings;
    const id = JSON.stringify(shape);
    const network = networks.get(id) ?? networkOf(built, [height, width, channels], { classes, small });
    networks.delete(id);
    networks.set(id, network);
    for (const oldest of [...networks.keys()].slice(0, -KEPT_NETWORKS)) networks.delete(oldest);
    return network;
  };
  return {
    name,
    sample(key) {
      let draft: Draft = { settings: model.settings, classes };
      augmentations.forEach(({ build }, i) => {
        if (build !== undefined) draft = build(foldIn(key, i), draft);
      });
      const { settings, relabel } = draft;
      const built = model.entry.create(settings);
      const task = classification.task(name, networkFor(settings, built), {
        batchSize: built.batchSize,
        ...(relabel && { relabel }),
      });
      return wrapped(task, augmentations, key);
    },
    close: () => classification.close(),
  };
}

function wrapped(task: Task, augmentations: readonly Augmentation[], key: Key): Task {
  return augmentations.reduce((of, { wrap }, i) => wrap?.(foldIn(key, i), of) ?? of, task);
}
