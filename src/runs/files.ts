import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { LowlandError } from "../errors.ts";

const temporaryName = /^\..+\.\d+\.tmp$/;

/** Whether a file name is one `writeFileAtomic` leaves when it is killed. */
export function isTemporary(name: string): boolean {
  return temporaryName.test(name);
}

/**
 * Replaces a file so that a reader, or a crash at any moment, sees either the old content or the new one: written
 * beside it, flushed to the disk, renamed.
 *
 * @throws E_IO when the system refuses; the old content is then untouched.
 */
export function writeFileAtomic(path: string, content: string | Uint8Array): void {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.${process.pid}.tmp`);
  try {
    const file = openSync(temporary, "w");
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    try {
      rmSync(temporary, { force: true });
    } catch {
      // The first error says what is wrong.
    }
    throw ioError("write", path, error);
  }
  syncDirectory(directory);
}

/** Makes a rename durable where the system lets a directory be flushed (Windows does not). */
function syncDirectory(path: string): void {
  try {
    const directory = openSync(path, "r");
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  } catch {
    // The content itself is already on the disk.
  }
}

/** Makes a directory and those above it. Throws E_IO. */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && statSync(path).isDirectory()) return;
    // Not `recursive: true`: under /proc, Node then never returns.
    const parent = dirname(path);
    if (code !== "ENOENT" || existsSync(parent)) throw ioError("create", path, error);
    makeDirectory(parent);
    makeDirectory(path);
  }
}

/** Removes what killed writers left in a directory. */
export function removeTemporaries(directory: string): void {
  for (const name of listDirectory(directory).filter(isTemporary)) removeFile(join(directory, name));
}

/** File names in a directory in code-unit order; empty when there is no such directory. */
export function listDirectory(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw ioError("read", path, error);
  }
}

/** The bytes of a file. */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw ioError("read", path, error);
  }
}

/** The text of a file. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw ioError("read", path, error);
  }
}

/** The text of a file, or undefined when there is none. */
export function readTextIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw ioError("read", path, error);
  }
}

/** Removes a file if it is there. */
export function removeFile(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    throw ioError("remove", path, error);
  }
}

/** Removes a directory with all that is in it, if it is there. */
export function removeDirectory(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    throw ioError("remove", path, error);
  }
}

/** Turns a refusal of the operating system into one line with the path and what to do. */
export function ioError(
  action: "read" | "write" | "create" | "remove",
  path: string,
  error: unknown,
): LowlandError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  const [fact, next] = explanations[code] ?? [`the system says ${code}`, "check the path and try again"];
  return new LowlandError("E_IO", `cannot ${action} ${path}: ${fact}; ${next}`, { cause: error });
}

const explanations: Readonly<Record<string, readonly [fact: string, next: string]>> = {
  ENOSPC: ["the disk is full (ENOSPC)", "free space or choose another directory, then run again"],
  EDQUOT: ["the quota is used up (EDQUOT)", "free space or choose another directory, then run again"],
  EACCES: ["permission denied (EACCES)", "change its permissions or choose another directory"],
  EPERM: ["operation not permitted (EPERM)", "change its permissions or choose another directory"],
  EROFS: ["the file system is read-only (EROFS)", "choose another directory"],
  ENOTDIR: ["part of the path is a file, not a directory (ENOTDIR)", "choose another directory"],
  EISDIR: ["it is a directory (EISDIR)", "move it away or choose another path"],
  ENOENT: ["there is no such file or directory (ENOENT)", "check the path"],
  ENAMETOOLONG: ["the name is too long (ENAMETOOLONG)", "choose a shorter path"],
  EMFILE: ["too many files are open (EMFILE)", "raise the limit (ulimit -n) and run again"],
};
