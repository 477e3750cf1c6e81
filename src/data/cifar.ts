import { LowlandError } from "../errors.ts";
import { checkLabels } from "./idx.ts";

/** Files of the official archive, in order; each holds 10,000 records. */
export const CIFAR_TRAIN_FILES: readonly string[] = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`);
export const CIFAR_TEST_FILE = "test_batch.bin";

const SIDE = 32;
const PLANE = SIDE * SIDE;
const RECORD = 1 + 3 * PLANE;

/**
 * Reads one file of CIFAR-10's binary version: records of one label byte and 3 × 32 × 32 bytes of red, green and
 * blue planes, which become 32 × 32 × 3.
 *
 * @param path names the file in errors
 * @param count number of records the file must hold, 10,000 in every official file
 * @throws `E_DATA` if the length is not count · 3,073 bytes or a label is above 9
 * Source: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version"
 */
export function parseCifarBatch(
  bytes: Uint8Array,
  path: string,
  count = 10_000,
): { images: Uint8Array; labels: Uint8Array } {
  const expected = count * RECORD;
  if (bytes.length !== expected) {
    const state = bytes.length < expected ? "truncated" : "oversized";
    throw new LowlandError(
      "E_DATA",
      `${path} is ${state}: ${bytes.length} bytes, ${count} records of ${RECORD} are ${expected}; delete the file and fetch it again`,
    );
  }
  const images = new Uint8Array(count * 3 * PLANE);
  const labels = new Uint8Array(count);
  let to = 0;
  for (let record = 0; record < count; record++) {
    const from = record * RECORD;
    labels[record] = bytes[from]!;
    for (let pixel = from + 1; pixel <= from + PLANE; pixel++) {
      images[to++] = bytes[pixel]!;
      images[to++] = bytes[pixel + PLANE]!;
      images[to++] = bytes[pixel + 2 * PLANE]!;
    }
  }
  checkLabels(labels, path, 10);
  return { images, labels };
}
