import { LowlandError } from "../errors.ts";

/** The images of an IDX file: count × height × width bytes. */
export interface IdxImages {
  readonly pixels: Uint8Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
}

// Two zero bytes, type 8 (unsigned byte), number of dimensions.
const IMAGES_MAGIC = 0x00000803;
const LABELS_MAGIC = 0x00000801;

const ADVICE = "delete the file and fetch it again";

/** Checks the header and the length, and returns the extents and the data, which share memory with `bytes`. */
function parse(
  bytes: Uint8Array,
  path: string,
  { magic, what }: { magic: number; what: string },
): { extents: number[]; data: Uint8Array } {
  const dimensions = magic & 0xff;
  const headerBytes = 4 + 4 * dimensions;
  if (bytes.length < headerBytes) {
    throw new LowlandError(
      "E_DATA",
      `${path} is truncated: ${bytes.length} bytes, an IDX header of ${what} has ${headerBytes}; ${ADVICE}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = view.getUint32(0);
  if (found !== magic) {
    const hex = (value: number) => `0x${value.toString(16).padStart(8, "0")}`;
    throw new LowlandError(
      "E_DATA",
      `${path} is not an IDX file of ${what}: magic number ${hex(found)}, expected ${hex(magic)}; ${ADVICE}`,
    );
  }
  const extents = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const expected = headerBytes + extents.reduce((product, extent) => product * extent, 1);
  if (bytes.length !== expected) {
    const state = bytes.length < expected ? "truncated" : "oversized";
    throw new LowlandError(
      "E_DATA",
      `${path} is ${state}: ${bytes.length} bytes, its header (${extents.join(" × ")}) says ${expected}; ${ADVICE}`,
    );
  }
  return { extents, data: bytes.subarray(headerBytes) };
}

/**
 * Reads the bytes of an IDX file of images (magic 0x00000803, big-endian extents, one byte a pixel).
 *
 * @param path names the file in errors
 * @throws `E_DATA` if the magic number is another, or the length is not what the header says
 * Source: http://yann.lecun.com/exdb/mnist/, "file formats"
 */
export function parseIdxImages(bytes: Uint8Array, path: string): IdxImages {
  const { extents, data } = parse(bytes, path, { magic: IMAGES_MAGIC, what: "images" });
  return { pixels: data, count: extents[0]!, height: extents[1]!, width: extents[2]! };
}

/**
 * Reads the bytes of an IDX file of labels (magic 0x00000801).
 *
 * @param path names the file in errors
 * @param classes labels must lie in [0, classes)
 * @throws `E_DATA` if the magic number is another, the length is not what the header says, or a label is out of range
 */
export function parseIdxLabels(bytes: Uint8Array, path: string, classes: number): Uint8Array {
  const { data } = parse(bytes, path, { magic: LABELS_MAGIC, what: "labels" });
  checkLabels(data, path, classes);
  return data;
}

/** Throws `E_DATA` at the first label outside [0, classes). */
export function checkLabels(labels: Uint8Array, path: string, classes: number): void {
  const at = labels.findIndex((label) => label >= classes);
  if (at >= 0) {
    throw new LowlandError(
      "E_DATA",
      `${path} has label ${labels[at]} at record ${at}, labels go from 0 to ${classes - 1}; ${ADVICE}`,
    );
  }
}

/** The bytes of an IDX file of unsigned bytes: images for three extents, labels for one. */
export function encodeIdx(extents: readonly number[], data: Uint8Array): Uint8Array {
  const headerBytes = 4 + 4 * extents.length;
  const bytes = new Uint8Array(headerBytes + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x800 + extents.length);
  for (const [i, extent] of extents.entries()) view.setUint32(4 + 4 * i, extent);
  bytes.set(data, headerBytes);
  return bytes;
}
