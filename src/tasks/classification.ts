import type { Dataset } from "../data/dataset.ts";
import { splitIndices } from "../data/splits.ts";
import { LowlandError } from "../errors.ts";
import { openArena } from "../kernels/module.ts";
import { kernelOps, type Ops, referenceOps } from "../kernels/ops.ts";
import type { Vector } from "../kernels/types.ts";
import { inKernelMemory } from "../kernels/vector.ts";
import type { OpenNetwork } from "../nn/open-network.ts";
import type { Network } from "../nn/sequential.ts";
import { type Key, permutation, randomIntegers } from "../random/key.ts";
import type { Evaluation, Objective, Split, Task } from "./types.ts";

const CHUNK = 500; // examples at a time where a whole set is gone through, fewer for large networks
const CHUNK_ACTIVATIONS = 2 ** 21; // floats: 8 MB of activations, and as much of their gradients
const STATISTICS_EXAMPLES = 1024; // what a network is normalized by outside of training is measured on these
const FIXED_SET_BYTES = 64 * 2 ** 20; // fixed sets up to this size are kept unpacked

/**
 * A classification task: minibatches drawn with replacement, pixels / 255, mean softmax cross-entropy.
 *
 * Networks with batch normalization are normalized by the minibatch in `objective`. In `fixedObjective` and
 * `evaluate` they are normalized by constants, measured anew at every point: the means over the minibatches that the
 * first 1,024 training examples make, of their means and variances.
 *
 * @param data the official training set, which is split three ways, and the official test set
 * @param batchSize examples a minibatch
 */
export function classificationTask(
  name: string,
  network: Network,
  data: { readonly train: Dataset; readonly test: Dataset },
  { batchSize = 128 }: { batchSize?: number } = {},
): Task {
  const { layout } = network;
  const size = network.inputSize;
  if (data.train.height * data.train.width * data.train.channels !== size) {
    throw new LowlandError(
      "E_SHAPE",
      `task ${name}: the network takes ${size} inputs, an image of ${data.train.name} has ${data.train.height}×${data.train.width}×${data.train.channels}`,
    );
  }
  const splits = splitIndices(data.train.count);
  const arena = openArena();
  const chunk = Math.min(CHUNK, Math.max(1, Math.floor(CHUNK_ACTIVATIONS / network.activationSize)));
  const runners = new Map<string, Runner>();
  const fixedObjectives = new Map<string, Objective>();

  /** Buffers for `batch` examples in the precision of `params`, opened once. */
  function runnerFor(params: Vector, batch: number): Runner {
    const precision = params instanceof Float32Array ? "float32" : "float64";
    const id = `${precision} ${batch}`;
    let runner = runners.get(id);
    if (runner === undefined) {
      runner = openRunner(precision, batch);
      runners.set(id, runner);
    }
    return runner;
  }

  function openRunner(precision: "float32" | "float64", batch: number): Runner {
    const ops = precision === "float32" ? kernelOps(arena) : referenceOps;
    const opened = network.open(ops, batch);
    // vectors from outside kernel memory are copied in and out
    const inside = new Map<string, Vector>();
    const borrowed = (role: string, vector: Vector): Vector => {
      if (precision === "float64" || inKernelMemory(vector)) return vector;
      const own = inside.get(role) ?? ops.allocate(layout.size);
      inside.set(role, own);
      own.set(vector);
      return own;
    };
    const returned = (own: Vector | undefined, vector: Vector | undefined): void => {
      if (own !== undefined && own !== vector) vector!.set(own);
    };
    const run: OpenNetwork["run"] = (params, labels, count, options = {}) => {
      const { gradient } = options;
      const own = gradient && borrowed("gradient", gradient);
      const result = opened.run(borrowed("params", params), labels, count, {
        ...options,
        ...(own && { gradient: own }),
      });
      returned(own, gradient);
      return result;
    };
    const hessianVectorProduct: OpenNetwork["hessianVectorProduct"] = (params, labels, count, options) => {
      const product = borrowed("gradient", options.product);
      const direction = borrowed("direction", options.direction);
      opened.hessianVectorProduct(borrowed("params", params), labels, count, {
        ...options,
        direction,
        product,
      });
      returned(product, options.product);
    };
    return {
      ops,
      input: opened.input,
      run,
      hessianVectorProduct,
      batch: undefined,
      split: undefined,
      readStatistics: opened.readStatistics,
      normalizedAt: undefined,
      labels: new Uint8Array(batch),
    };
  }

  /** Examples of a split: the dataset and, for the parts of the training set, which of its images. */
  function examplesOf(split: Split): { dataset: Dataset; indices: Uint32Array | undefined; count: number } {
    if (split === "test") return { dataset: data.test, indices: undefined, count: data.test.count };
    const indices = splits[split];
    return { dataset: data.train, indices, count: indices.length };
  }

  const pixels = arena.uint8(Math.max(chunk, batchSize) * size);

  /** Unpacks the examples `which(0 … count−1)` into `out`, and their labels. */
  function unpack(
    { images, labels }: Dataset,
    which: (i: number) => number,
    count: number,
    ops: Ops,
    out: Vector,
    outLabels: Uint8Array,
  ): void {
    for (let i = 0; i < count; i++) {
      const example = which(i);
      pixels.set(images.subarray(example * size, (example + 1) * size), i * size);
      outLabels[i] = labels[example]!;
    }
    ops.unpackPixels(pixels.subarray(0, count * size), out);
  }

  const drawn = new Uint32Array(batchSize);

  /** What the network is normalized by outside of training, at `params`; undefined if by nothing. */
  function fixedStatistics(params: Vector): Vector | undefined {
    if (network.statisticsSize === 0) return undefined;
    const runner = runnerFor(params, batchSize);
    const count = Math.min(STATISTICS_EXAMPLES, splits.train.length);
    const part = vectorLike(params, network.statisticsSize);
    const sum = new Float64Array(part.length);
    for (let start = 0; start < count; start += batchSize) {
      const length = Math.min(batchSize, count - start);
      const which = (i: number): number => splits.train[start + i]!;
      unpack(data.train, which, length, runner.ops, runner.input, runner.labels);
      runner.run(params, runner.labels, length);
      runner.readStatistics(part);
      for (let i = 0; i < sum.length; i++) sum[i]! += (part[i]! * length) / count;
    }
    runner.batch = undefined;
    part.set(sum);
    return part;
  }

  /** The runner for minibatches, with the examples that `batch` draws. */
  function drawBatch(params: Vector, split: Split, batch: Key): Runner {
    const runner = runnerFor(params, batchSize);
    if (runner.split !== split || runner.batch?.hi !== batch.hi || runner.batch.lo !== batch.lo) {
      const { dataset, indices, count } = examplesOf(split);
      randomIntegers(batch, drawn, count);
      const which = (i: number): number => (indices === undefined ? drawn[i]! : indices[drawn[i]!]!);
      unpack(dataset, which, batchSize, runner.ops, runner.input, runner.labels);
      runner.split = split;
      runner.batch = batch;
      runner.normalizedAt = undefined;
    }
    return runner;
  }

  function minibatchObjective(split: Split): Objective {
    const scale = 1 / batchSize;
    const plain: Objective = {
      layout,
      lossAndGradient(params, batch, gradient) {
        const runner = drawBatch(params, split, batch);
        const { loss } = runner.run(params, runner.labels, batchSize, { gradient, scale });
        if (network.statisticsSize > 0) runner.normalizedAt = params.slice();
        return loss / batchSize;
      },
    };
    if (network.statisticsSize === 0) return plain;
    return {
      ...plain,
      freeze(params, batch) {
        const runner = drawBatch(params, split, batch);
        // a regularizer has just had the plain gradient here
        if (!sameEntries(runner.normalizedAt, params)) runner.run(params, runner.labels, batchSize);
        const statistics = vectorLike(params, network.statisticsSize);
        runner.readStatistics(statistics);
        return {
          layout,
          lossAndGradient(params, batch, gradient) {
            const runner = drawBatch(params, split, batch);
            runner.normalizedAt = undefined;
            const { loss } = runner.run(params, runner.labels, batchSize, { gradient, scale, statistics });
            return loss / batchSize;
          },
        };
      },
    };
  }

  return {
    name,
    layout,
    init(key, params) {
      network.init(key, params);
    },

    objective(split = "train"): Objective {
      return minibatchObjective(split);
    },

    fixedObjective({ split = "train", count: wanted, key } = {}): Objective {
      const id = `${split} ${wanted} ${key?.hi} ${key?.lo}`;
      const known = fixedObjectives.get(id);
      if (known !== undefined) return known;
      const { dataset, indices, count: available } = examplesOf(split);
      const count = Math.min(wanted ?? available, available);
      const order = key === undefined ? undefined : permutation(key, available);
      const which = (i: number): number => {
        const place = order === undefined ? i : order[i]!;
        return indices === undefined ? place : indices[place]!;
      };
      const keep = count * size * 4 <= FIXED_SET_BYTES;
      let unpacked: { x: Vector; labels: Uint8Array } | undefined;
      /** Goes through the set in parts of what the buffers hold, x being the pixels of `length` examples. */
      const eachPart = (
        params: Vector,
        use: (
          runner: Runner,
          part: { x: Vector; labels: Uint8Array; length: number; first: boolean },
        ) => void,
      ): void => {
        const runner = runnerFor(params, Math.min(chunk, count));
        runner.normalizedAt = undefined;
        if (keep && unpacked?.x.constructor !== params.constructor) {
          const x = runner.ops.allocate(count * size);
          const labels = new Uint8Array(count);
          for (let start = 0; start < count; start += chunk) {
            const length = Math.min(chunk, count - start);
            unpack(
              dataset,
              (i) => which(start + i),
              length,
              runner.ops,
              x.subarray(start * size),
              labels.subarray(start),
            );
          }
          unpacked = { x, labels };
        }
        for (let start = 0; start < count; start += chunk) {
          const length = Math.min(chunk, count - start);
          let labels = runner.labels;
          let x = runner.input;
          if (keep && unpacked !== undefined) {
            x = unpacked.x.subarray(start * size);
            labels = unpacked.labels.subarray(start);
          } else {
            unpack(dataset, (i) => which(start + i), length, runner.ops, x, labels);
            runner.batch = undefined;
          }
          use(runner, { x, labels: labels.subarray(0, length), length, first: start === 0 });
        }
      };
      const scale = 1 / count;
      const frozen = (statisticsAt: (params: Vector) => Vector | undefined, exact: boolean): Objective => ({
        layout,
        lossAndGradient(params, _batch, gradient) {
          const statistics = statisticsAt(params);
          let loss = 0;
          eachPart(params, (runner, { x, labels, length, first }) => {
            const options = { x, gradient, scale, accumulate: !first, statistics };
            loss += runner.run(params, labels, length, options).loss;
          });
          return loss / count;
        },
        ...(exact && {
          hessianVectorProduct(params: Vector, _batch: Key, direction: Vector, product: Vector) {
            const statistics = statisticsAt(params);
            eachPart(params, (runner, { x, labels, length, first }) => {
              const options = { direction, product, x, scale, accumulate: !first, statistics };
              runner.hessianVectorProduct(params, labels, length, options);
            });
          },
        }),
      });
      // where statistics move with the parameters, only what is frozen has products
      const objective = frozen(fixedStatistics, network.statisticsSize === 0);
      if (network.statisticsSize > 0) {
        objective.freeze = (params) => {
          const statistics = fixedStatistics(params);
          return frozen(() => statistics, true);
        };
      }
      fixedObjectives.set(id, objective);
      return objective;
    },

    evaluate(params, split): Evaluation {
      const { dataset, indices, count } = examplesOf(split);
      const statistics = fixedStatistics(params);
      const runner = runnerFor(params, chunk);
      runner.batch = undefined;
      let loss = 0;
      let correct = 0;
      for (let start = 0; start < count; start += chunk) {
        const length = Math.min(chunk, count - start);
        const which = (i: number): number => (indices === undefined ? start + i : indices[start + i]!);
        unpack(dataset, which, length, runner.ops, runner.input, runner.labels);
        const result = runner.run(params, runner.labels.subarray(0, length), length, { statistics });
        loss += result.loss;
        correct += result.correct;
      }
      return { loss: loss / count, accuracy: correct / count, count };
    },

    close() {
      runners.clear();
      fixedObjectives.clear();
      arena.close();
    },
  };
}

/** An open network of one precision and batch size, and the minibatch its input holds at present. */
interface Runner {
  readonly ops: Ops;
  readonly input: Vector;
  readonly run: OpenNetwork["run"];
  readonly hessianVectorProduct: OpenNetwork["hessianVectorProduct"];
  readonly labels: Uint8Array;
  readonly readStatistics: OpenNetwork["readStatistics"];
  split: Split | undefined;
  batch: Key | undefined;
  /** Where the statistics were measured that the network holds, if on this minibatch. */
  normalizedAt: Vector | undefined;
}

function vectorLike(params: Vector, length: number): Vector {
  return params instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);
}

function sameEntries(a: Vector | undefined, b: Vector): boolean {
  if (a?.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
