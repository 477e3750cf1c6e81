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

/** Images of up to so many bytes are copied word by word: a call of `set` and its view take as long as 24 words. */
const COPIED_BYTES = 96;

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
  return {
    shape: [height, width, channels],
    size,
    classes: Math.max(train.classes, test.classes),
    count: (split) => indicesOf(split)?.length ?? test.count,
    unpack(split, { order, start, count }, { ops, x, labels }, relabel) {
      const { images, labels: all } = split === "test" ? test : train;
      const indices = indicesOf(split);
      const gathered = pixels(count * size).subarray(0, count * size);
      const words = size <= COPIED_BYTES ? wordsOf(images, gathered, size) : undefined;
      for (let i = 0; i < count; i++) {
        const place = order === undefined ? start + i : order[start + i]!;
        const example = indices === undefined ? place : indices[place]!;
        const label = all[example]!;
        labels[i] = relabel === undefined ? label : relabel(example, label);
        if (words === undefined) {
          gathered.set(images.subarray(example * size, (example + 1) * size), i * size);
          continue;
        }
        const length = size >> 2;
        const [from, to] = [example * length, i * length];
        for (let k = 0; k < length; k++) words.to[to + k] = words.from[from + k]!;
      }
      ops.unpackPixels(gathered, x);
    },
  };
}

/** The same bytes as words of four, where images begin and end on words. */
function wordsOf(
  from: Uint8Array,
  to: Uint8Array,
  size: number,
): { readonly from: Uint32Array; readonly to: Uint32Array } | undefined {
  if (((size | from.byteOffset | to.byteOffset) & 3) !== 0) return undefined;
  return {
    from: new Uint32Array(from.buffer, from.byteOffset, from.length >> 2),
    to: new Uint32Array(to.buffer, to.byteOffset, to.length >> 2),
  };
}
