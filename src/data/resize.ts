import { LowlandError } from "../errors.ts";
import type { Dataset, LoadedDataset } from "./dataset.ts";

/** How much each source pixel of an axis counts for one output pixel: overlap of intervals, summing to 1. */
interface Overlap {
  readonly first: number;
  readonly weights: readonly number[];
}

function overlapsOf(from: number, to: number): Overlap[] {
  const step = from / to;
  return Array.from({ length: to }, (_, i) => {
    const [start, end] = [i * step, (i + 1) * step];
    const first = Math.floor(start);
    const weights: number[] = [];
    for (let at = first; at < Math.min(from, Math.ceil(end - 1e-9)); at++) {
      weights.push((Math.min(end, at + 1) - Math.max(start, at)) / step);
    }
    return { first, weights };
  });
}

/**
 * The same images at `side` × `side`, grey: the mean of the channels, averaged over the area that each pixel covers and
 * rounded to a byte.
 *
 * @throws {LowlandError} E_CONFIG if `side` is not an integer from 1 to the images' own extents
 */
export function resized(dataset: Dataset, side: number): Dataset {
  const { images, count, height, width, channels } = dataset;
  if (!(Number.isInteger(side) && side >= 1 && side <= Math.min(height, width))) {
    throw new LowlandError(
      "E_CONFIG",
      `images of ${dataset.name} are ${height}×${width}, they cannot be made ${side}×${side}; give a size from 1 to ${Math.min(height, width)}`,
    );
  }
  const rows = overlapsOf(height, side);
  const columns = overlapsOf(width, side);
  const small = new Uint8Array(count * side * side);
  const line = new Float64Array(height * side); // every row of an image, its columns averaged
  for (let image = 0; image < count; image++) {
    const start = image * height * width * channels;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < side; x++) {
        const { first, weights } = columns[x]!;
        let sum = 0;
        for (let k = 0; k < weights.length; k++) {
          const pixel = start + (y * width + first + k) * channels;
          let grey = 0;
          for (let c = 0; c < channels; c++) grey += images[pixel + c]!;
          sum += weights[k]! * grey;
        }
        line[y * side + x] = sum / channels;
      }
    }
    for (let y = 0; y < side; y++) {
      const { first, weights } = rows[y]!;
      for (let x = 0; x < side; x++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k]! * line[(first + k) * side + x]!;
        small[(image * side + y) * side + x] = Math.round(sum);
      }
    }
  }
  return { ...dataset, images: small, height: side, width: side, channels: 1 };
}

/** Both parts of a dataset at `side` × `side`, grey; see `resized`. */
export function resizedDataset({ train, test, source }: LoadedDataset, side: number): LoadedDataset {
  return { train: resized(train, side), test: resized(test, side), source };
}
