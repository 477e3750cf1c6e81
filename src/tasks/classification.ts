import type { Dataset } from "../data/dataset.ts";
import { splitIndices } from "../data/splits.ts";
import { LowlandError } from "../errors.ts";
import { openArena } from "../kernels/module.ts";
import { kernelOps, type Ops, referenceOps } from "../kernels/ops.ts";
import type { Vector } from "../kernels/types.ts";
import { inKernelMemory } from "../kernels/vector.ts";
import type { Network, OpenNetwork } from "../nn/sequential.ts";
import { foldIn, type Key, permutation, randomIntegers } from "../random/key.ts";
import type { Evaluation, Objective, Split, Task } from "./types.ts";

const CHUNK = 500; // examples at a time where a whole set is gone through
const FIXED_SET_BYTES = 64 * 2 ** 20; // fixed sets up to this size are kept unpacked

/**
 * A classification task: minibatches drawn with replacement, pixels / 255, mean softmax cross-entropy.
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
    let inside: { params: Vector; gradient: Vector } | undefined;
    const run: OpenNetwork["run"] = (params, labels, count, options = {}) => {
      const foreign = precision === "float32" && !inKernelMemory(params);
      const { gradient } = options;
      const gradientForeign = precision === "float32" && gradient !== undefined && !inKernelMemory(gradient);
      if (!foreign && !gradientForeign) return opened.run(params, labels, count, options);
      inside ??= { params: ops.allocate(layout.size), gradient: ops.allocate(layout.size) };
      if (foreign) inside.params.set(params);
      if (gradientForeign && options.accumulate) inside.gradient.set(gradient);
      const result = opened.run(foreign ? inside.params : params, labels, count, {
        ...options,
        ...(gradientForeign && { gradient: inside.gradient }),
      });
      if (gradientForeign) gradient.set(inside.gradient);
      return result;
    };
    return {
      ops,
      input: opened.input,
      run,
      batch: undefined,
      split: undefined,
      labels: new Uint8Array(batch),
    };
  }

  /** Examples of a split: the dataset and, for the parts of the training set, which of its images. */
  function examplesOf(split: Split): { dataset: Dataset; indices: Uint32Array | undefined; count: number } {
    if (split === "test") return { dataset: data.test, indices: undefined, count: data.test.count };
    const indices = splits[split];
    return { dataset: data.train, indices, count: indices.length };
  }

  const pixels = arena.uint8(CHUNK * size);

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

  return {
    name,
    layout,
    init(key, params) {
      network.init(key, params);
    },

    objective(split = "train"): Objective {
      const { dataset, indices, count } = examplesOf(split);
      return {
        layout,
        lossAndGradient(params, batch, gradient) {
          const runner = runnerFor(params, batchSize);
          if (runner.split !== split || runner.batch?.hi !== batch.hi || runner.batch.lo !== batch.lo) {
            randomIntegers(batch, drawn, count);
            const which = (i: number): number => (indices === undefined ? drawn[i]! : indices[drawn[i]!]!);
            unpack(dataset, which, batchSize, runner.ops, runner.input, runner.labels);
            runner.split = split;
            runner.batch = batch;
          }
          return (
            runner.run(params, runner.labels, batchSize, { gradient, scale: 1 / batchSize }).loss / batchSize
          );
        },
      };
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
      const objective: Objective = {
        layout,
        lossAndGradient(params, _batch, gradient) {
          const runner = runnerFor(params, Math.min(CHUNK, count));
          if (keep && unpacked?.x.constructor !== params.constructor) {
            const x = runner.ops.allocate(count * size);
            const labels = new Uint8Array(count);
            for (let start = 0; start < count; start += CHUNK) {
              const length = Math.min(CHUNK, count - start);
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
          let loss = 0;
          for (let start = 0; start < count; start += CHUNK) {
            const length = Math.min(CHUNK, count - start);
            let labels = runner.labels;
            let x = runner.input;
            if (keep && unpacked !== undefined) {
              x = unpacked.x.subarray(start * size);
              labels = unpacked.labels.subarray(start);
            } else {
              unpack(dataset, (i) => which(start + i), length, runner.ops, x, labels);
              runner.batch = undefined;
            }
            const options = { x, gradient, scale: 1 / count, accumulate: start > 0 };
            loss += runner.run(params, labels.subarray(0, length), length, options).loss;
          }
          return loss / count;
        },
      };
      fixedObjectives.set(id, objective);
      return objective;
    },

    evaluate(params, split): Evaluation {
      const { dataset, indices, count } = examplesOf(split);
      const runner = runnerFor(params, CHUNK);
      runner.batch = undefined;
      let loss = 0;
      let correct = 0;
      for (let start = 0; start < count; start += CHUNK) {
        const length = Math.min(CHUNK, count - start);
        const which = (i: number): number => (indices === undefined ? start + i : indices[start + i]!);
        unpack(dataset, which, length, runner.ops, runner.input, runner.labels);
        const result = runner.run(params, runner.labels.subarray(0, length), length);
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
  readonly labels: Uint8Array;
  split: Split | undefined;
  batch: Key | undefined;
}

/** The key of inner step `step` of a run: minibatches differ from step to step and from run to run. */
export function batchKey(run: Key, step: number): Key {
  return foldIn(run, step);
}
