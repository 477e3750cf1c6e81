import type { Dataset } from "../data/dataset.ts";
import { LowlandError } from "../errors.ts";
import type { Arena } from "../kernels/memory.ts";
import { openArena } from "../kernels/module.ts";
import type { Vector } from "../kernels/types.ts";
import type { Network } from "../nn/sequential.ts";
import { type Key, permutation, randomIntegers } from "../random/key.ts";
import { checkVector } from "./check-vectors.ts";
import { type Examples, openExamples, type Relabel } from "./examples.ts";
import { type FixedSets, openFixedSets } from "./fixed-sets.ts";
import { openRunners, type Runner, type Runners } from "./runners.ts";
import { ACCURACY, type Evaluation, type Objective, SPLITS, type Split, type Task } from "./types.ts";

const CHUNK = 500; // examples at a time where a whole set is gone through, fewer for large networks
const CHUNK_ACTIVATIONS = 2 ** 21; // floats: 8 MB of activations, and as much of their gradients
const STATISTICS_EXAMPLES = 1024; // what a network is normalized by outside of training is measured on these

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
interface Shared {
  readonly examples: Examples;
  readonly runners: Runners;
  readonly fixedSets: FixedSets;
}

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
  { examples, runners, fixedSets }: Shared,
  { batchSize = 128, relabel }: ClassificationOptions,
): Task {
  const { layout } = network;
  const normalized = network.statisticsSize > 0;
  const chunk = Math.min(CHUNK, Math.max(1, Math.floor(CHUNK_ACTIVATIONS / network.activationSize)));

  /** Puts examples of a split into a runner's input, which then holds no minibatch. */
  function fill(
    runner: Runner,
    split: Split,
    places: { order?: Uint32Array | undefined; start: number; count: number },
    labelled?: Relabel,
  ): void {
    examples.unpack(split, places, { ops: runner.ops, x: runner.input, labels: runner.labels }, labelled);
    runner.held.split = undefined;
    runner.normalizedAt = undefined;
  }

  /** What the network is normalized by outside of training, at `params`; undefined if by nothing. */
  function fixedStatistics(params: Vector): Vector | undefined {
    if (!normalized) return undefined;
    const runner = runners.at(network, params, batchSize);
    const count = Math.min(STATISTICS_EXAMPLES, examples.count("train"));
    const part = vectorLike(params, network.statisticsSize);
    const sum = new Float64Array(part.length);
    for (let start = 0; start < count; start += batchSize) {
      const length = Math.min(batchSize, count - start);
      fill(runner, "train", { start, count: length });
      runner.run(params, runner.labels, length);
      runner.readStatistics(part);
      for (let i = 0; i < sum.length; i++) sum[i]! += (part[i]! * length) / count;
    }
    part.set(sum);
    return part;
  }

  /** The runner for minibatches, with the examples that `batch` draws. */
  function drawBatch(params: Vector, split: Split, batch: Key): Runner {
    const runner = runners.at(network, params, batchSize);
    const { held } = runner;
    const labelled = split === "train" ? relabel : undefined;
    if (
      held.split === split &&
      held.hi === batch.hi &&
      held.lo === batch.lo &&
      held.count === batchSize &&
      held.relabel === labelled
    ) {
      return runner;
    }
    const order = batchSize === runner.most ? runner.drawn : runner.drawn.subarray(0, batchSize);
    randomIntegers(batch, order, examples.count(split));
    fill(runner, split, { order, start: 0, count: batchSize }, labelled);
    Object.assign(held, { split, hi: batch.hi, lo: batch.lo, count: batchSize, relabel: labelled });
    return runner;
  }

  function minibatchObjective(split: Split): Objective {
    const scale = 1 / batchSize;
    /** The objective normalized by the minibatch, or by constants. */
    const normalizedBy = (statistics: Vector | undefined): Objective => {
      const run = (params: Vector, batch: Key, gradient: Vector | undefined): number => {
        const runner = drawBatch(params, split, batch);
        const { loss } = runner.run(params, runner.labels, batchSize, { gradient, scale, statistics });
        if (normalized) runner.normalizedAt = statistics === undefined ? params.slice() : undefined;
        return loss / batchSize;
      };
      return {
        layout,
        loss(params, batch, known) {
          checkVector("params", params, layout);
          return known?.loss ?? run(params, batch, undefined);
        },
        lossAndGradient(params, batch, gradient) {
          checkVector("params", params, layout);
          checkVector("gradient", gradient, layout, params);
          return run(params, batch, gradient);
        },
      };
    };
    const plain = normalizedBy(undefined);
    if (!normalized) return plain;
    return {
      ...plain,
      freeze(params, batch) {
        checkVector("params", params, layout);
        const runner = drawBatch(params, split, batch);
        // a regularizer has just had the plain gradient here
        if (!sameEntries(runner.normalizedAt, params)) runner.run(params, runner.labels, batchSize);
        const statistics = vectorLike(params, network.statisticsSize);
        runner.readStatistics(statistics);
        return normalizedBy(statistics);
      },
    };
  }

  function fixedObjective(split: Split, wanted: number | undefined, key: Key | undefined): Objective {
    const available = examples.count(split);
    const count = Math.min(wanted ?? available, available);
    const order = key === undefined ? undefined : permutation(key, available).slice(0, count);
    const id = `${split} ${count} ${key?.hi} ${key?.lo}`;
    const scale = 1 / count;
    const unpack = (runner: Runner, start: number, x: Vector, labels: Uint8Array): void => {
      const places = { order, start, count: Math.min(chunk, count - start) };
      examples.unpack(split, places, { ops: runner.ops, x, labels });
    };
    /** Goes through the set in parts of what the buffers hold, x being the pixels of `length` examples. */
    const eachPart = (
      params: Vector,
      use: (runner: Runner, part: { x: Vector; labels: Uint8Array; length: number; first: boolean }) => void,
    ): void => {
      const runner = runners.at(network, params, Math.min(chunk, count));
      const kept = fixedSets.at(id, params, { count, size: examples.size }, ({ x, labels }) => {
        for (let start = 0; start < count; start += chunk) {
          unpack(runner, start, x.subarray(start * examples.size), labels.subarray(start));
        }
      });
      runner.held.split = undefined;
      runner.normalizedAt = undefined;
      for (let start = 0; start < count; start += chunk) {
        const length = Math.min(chunk, count - start);
        if (kept === undefined) unpack(runner, start, runner.input, runner.labels);
        const x = kept === undefined ? runner.input : kept.x.subarray(start * examples.size);
        const labels = kept === undefined ? runner.labels : kept.labels.subarray(start);
        use(runner, { x, labels: labels.subarray(0, length), length, first: start === 0 });
      }
    };
    const normalizedBy = (
      statisticsAt: (params: Vector) => Vector | undefined,
      exact: boolean,
    ): Objective => {
      const run = (params: Vector, gradient: Vector | undefined): number => {
        const statistics = statisticsAt(params);
        let loss = 0;
        eachPart(params, (runner, { x, labels, length, first }) => {
          const options = { x, gradient, scale, accumulate: !first, statistics };
          loss += runner.run(params, labels, length, options).loss;
        });
        return loss / count;
      };
      return {
        layout,
        loss(params, _batch, known) {
          checkVector("params", params, layout);
          return known?.loss ?? run(params, undefined);
        },
        lossAndGradient(params, _batch, gradient) {
          checkVector("params", params, layout);
          checkVector("gradient", gradient, layout, params);
          return run(params, gradient);
        },
        ...(exact && {
          hessianVectorProduct(params: Vector, _batch: Key, direction: Vector, product: Vector) {
            checkVector("params", params, layout);
            checkVector("direction", direction, layout, params);
            checkVector("product", product, layout, params);
            const statistics = statisticsAt(params);
            eachPart(params, (runner, { x, labels, length, first }) => {
              const options = { direction, product, x, scale, accumulate: !first, statistics };
              runner.hessianVectorProduct(params, labels, length, options);
            });
          },
        }),
      };
    };
    // where statistics move with the parameters, only what is frozen has products
    const objective = normalizedBy(fixedStatistics, !normalized);
    if (!normalized) return objective;
    return {
      ...objective,
      freeze(params) {
        checkVector("params", params, layout);
        const statistics = fixedStatistics(params);
        return normalizedBy(() => statistics, true);
      },
    };
  }

  return {
    name,
    layout,
    splits: SPLITS,
    metrics: [ACCURACY],
    lossBound: 1.5 * Math.log(examples.classes),
    init(key, params) {
      checkVector("params", params, layout);
      network.init(key, params);
    },
    objective: (split = "train") => minibatchObjective(split),
    fixedObjective: ({ split = "train", count, key } = {}) => fixedObjective(split, count, key),

    evaluate(params, split): Evaluation {
      checkVector("params", params, layout);
      const count = examples.count(split);
      const statistics = fixedStatistics(params);
      const runner = runners.at(network, params, chunk);
      let loss = 0;
      let correct = 0;
      for (let start = 0; start < count; start += chunk) {
        const length = Math.min(chunk, count - start);
        fill(runner, split, { start, count: length });
        const result = runner.run(params, runner.labels.subarray(0, length), length, { statistics });
        loss += result.loss;
        correct += result.correct;
      }
      return { loss: loss / count, count, metrics: { accuracy: correct / count } };
    },
  };
}

function vectorLike(params: Vector, length: number): Vector {
  return params instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);
}

function sameEntries(a: Vector | undefined, b: Vector): boolean {
  if (a?.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
