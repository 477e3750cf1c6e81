import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LowlandError } from "../errors.ts";
import { LOCK_FILE, lockDirectory } from "./lock.ts";

let path: string;
let file: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "lowland-lock-"));
  file = join(path, LOCK_FILE);
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

function refusal(): string {
  try {
    lockDirectory(path).release();
  } catch (error) {
    expect((error as LowlandError).code).toBe("E_RUN");
    return (error as LowlandError).message;
  }
  throw new Error("expected a refusal");
}

/** A process that does nothing, while `use` runs; then it is gone. */
async function whileAlive(use: (pid: number) => void): Promise<number> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  await new Promise((resolve) => child.on("spawn", resolve));
  try {
    use(child.pid!);
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
  return child.pid!;
}

describe("lockDirectory", () => {
  it("leaves one file while it is held, and none after", () => {
    const first = lockDirectory(path);
    const second = lockDirectory(`${path}/.`);
    expect(readdirSync(path)).toEqual([LOCK_FILE]);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ pid: process.pid, host: hostname() });
    first.release();
    first.release();
    expect(existsSync(file)).toBe(true);
    second.release();
    expect(readdirSync(path)).toEqual([]);
  });

  it("refuses what another process holds, and takes it once that process is gone", async () => {
    const pid = await whileAlive((alive) => {
      writeFileSync(file, JSON.stringify({ pid: alive, host: hostname() }));
      expect(refusal()).toBe(
        `${path} is in use by process ${alive} on ${hostname()}; wait until it ends, or choose another directory`,
      );
    });
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ pid });
    lockDirectory(path).release();
    expect(readdirSync(path)).toEqual([]);
  });

  it.runIf(process.platform === "linux")("is not misled by a process id that is used again", async () => {
    await whileAlive((pid) => {
      writeFileSync(file, JSON.stringify({ pid, host: hostname(), started: "another boot 123" }));
      lockDirectory(path).release();
    });
    expect(readdirSync(path)).toEqual([]);
  });

  it.runIf(process.platform === "linux")(
    "is not held by a process that was killed a moment ago",
    async () => {
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
      const ended = new Promise((resolve) => child.on("exit", resolve));
      await new Promise((resolve) => child.on("spawn", resolve));
      writeFileSync(file, JSON.stringify({ pid: child.pid, host: hostname() }));
      expect(refusal()).toContain(`in use by process ${child.pid}`);
      child.kill("SIGKILL");
      // while this thread waits it does not reap its child, which stays a zombie
      const stateOf = (): string => readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ").at(-1)![0]!;
      while (stateOf() !== "Z") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      lockDirectory(path).release();
      expect(stateOf()).toBe("Z");
      expect(readdirSync(path)).toEqual([]);
      await ended;
    },
  );

  it("says what to do about a lock of another machine", () => {
    writeFileSync(file, JSON.stringify({ pid: 1, host: "elsewhere" }));
    expect(refusal()).toContain(`in use by process 1 on elsewhere; wait until it ends`);
    expect(refusal()).toContain(`remove ${file}`);
  });

  it.each(["", "{", "null", '{"pid":"1"}'])("takes a lock file that is cut off: %j", (text) => {
    writeFileSync(file, text);
    lockDirectory(path).release();
    expect(readdirSync(path)).toEqual([]);
  });

  it("says why it cannot lock", () => {
    expect(() => lockDirectory(join(path, "missing"))).toThrow(LowlandError);
  });
});
