import { LowlandError } from "../errors.ts";

const BLOCK = 512;

/**
 * The regular files of a tar archive by name, as views of `archive`.
 *
 * Reads the ustar layout: a 512-byte header with the name at 0 and the octal size at 124, then the data padded to
 * 512 bytes. Enough for archives with short names; extended headers are skipped.
 *
 * @param path names the archive in errors
 * @throws `E_DATA` if a header is damaged or the archive ends within a file
 */
export function readTar(archive: Uint8Array, path: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const text = (from: number, length: number) => {
    const field = archive.subarray(from, from + length);
    const end = field.indexOf(0);
    return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
  };
  let at = 0;
  while (at + BLOCK <= archive.length && archive[at] !== 0) {
    // The checksum is the sum of the header's bytes with its own field read as spaces.
    let sum = 8 * 32;
    for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += archive[at + i]!;
    const size = Number.parseInt(text(at + 124, 12), 8);
    if (Number.parseInt(text(at + 148, 8), 8) !== sum || !(size >= 0)) {
      throw new LowlandError(
        "E_DATA",
        `${path} is not a tar archive, or damaged at byte ${at}; delete the file and fetch it again`,
      );
    }
    const start = at + BLOCK;
    if (start + size > archive.length) {
      throw new LowlandError(
        "E_DATA",
        `${path} is truncated: ${archive.length} bytes, ${text(at, 100)} ends at ${start + size}; delete the file and fetch it again`,
      );
    }
    const type = archive[at + 156];
    if (type === 0 || type === 0x30) files.set(text(at, 100), archive.subarray(start, start + size));
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}
