import { key, permutation } from "../random/key.ts";

/** Seed of the order in which a training set is split; recorded with every run. */
export const SPLIT_SEED = 0;

/** Indices into an official training set, three parts without overlap. */
export interface SplitIndices {
  readonly train: Uint32Array;
  readonly "meta-validation": Uint32Array;
  readonly "report-validation": Uint32Array;
}

/**
 * Splits `count` training examples 80 / 10 / 10 after a permutation by `seed`.
 *
 * The validation parts have ⌊count / 10⌋ examples each; `train` has the rest.
 *
 * @example
 * splitIndices(60_000).train.length; // 48000
 */
export function splitIndices(count: number, seed: number = SPLIT_SEED): SplitIndices {
  const order = permutation(key(seed), count);
  const tenth = Math.floor(count / 10);
  return {
    train: order.slice(0, count - 2 * tenth),
    "meta-validation": order.slice(count - 2 * tenth, count - tenth),
    "report-validation": order.slice(count - tenth),
  };
}
