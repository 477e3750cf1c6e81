import type { Dataset } from "../data/dataset.ts";
import { LowlandError } from "../errors.ts";
import { openArena } from "../kernels/module.ts";
import type { Vector } from "../kernels/types.ts";
import type { Network } from "../nn/sequential.ts";
import { type Key, permutation, randomIntegers } from "../random/key.ts";
import { openExamples } from "./examples.ts";
import { openRunners, type Runner } from "./runners.ts";
import { ACCURACY, type Evaluation, type Objective, SPLITS, type Split, type Task } from "./types.ts";

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
  const arena = openArena();
  const chunk = Math.min(CHUNK, Math.max(1, Math.floor(CHUNK_ACTIVATIONS / network.activationSize)));
  const examples = openExamples(data, arena.uint8(Math.max(chunk, batchSize) * size));
  const runners = openRunners(network, arena);
  const fixedObjectives = new Map<string, Objective>();
  const drawn = new Uint32Array(batchSize);

  /** Puts examples of a split into a runner's input, which then holds no minibatch. */
  function fill(runner: Runner, split: Split, at: (i: number) => number, count: number): void {
    examples.unpack(split, at, count, { ops: runner.ops, x: runner.input, labels: runner.labels });
    runner.batch = undefined;
  }

  /** What the network is normalized by outside of training, at `params`; undefined if by nothing. */
  function fixedStatistics(params: Vector): Vector | undefined {
    if (network.statisticsSize === 0) return undefined;
    const runner = runners.at(params, batchSize);
    const count = Math.min(STATISTICS_EXAMPLES, examples.count("train"));
    const part = vectorLike(params, network.statisticsSize);
    const sum = new Float64Array(part.length);
    for (let start = 0; start < count; start += batchSize) {
      const length = Math.min(batchSize, count - start);
      fill(runner, "train", (i) => start + i, length);
      runner.run(params, runner.labels, length);
      runner.readStatistics(part);
      for (let i = 0; i < sum.length; i++) sum[i]! += (part[i]! * length) / count;
    }
    part.set(sum);
    return part;
  }

  /** The runner for minibatches, with the examples that `batch` draws. */
  function drawBatch(params: Vector, split: Split, batch: Key): Runner {
    const runner = runners.at(params, batchSize);
    if (runner.split !== split || runner.batch?.hi !== batch.hi || runner.batch.lo !== batch.lo) {
      randomIntegers(batch, drawn, examples.count(split));
      fill(runner, split, (i) => drawn[i]!, batchSize);
      runner.split = split;
      runner.batch = batch;
      runner.normalizedAt = undefined;
    }
    return runner;
  }

  function minibatchObjective(split: Split): Objective {
    const scale = 1 / batchSize;
    const run = (params: Vector, batch: Key, gradient?: Vector): number => {
      const runner = drawBatch(params, split, batch);
      const { loss } = runner.run(params, runner.labels, batchSize, { ...(gradient && { gradient }), scale });
      if (network.statisticsSize > 0) runner.normalizedAt = params.slice();
      return loss / batchSize;
    };
    const plain: Objective = {
      layout,
      loss: (params, batch, known) => known?.loss ?? run(params, batch),
      lossAndGradient: run,
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
        const frozen = (params: Vector, batch: Key, gradient?: Vector): number => {
          const runner = drawBatch(params, split, batch);
          runner.normalizedAt = undefined;
          const options = { ...(gradient && { gradient }), scale, statistics };
          return runner.run(params, runner.labels, batchSize, options).loss / batchSize;
        };
        return {
          layout,
          loss: (params, batch, known) => known?.loss ?? frozen(params, batch),
          lossAndGradient: frozen,
        };
      },
    };
  }

  return {
    name,
    layout,
    splits: SPLITS,
    metrics: [ACCURACY],
    lossBound: 1.5 * Math.log(network.classes),
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
      const available = examples.count(split);
      const count = Math.min(wanted ?? available, available);
      const order = key === undefined ? undefined : permutation(key, available);
      const at = (i: number): number => (order === undefined ? i : order[i]!);
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
        const runner = runners.at(params, Math.min(chunk, count));
        runner.normalizedAt = undefined;
        if (keep && unpacked?.x.constructor !== params.constructor) {
          const x = runner.ops.allocate(count * size);
          const labels = new Uint8Array(count);
          for (let start = 0; start < count; start += chunk) {
            const length = Math.min(chunk, count - start);
            const into = { ops: runner.ops, x: x.subarray(start * size), labels: labels.subarray(start) };
            examples.unpack(split, (i) => at(start + i), length, into);
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
            fill(runner, split, (i) => at(start + i), length);
          }
          use(runner, { x, labels: labels.subarray(0, length), length, first: start === 0 });
        }
      };
      const scale = 1 / count;
      const frozen = (statisticsAt: (params: Vector) => Vector | undefined, exact: boolean): Objective => ({
        layout,
        loss(params, _batch, known) {
          if (known !== undefined) return known.loss;
          const statistics = statisticsAt(params);
          let loss = 0;
          eachPart(params, (runner, { x, labels, length }) => {
            loss += runner.run(params, labels, length, { x, scale, statistics }).loss;
          });
          return loss / count;
        },
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
      const count = examples.count(split);
      const statistics = fixedStatistics(params);
      const runner = runners.at(params, chunk);
      let loss = 0;
      let correct = 0;
      for (let start = 0; start < count; start += chunk) {
        const length = Math.min(chunk, count - start);
        fill(runner, split, (i) => start + i, length);
        const result = runner.run(params, runner.labels.subarray(0, length), length, { statistics });
        loss += result.loss;
        correct += result.correct;
      }
      return { loss: loss / count, count, metrics: { accuracy: correct / count } };
    },

    close() {
      runners.clear();
      fixedObjectives.clear();
      arena.close();
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
