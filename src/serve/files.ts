import { constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Opens a file to read; undefined where there is none, where it or a directory above it is a symbolic link, which may lead
 * outside the folders that are served, or where it is no regular file: opening a pipe waits for its writer.
 *
 * @param path without symbolic links, as the file was found
 */
export async function openRegular(path: string): Promise<FileHandle | undefined> {
  let file: FileHandle | undefined;
  try {
    if ((await realpath(dirname(path))) !== dirname(path)) return undefined;
    // Windows has neither flag
    const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
    file = await open(path, flags);
    if ((await file.stat()).isFile()) return file;
  } catch {
    // missing, just being replaced, or not ours to read
  }
  await file?.close();
  return undefined;
}

/** The text of a file; undefined where it cannot be opened. */
export async function readText(path: string): Promise<string | undefined> {
  const file = await openRegular(path);
  try {
    return await file?.readFile("utf8");
  } finally {
    await file?.close();
  }
}
