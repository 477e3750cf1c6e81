import { checkDataset, type Dataset } from "../data/dataset.ts";
import { splitIndices } from "../data/splits.ts";
import { LowlandError } from "../errors.ts";
import type { Ops } from "../kernels/ops.ts";
import type { Vector } from "../kernels/types.ts";
import { unknown } from "../spec.ts";
import { SPLITS, type Split } from "./types.ts";

/** The label that a training example is given instead of its own. */
export type Relabel = (example: number, label: number) => number;

/** Images and labels by split: `test` is the official test set, the other splits are parts of the official training set. */
export interface Examples {
  /** Height, width and channels of an image, and their product. */
  readonly shape: readonly [height: number, width: number, channels: number];
  readonly size: number;
  readonly classes: number;
  /** Examples of a split. */
  count(split: Split): number;
  /**
   * Unpacks `count` examples of a split from place `start` on, taken in `order` where one is given: pixels / 255 into `x`,
   * image after image, labels into `labels`.
   */
  unpack(
    split: Split,
    places: { readonly order?: Uint32Array | undefined; readonly start: number; readonly count: number },
    into: { readonly ops: Ops; readonly x: Vector; readonly labels: Uint8Array },
    relabel?: Relabel,
  ): void;
}

/** Images of up to so many bytes are copied word by word: a call of `set` and its view take as long as 64 words. */
const COPIED_BYTES = 256;

/**
 * The examples of a dataset.
 *
 * @param pixels gives room for as many bytes in the kernels' memory: where images are gathered
 * @throws {LowlandError} E_DATA for a label outside the classes, E_SHAPE if training and test images differ in their extents
 */
export function openExamples(
  data: { readonly train: Dataset; readonly test: Dataset },
  pixels: (bytes: number) => Uint8Array,
): Examples {
  const { train, test } = data;
  checkDataset(train);
  checkDataset(test);
  const { height, width, channels } = train;
  const size = height * width * channels;
  if (test.height !== height || test.width !== width || test.channels !== channels) {
    throw new LowlandError(
      "E_SHAPE",
      `training images of ${train.name} are ${height}×${width}×${channels}, test images ${test.height}×${test.width}×${test.channels}; give both the same extents`,
    );
  }
  const splits = splitIndices(train.count);
  const indicesOf = (split: Split): Uint32Array | undefined => {
    if (split === "test") return undefined;
    const indices = splits[split as keyof typeof splits] as Uint32Array | undefined;
    if (indices === undefined) throw new LowlandError("E_CONFIG", unknown("split", split, SPLITS));
    return indices;
  };
  const words = { train: wordsOf(train.images, size), test: wordsOf(test.images, size) };
  let chosen = new Uint32Array(0);
  return {
    shape: [height, width, channels],
    size,
    classes: Math.max(train.classes, test.classes),
    count: (split) => indicesOf(split)?.length ?? test.count,
    unpack(split, { order, start, count }, { ops, x, labels }, relabel) {
      const { images, labels: all } = split === "test" ? test : train;
      const indices = indicesOf(split);
      if (chosen.length < count) chosen = new Uint32Array(count);
      for (let i = 0; i < count; i++) {
        const place = order === undefined ? start + i : order[start + i]!;
        const example = indices === undefined ? place : indices[place]!;
        chosen[i] = example;
        labels[i] = relabel === undefined ? all[example]! : relabel(example, all[example]!);
      }
      const gathered = pixels(count * size).subarray(0, count * size);
      const from = split === "test" ? words.test : words.train;
      if (from !== undefined) gatherWords(from, chosen, count, wordsOf(gathered, size)!, size >> 2);
      else {
        for (let i = 0; i < count; i++) {
          const first = chosen[i]! * size;
          gathered.set(images.subarray(first, first + size), i * size);
        }
      }
      ops.unpackPixels(gathered, x);
    },
  };
}

/** The bytes of small images as words of four, where every image is a number of four words. */
function wordsOf(bytes: Uint8Array, size: number): Uint32Array | undefined {
  if (size > COPIED_BYTES || ((size & 15) | (bytes.byteOffset & 3)) !== 0) return undefined;
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}

/** Copies the chosen images one after another, `length` words each, four at a time. */
function gatherWords(
  from: Uint32Array,
  chosen: Uint32Array,
  count: number,
  to: Uint32Array,
  length: number,
): void {
  let at = 0;
  for (let i = 0; i < count; i++) {
    const first = chosen[i]! * length;
    for (let source = first; source < first + length; source += 4) {
      to[at] = from[source]!;
      to[at + 1] = from[source + 1]!;
      to[at + 2] = from[source + 2]!;
      to[at + 3] = from[source + 3]!;
      at += 4;
    }
  }
}
