import type { Dataset } from "../data/dataset.ts";
import { splitIndices } from "../data/splits.ts";
import { LowlandError } from "../errors.ts";
import type { Ops } from "../kernels/ops.ts";
import type { Vector } from "../kernels/types.ts";
import { unknown } from "../spec.ts";
import { SPLITS, type Split } from "./types.ts";

/** Images and labels by split: `test` is the official test set, the other splits are parts of the official training set. */
export interface Examples {
  /** Examples of a split. */
  count(split: Split): number;
  /**
   * Unpacks the examples at the places `at(0 … count−1)` of a split: pixels / 255 into `x`, image after image, labels into
   * `labels`.
   */
  unpack(
    split: Split,
    at: (i: number) => number,
    count: number,
    into: { readonly ops: Ops; readonly x: Vector; readonly labels: Uint8Array },
  ): void;
}

/**
 * The examples of a dataset.
 *
 * @param pixels where the bytes of as many images as are unpacked at a time are gathered, in the kernels' memory
 */
export function openExamples(
  data: { readonly train: Dataset; readonly test: Dataset },
  pixels: Uint8Array,
): Examples {
  const { height, width, channels } = data.train;
  const size = height * width * channels;
  const splits = splitIndices(data.train.count);
  const indicesOf = (split: Split): Uint32Array | undefined => {
    if (split === "test") return undefined;
    const indices = splits[split as keyof typeof splits] as Uint32Array | undefined;
    if (indices === undefined) throw new LowlandError("E_CONFIG", unknown("split", split, SPLITS));
    return indices;
  };
  return {
    count: (split) => indicesOf(split)?.length ?? data.test.count,
    unpack(split, at, count, { ops, x, labels }) {
      const { images, labels: all } = split === "test" ? data.test : data.train;
      const indices = indicesOf(split);
      for (let i = 0; i < count; i++) {
        const place = at(i);
        const example = indices === undefined ? place : indices[place]!;
        pixels.set(images.subarray(example * size, (example + 1) * size), i * size);
        labels[i] = all[example]!;
      }
      ops.unpackPixels(pixels.subarray(0, count * size), x);
    },
  };
}
