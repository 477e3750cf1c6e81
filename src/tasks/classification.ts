import type { Dataset } from "../data/dataset.ts";
import { LowlandError } from "../errors.ts";
import type { Arena } from "../kernels/memory.ts";
import { openArena } from "../kernels/module.ts";
import type { Network } from "../nn/sequential.ts";
import { checkVector } from "./check-vectors.ts";
import { type Examples, openExamples, type Relabel } from "./examples.ts";
import { evaluate, fixedObjective } from "./fixed-objective.ts";
import { openFixedSets } from "./fixed-sets.ts";
import { minibatchObjective } from "./minibatches.ts";
import { type NetworkOnExamples, openRunners } from "./runners.ts";
import { ACCURACY, SPLITS, type Task } from "./types.ts";

/** Settings of one classification task. */
export interface ClassificationOptions {
  /** Examples a minibatch, default 128. */
  readonly batchSize?: number;
  /** Gives examples other labels in minibatches of `train`; fixed sets and evaluations keep their own. */
  readonly relabel?: Relabel;
}

/** Tasks on one dataset, which share its examples and the buffers of their networks. */
export interface Classification {
  /** Opens a task; it has nothing to close. */
  task(name: string, network: Network, options?: ClassificationOptions): Task;
  /** Frees what the tasks share. */
  close(): void;
}

/** What the tasks on one dataset share. */
type Shared = Pick<NetworkOnExamples, "examples" | "runners" | "fixedSets">;

/**
 * Opens a dataset for classification tasks.
 *
 * @param data the official training set, which is split three ways, and the official test set
 * @throws {LowlandError} E_DATA for labels outside the classes, E_SHAPE if the parts differ in their extents
 */
export function openClassification(data: {
  readonly train: Dataset;
  readonly test: Dataset;
}): Classification {
  let staging: { readonly arena: Arena; readonly bytes: Uint8Array } | undefined;
  const pixels = (bytes: number): Uint8Array => {
    if (staging === undefined || staging.bytes.length < bytes) {
      staging?.arena.close();
      const arena = openArena();
      staging = { arena, bytes: arena.uint8(bytes) };
    }
    return staging.bytes;
  };
  const shared = { examples: openExamples(data, pixels), runners: openRunners(), fixedSets: openFixedSets() };
  return {
    task(name, network, options = {}) {
      checkNetwork(name, network, shared.examples);
      return openTask(name, network, shared, options);
    },
    close() {
      shared.runners.close();
      shared.fixedSets.close();
      staging?.arena.close();
      staging = undefined;
    },
  };
}

/**
 * A classification task: minibatches drawn with replacement, pixels / 255, mean softmax cross-entropy.
 *
 * Networks with batch normalization are normalized by the minibatch in `objective`. In `fixedObjective` and
 * `evaluate` they are normalized by constants, measured anew at every point: the means over the minibatches that the
 * first 1,024 training examples make, of their means and variances.
 *
 * @param data the official training set, which is split three ways, and the official test set
 * @throws {LowlandError} E_DATA for labels outside the classes, E_SHAPE for a network of other inputs or too few outputs
 */
export function classificationTask(
  name: string,
  network: Network,
  data: { readonly train: Dataset; readonly test: Dataset },
  options: ClassificationOptions = {},
): Task {
  const classification = openClassification(data);
  return { ...classification.task(name, network, options), close: () => classification.close() };
}

function checkNetwork(name: string, network: Network, { shape, size, classes }: Examples): void {
  if (network.inputSize !== size) {
    throw new LowlandError(
      "E_SHAPE",
      `task ${name}: the network takes ${network.inputSize} inputs, an image has ${shape.join("×")}; build it for ${size}`,
    );
  }
  if (network.classes < classes) {
    throw new LowlandError(
      "E_SHAPE",
      `task ${name}: the network has ${network.classes} outputs, the dataset ${classes} classes; give it ${classes}`,
    );
  }
}

function openTask(
  name: string,
  network: Network,
  shared: Shared,
  { batchSize = 128, relabel }: ClassificationOptions,
): Task {
  const { layout } = network;
  const on: NetworkOnExamples = { ...shared, network, batchSize, relabel };
  return {
    name,
    layout,
    splits: SPLITS,
    metrics: [ACCURACY],
    lossBound: 1.5 * Math.log(shared.examples.classes),
    init(key, params) {
      checkVector("params", params, layout);
      network.init(key, params);
    },
    objective: (split = "train") => minibatchObjective(on, split),
    fixedObjective: ({ split = "train", count, key } = {}) => fixedObjective(on, split, count, key),
    evaluate: (params, split) => evaluate(on, params, split),
  };
}
