import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const run = promisify(execFile);
const program = fileURLToPath(new URL("../../bench/run.mjs", import.meta.url));

describe("the benchmark", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lowland-bench-test-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("prints and stores its figures with what they were measured on", async () => {
    const out = join(folder, "result.json");
    // without the start-up figure, which launches npm
    const { stdout } = await run(process.execPath, [
      program,
      "--smoke",
      "--only",
      "1,2,3,4,5,7,8,9",
      "--out",
      out,
    ]);
    expect(stdout).toContain("Gradient of one minibatch");
    const result = JSON.parse(await readFile(out, "utf8"));
    expect(result).toMatchObject({
      schemaVersion: 1,
      machine: { cores: expect.any(Number), load: expect.any(Array) },
      versions: { node: process.versions.node },
      kernelVariant: expect.stringMatching(/^(portable|fma)$/),
    });
    expect(Object.keys(result.figures)).toEqual([
      "gradients",
      "lstm-step",
      "meta-training",
      "training-step",
      "sharpness",
      "kernels",
      "linear",
      "backends",
    ]);
    const rows = Object.values<{ rows?: { lowland: { best: number } }[] }>(result.figures).flatMap(
      (figure) => figure.rows ?? [],
    );
    expect(rows.length).toBeGreaterThanOrEqual(12);
    for (const row of rows) expect(row.lowland.best).toBeGreaterThan(0);
  });

  test("refuses a figure that does not exist", async () => {
    await expect(run(process.execPath, [program, "--only", "99"])).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no figure "99"'),
    });
  });
});
