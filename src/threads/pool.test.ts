import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openPool } from "./pool.ts";
import { isStale } from "./worker-module.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lowland-pool-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A worker's module around this body, which leaves a line in `log` at every start. */
function workerOf(name: string, body: string): { module: URL; starts: () => number } {
  const [file, log] = [join(folder, `${name}.mjs`), join(folder, `${name}.log`)];
  const dist = (path: string) => JSON.stringify(new URL(`../../dist/${path}`, import.meta.url).href);
  writeFileSync(log, "");
  writeFileSync(
    file,
    `import { appendFileSync } from "node:fs";
     import { workerData } from "node:worker_threads";
     import { LowlandError } from ${dist("errors.js")};
     import { serve } from ${dist("threads/serve.js")};
     appendFileSync(${JSON.stringify(log)}, "start\\n");
     ${body}`,
  );
  return {
    module: pathToFileURL(file),
    starts: () => readFileSync(log, "utf8").split("\n").length - 1,
  };
}

const square = `await serve(() => async (x) => {
  if (x === "fail") throw new LowlandError("E_DATA", "no such number; give another");
  if (x === "die") process.exit(1);
  await new Promise((resolve) => setTimeout(resolve, x === "slow" ? 60_000 : 5 * Math.random()));
  return x * x;
});`;

describe("a pool of threads", () => {
  it("gives results in the order of the requests, and each as it comes", async () => {
    const pool = await openPool<number, number>(workerOf("square", square).module, { threads: 3 });
    const seen = new Map<number, number>();
    try {
      const requests = Array.from({ length: 20 }, (_, i) => i);
      expect(await pool.map(requests, (result, i) => seen.set(i, result))).toEqual(
        requests.map((x) => x * x),
      );
      expect([...seen].sort(([a], [b]) => a - b)).toEqual(requests.map((x) => [x, x * x]));
      expect(await pool.map([])).toEqual([]);
    } finally {
      await pool.close();
    }
  });

  it("rejects with what the work throws, under its code, and goes on with other work", async () => {
    const pool = await openPool<unknown, number>(workerOf("fail", square).module, { threads: 2 });
    try {
      const failed = pool.map([1, "fail", 2]);
      await expect(failed).rejects.toMatchObject({ code: "E_DATA", message: "no such number; give another" });
      expect(await pool.map([3, 4, 5])).toEqual([9, 16, 25]);
    } finally {
      await pool.close();
    }
  });

  it("rejects where the reader of results throws", async () => {
    const pool = await openPool<number, number>(workerOf("reader", square).module, { threads: 2 });
    try {
      const read = pool.map([1, 2, 3], () => {
        throw new Error("no room for it");
      });
      await expect(read).rejects.toThrow("no room for it");
    } finally {
      await pool.close();
    }
  });

  it("replaces a worker that is lost at work, and gives up after three losses at the same work", async () => {
    const { module, starts } = workerOf("loss", square);
    const pool = await openPool<unknown, number>(module, { threads: 1 });
    try {
      await expect(pool.map(["die"])).rejects.toThrow("lost 3 times at the same work");
      expect(await pool.map([6])).toEqual([36]);
      expect(starts()).toBe(4);
    } finally {
      await pool.close();
    }
  });

  it.each([
    [
      "rejects",
      `await serve(async () => { throw new LowlandError("E_CONFIG", "no such task; give another"); });`,
    ],
    ["throws", `await serve(() => { throw new LowlandError("E_CONFIG", "no such task; give another"); });`],
  ])("reports a set-up that %s as what it is, and starts no worker again", async (name, body) => {
    const { module, starts } = workerOf(`unready-${name}`, body);
    const opening = openPool(module, { threads: 2 });
    await expect(opening).rejects.toMatchObject({ code: "E_CONFIG", message: "no such task; give another" });
    // long enough for a worker to start anew
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(starts()).toBeLessThanOrEqual(2);
  });

  it.each([
    ["throws", `throw new Error("out of luck");`, /a worker thread cannot start: out of luck;/],
    ["ends", "process.exit(0);", /a worker thread cannot start: the thread ended;/],
    ["lacks", `await import("./nowhere.mjs");`, /a worker thread cannot start: Cannot find module/],
  ])("ends where a module %s before it is ready", async (name, body, message) => {
    const { module, starts } = workerOf(`broken-${name}`, body);
    await expect(openPool(module, { threads: 2 })).rejects.toThrow(message);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(starts()).toBeLessThanOrEqual(2);
  });

  it("ends with the error of a replacement that cannot start", async () => {
    const mark = JSON.stringify(join(folder, "mark"));
    const { module } = workerOf(
      "replacement",
      `import { existsSync, writeFileSync } from "node:fs";
       await serve(() => {
         if (existsSync(${mark})) throw new LowlandError("E_IO", "the disk is gone; mount it");
         return () => { writeFileSync(${mark}, ""); process.exit(1); };
       });`,
    );
    const pool = await openPool<number, number>(module, { threads: 1 });
    await expect(pool.map([1])).rejects.toMatchObject({ code: "E_IO" });
    await expect(pool.map([1])).rejects.toMatchObject({ code: "E_IO" });
    await pool.close();
  });

  it("rejects what is under way when it is closed, and whatever comes later", async () => {
    const pool = await openPool<unknown, number>(workerOf("closed", square).module, { threads: 1 });
    const pending = pool.map(["slow", 1]);
    const outcome = expect(pending).rejects.toThrow("the worker threads were closed");
    await pool.close();
    await outcome;
    await expect(pool.map([1])).rejects.toThrow("were closed");
    await pool.close();
  });
});

describe("a built worker", () => {
  it("is stale where a source is newer, and where it is missing", () => {
    const file = join(folder, "built.js");
    const built = pathToFileURL(file);
    expect(isStale(built)).toBe(true);
    writeFileSync(file, "");
    expect(isStale(built)).toBe(false);
    utimesSync(file, 1, 1);
    expect(isStale(built)).toBe(true);
  });
});
