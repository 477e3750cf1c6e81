import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { keepStatus, readStatus, sizeOf } from "../../src/cluster/status.ts";
import { lockDirectory } from "../../src/runs/lock.ts";
import { computing } from "../../src/serve/run-state.ts";

const folder = mkdtempSync(join(tmpdir(), "lowland-status-"));
afterAll(() => rmSync(folder, { recursive: true }));

const worker = { id: "a", host: "there", pid: 7, threads: 2, done: 3, beat: 4 };
const coordinator = {
  workers: () => [worker],
  refused: () => [{ ...worker, id: "b", refused: "it has no data" }],
  counts: () => ({ done: 3, waiting: 1, again: 0 }),
};

it("a cluster's status says who works, and ends with the command", () => {
  expect(readStatus(folder, Date.now())).toBeUndefined();
  const lock = lockDirectory(folder);
  const status = keepStatus(folder, "x-1", coordinator);
  expect(readStatus(folder, Date.now())).toMatchObject({
    workers: [{ id: "a", host: "there", pid: 7, threads: 2, done: 3 }],
    refused: [{ id: "b", host: "there", reason: "it has no data" }],
    jobs: { done: 3, waiting: 1, again: 0 },
  });
  expect(computing(folder)).toMatchObject([{ pid: process.pid }, { pid: 7, host: "there", alive: true }]);
  expect(readStatus(folder, Date.now() + 60_000)).toBeUndefined();
  status.close();
  expect(readStatus(folder, Date.now())).toBeUndefined();
  lock.release();
  expect(computing(folder)).toEqual([]);
});

it("a cluster's size is told in workers and threads", () => {
  expect(sizeOf([])).toBe("0 workers, 0 threads");
  expect(sizeOf([worker, { threads: 1 }])).toBe("2 workers, 3 threads");
  expect(sizeOf([{ threads: 1 }])).toBe("1 worker, 1 thread");
});
