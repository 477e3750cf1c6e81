import { LowlandError } from "../errors.ts";

/** Labelled images, all in memory. */
export interface Dataset {
  readonly name: string;
  /** count × height × width × channels bytes, row by row, channels last. */
  readonly images: Uint8Array;
  /** `count` classes in [0, `classes`). */
  readonly labels: Uint8Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly classes: number;
}

/** Where the bytes of a dataset came from. */
export interface DatasetSource {
  readonly kind: "files" | "synthetic";
  /** Folder of the files. */
  readonly path?: string;
  /** `official` if every byte has the checksum its makers publish, or the dataset is drawn by this program. */
  readonly checksums: "official" | "not official";
}

/** A dataset's training and test part, and where they came from. */
export interface LoadedDataset {
  readonly train: Dataset;
  readonly test: Dataset;
  readonly source: DatasetSource;
}

/**
 * Refuses a dataset whose arrays are shorter than its extents say, or whose labels are not below `classes`.
 *
 * @throws {LowlandError} E_DATA, with the first label that is too large
 */
export function checkDataset(dataset: Dataset): void {
  const { name, images, labels, count, height, width, channels, classes } = dataset;
  const bytes = count * height * width * channels;
  if (images.length < bytes || labels.length < count) {
    throw new LowlandError(
      "E_DATA",
      `${name} has ${images.length} bytes of images and ${labels.length} labels, ${count} images of ${height}×${width}×${channels} have ${bytes} and ${count}; give it whole`,
    );
  }
  let largest = 0;
  for (let i = 0; i < count; i++) if (labels[i]! > largest) largest = labels[i]!;
  if (largest >= classes) {
    throw new LowlandError(
      "E_DATA",
      `${name} has label ${largest} at example ${labels.indexOf(largest)}, its ${classes} classes go from 0 to ${classes - 1}; correct the labels or the number of classes`,
    );
  }
}
