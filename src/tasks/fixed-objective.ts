import type { Vector } from "../kernels/types.ts";
import { type Key, permutation } from "../random/key.ts";
import { checkedObjective, checkVector } from "./check-vectors.ts";
import { fill, type NetworkOnExamples, type Runner, vectorLike } from "./runners.ts";
import type { Evaluation, Objective, Split } from "./types.ts";

const CHUNK = 500; // examples at a time where a whole set is gone through, fewer for large networks
const CHUNK_ACTIVATIONS = 2 ** 21; // floats: 8 MB of activations, and as much of their gradients
const STATISTICS_EXAMPLES = 1024; // what a network is normalized by outside of training is measured on these

/** Examples that are gone through at a time. */
function chunkOf({ network }: NetworkOnExamples): number {
  return Math.min(CHUNK, Math.max(1, Math.floor(CHUNK_ACTIVATIONS / network.activationSize)));
}

/** What the network is normalized by outside of training, at `params`; undefined if by nothing. */
function fixedStatistics(
  { network, examples, runners, batchSize }: NetworkOnExamples,
  params: Vector,
): Vector | undefined {
  if (network.statisticsSize === 0) return undefined;
  const runner = runners.at(network, params, batchSize);
  const count = Math.min(STATISTICS_EXAMPLES, examples.count("train"));
  const part = vectorLike(params, network.statisticsSize);
  const sum = new Float64Array(part.length);
  for (let start = 0; start < count; start += batchSize) {
    const length = Math.min(batchSize, count - start);
    fill(runner, examples, "train", { start, count: length });
    runner.run(params, runner.labels, length);
    runner.readStatistics(part);
    for (let i = 0; i < sum.length; i++) sum[i]! += (part[i]! * length) / count;
  }
  part.set(sum);
  return part;
}

/** The objective on the first `wanted` examples of a split, shuffled by `key`: sums in float64, exact products. */
export function fixedObjective(
  on: NetworkOnExamples,
  split: Split,
  wanted: number | undefined,
  key: Key | undefined,
): Objective {
  const { network, examples, runners, fixedSets } = on;
  const { layout } = network;
  const { size } = examples;
  const chunk = chunkOf(on);
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
    const kept = fixedSets.at(id, params, { count, size }, ({ x, labels }) => {
      for (let start = 0; start < count; start += chunk) {
        unpack(runner, start, x.subarray(start * size), labels.subarray(start));
      }
    });
    runner.held.split = undefined;
    runner.normalizedAt = undefined;
    for (let start = 0; start < count; start += chunk) {
      const length = Math.min(chunk, count - start);
      if (kept === undefined) unpack(runner, start, runner.input, runner.labels);
      const x = kept === undefined ? runner.input : kept.x.subarray(start * size);
      const labels = kept === undefined ? runner.labels : kept.labels.subarray(start);
      use(runner, { x, labels: labels.subarray(0, length), length, first: start === 0 });
    }
  };
  const normalizedBy = (statisticsAt: (params: Vector) => Vector | undefined): Objective =>
    checkedObjective(layout, (params, _batch, gradient) => {
      const statistics = statisticsAt(params);
      let loss = 0;
      eachPart(params, (runner, { x, labels, length, first }) => {
        const options = { x, gradient, scale, accumulate: !first, statistics };
        loss += runner.run(params, labels, length, options).loss;
      });
      return loss / count;
    });
  /** With products, which there are where statistics do not move with the parameters. */
  const frozen = (statistics: Vector | undefined): Objective => ({
    ...normalizedBy(() => statistics),
    hessianVectorProduct(params, _batch, direction, product) {
      checkVector("params", params, layout);
      checkVector("direction", direction, layout, params);
      checkVector("product", product, layout, params);
      eachPart(params, (runner, { x, labels, length, first }) => {
        const options = { direction, product, x, scale, accumulate: !first, statistics };
        runner.hessianVectorProduct(params, labels, length, options);
      });
    },
  });
  if (network.statisticsSize === 0) return frozen(undefined);
  return {
    ...normalizedBy((params) => fixedStatistics(on, params)),
    freeze(params) {
      checkVector("params", params, layout);
      return frozen(fixedStatistics(on, params));
    },
  };
}

/** Mean loss and accuracy over all of a split. */
export function evaluate(on: NetworkOnExamples, params: Vector, split: Split): Evaluation {
  const { network, examples, runners } = on;
  checkVector("params", params, network.layout);
  const chunk = chunkOf(on);
  const count = examples.count(split);
  const statistics = fixedStatistics(on, params);
  const runner = runners.at(network, params, chunk);
  let [loss, correct] = [0, 0];
  for (let start = 0; start < count; start += chunk) {
    const length = Math.min(chunk, count - start);
    fill(runner, examples, split, { start, count: length });
    const result = runner.run(params, runner.labels.subarray(0, length), length, { statistics });
    loss += result.loss;
    correct += result.correct;
  }
  return { loss: loss / count, count, metrics: { accuracy: correct / count } };
}
