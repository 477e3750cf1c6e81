import type { Vector } from "../kernels/types.ts";
import { type Key, randomIntegers } from "../random/key.ts";
import { checkedObjective, checkVector } from "./check-vectors.ts";
import { type NetworkOnExamples, type Runner, vectorLike } from "./runners.ts";
import type { Objective, Split } from "./types.ts";

/** The objective on minibatches that keys draw from a split, with replacement; normalized by them where layers are. */
export function minibatchObjective(on: NetworkOnExamples, split: Split): Objective {
  const { network, batchSize } = on;
  const { layout, statisticsSize } = network;
  const scale = 1 / batchSize;
  /** The objective normalized by the minibatch, or by constants. */
  const normalizedBy = (statistics: Vector | undefined): Objective =>
    checkedObjective(layout, (params, batch, gradient) => {
      const runner = drawBatch(on, params, split, batch);
      const { loss } = runner.run(params, runner.labels, batchSize, { gradient, scale, statistics });
      if (statisticsSize > 0) runner.normalizedAt = statistics === undefined ? params.slice() : undefined;
      return loss / batchSize;
    });
  const plain = normalizedBy(undefined);
  if (statisticsSize === 0) return plain;
  return {
    ...plain,
    freeze(params, batch) {
      checkVector("params", params, layout);
      const runner = drawBatch(on, params, split, batch);
      // a regularizer has just had the plain gradient here
      if (!sameEntries(runner.normalizedAt, params)) runner.run(params, runner.labels, batchSize);
      const statistics = vectorLike(params, statisticsSize);
      runner.readStatistics(statistics);
      return normalizedBy(statistics);
    },
  };
}

/** The runner for minibatches, with the examples that `batch` draws. */
function drawBatch(
  { network, examples, runners, batchSize, relabel }: NetworkOnExamples,
  params: Vector,
  split: Split,
  batch: Key,
): Runner {
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
  const into = { ops: runner.ops, x: runner.input, labels: runner.labels };
  examples.unpack(split, { order, start: 0, count: batchSize }, into, labelled);
  held.split = split;
  held.hi = batch.hi;
  held.lo = batch.lo;
  held.count = batchSize;
  held.relabel = labelled;
  runner.normalizedAt = undefined;
  return runner;
}

function sameEntries(a: Vector | undefined, b: Vector): boolean {
  if (a?.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
