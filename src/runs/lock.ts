import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { LowlandError } from "../errors.ts";
import { ioError, readTextIfAny } from "./files.ts";

/** Name of the lock file in a directory that a process writes to. */
export const LOCK_FILE = ".lock";

/** Who holds a lock. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process started, in the system's own count, so that a process id used again is not taken for it. */
  readonly started?: string;
}

/** The locks of this process: how many hold each. */
const held = new Map<string, number>();
let releasedOnExit = false;

/**
 * Keeps other processes from writing to a directory, until `release` or the end of this process. This process may
 * lock a directory more than once. The lock of a process that is gone, killed included, does not hold.
 *
 * @throws {LowlandError} E_RUN if another process holds the directory; E_IO
 */
export function lockDirectory(path: string): { release(): void } {
  const file = resolve(path, LOCK_FILE);
  const count = held.get(file) ?? 0;
  if (count === 0) acquire(path, file);
  held.set(file, count + 1);
  let released = false;
  return {
    release() {
      if (released) return;
      released = true;
      const left = held.get(file)! - 1;
      if (left > 0) held.set(file, left);
      else {
        held.delete(file);
        rmSync(file, { force: true });
      }
    },
  };
}

/** Who a directory's lock names, and whether that process is still there; undefined without a lock. Writes nothing. */
export function holderOf(path: string): (Holder & { readonly alive: boolean }) | undefined {
  const text = readTextIfAny(resolve(path, LOCK_FILE));
  const holder = text === undefined ? undefined : parse(text);
  return holder && { ...holder, alive: isAlive(holder) };
}

function acquire(path: string, file: string): void {
  const own = JSON.stringify(describe(process.pid));
  while (!create(file, own)) {
    const text = readTextIfAny(file);
    if (text === undefined) continue;
    const holder = parse(text);
    if (holder !== undefined && isAlive(holder)) {
      throw new LowlandError(
        "E_RUN",
        `${path} is in use by process ${holder.pid} on ${holder.host}; wait until it ends, or choose another directory${
          holder.host === hostname() ? "" : `; if that process is gone, remove ${file}`
        }`,
      );
    }
    takeAway(file, text);
  }
  if (!releasedOnExit) process.once("exit", releaseAll);
  releasedOnExit = true;
}

/** Makes the lock file, complete from the moment it is there; false if there is one. */
function create(file: string, text: string): boolean {
  const temporary = `${file}.new.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text);
  } catch (error) {
    throw ioError("write", file, error);
  }
  try {
    linkSync(temporary, file);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ENOENT: the process that holds the directory has cleaned up there
    if (code === "EEXIST" || code === "ENOENT") return false;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw ioError("write", file, error);
  } finally {
    rmSync(temporary, { force: true });
  }
  // a file system without hard links
  try {
    writeFileSync(file, text, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw ioError("write", file, error);
  }
}

/** Removes a lock that does not hold, unless another process has replaced it meanwhile. */
function takeAway(file: string, text: string): void {
  const aside = `${file}.${process.pid}.tmp`;
  try {
    renameSync(file, aside);
    if (readFileSync(aside, "utf8") !== text) linkSync(aside, file);
    rmSync(aside, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw ioError("remove", file, error);
  }
}

function releaseAll(): void {
  for (const file of held.keys()) {
    try {
      rmSync(file, { force: true });
    } catch {
      // the lock of a process that is gone does not hold
    }
  }
}

function describe(pid: number): Holder {
  const stat = statOf(pid);
  return { pid, host: hostname(), ...(stat && { started: stat.start }) };
}

function isAlive({ pid, host, started }: Holder): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  const { start, over } = statOf(pid) ?? { start: started, over: false };
  return !over && (started === undefined || started === start);
}

/** PF_EXITING of the kernel: the process has been killed and is being torn down. */
const EXITING = 0x4;

/** Boot and clock ticks of a process's start, and whether it will do nothing any more, where the system tells (Linux). */
function statOf(pid: number): { readonly start: string; readonly over: boolean } | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    // the command, second field, is in parentheses and may hold blanks; of the fields behind it the state is field 3, flags
    // are field 9, the start is field 22
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
    const over = /[ZX]/.test(fields[0]!) || (Number(fields[6]) & EXITING) !== 0;
    return { start: `${boot} ${fields[19]}`, over };
  } catch {
    return undefined;
  }
}

/** A lock file's holder; undefined for a file that was cut off. */
function parse(text: string): Holder | undefined {
  try {
    const { pid, host, started } = JSON.parse(text) as Partial<Holder>;
    if (!Number.isSafeInteger(pid) || pid! <= 0 || typeof host !== "string") return undefined;
    return { pid: pid!, host, ...(typeof started === "string" && { started }) };
  } catch {
    return undefined;
  }
}
