import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { lowland, node } from "../test/cli/lowland.ts";

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

async function run(name: string): Promise<string> {
  const { code, stdout, stderr } = await node([path(name)]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return stdout;
}

function number(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`no ${pattern} in ${JSON.stringify(text)}`);
  return Number(found);
}

describe("examples", () => {
  it("all have a test here", () => {
    const names = readdirSync(path(".")).filter((name) => name.endsWith(".mjs"));
    expect(names.sort()).toEqual([
      "own-estimator.mjs",
      "own-learned-optimizer.mjs",
      "own-loop.mjs",
      "own-regularizer.mjs",
      "own-schedule.mjs",
      "own-task.mjs",
    ]);
  });

  it.each(["own-task.mjs", "own-loop.mjs"])("%s lowers its loss", async (name) => {
    const text = await run(name);
    const [before, after] = [number(text, /before: (\S+)/), number(text, /after: (\S+)/)];
    expect(after).toBeLessThan(0.25 * before);
  });

  it("own-regularizer.mjs makes the parameters shorter", async () => {
    const text = await run("own-regularizer.mjs");
    expect(number(text, /ridge: .* (\S+)$/m)).toBeLessThan(0.8 * number(text, /plain: .* (\S+)$/m));
  });

  it("own-learned-optimizer.mjs halves the loss of unseen trainings", async () => {
    const unseen = [...(await run("own-learned-optimizer.mjs")).matchAll(/unseen trainings (\S+)/g)];
    expect(unseen.length).toBe(3);
    // chance is ln 10 = 2.30
    expect(Number(unseen.at(-1)![1])).toBeLessThan(1.15);
  });

  it("own-estimator.mjs is unbiased", async () => {
    expect(await run("own-estimator.mjs")).toMatch(/unbiased/);
  });

  it("own-schedule.mjs stretches its trainings where nothing improves", async () => {
    expect(await run("own-schedule.mjs")).toMatch(/up to 160 steps/);
  });

  it("are taken by the command line as modules", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lowland-examples-"));
    try {
      const out = join(folder, "run");
      const flags = ["--task", "synthetic-digits@8/mlp-relu:hidden=4,batch=8", "--outer-steps", "2"];
      const modules = ["--learned", "--estimator", "--schedule"].flatMap((flag) => [
        flag,
        path(`own-${flag === "--learned" ? "learned-optimizer" : flag.slice(2)}.mjs`),
      ]);
      const trained = await lowland([
        "meta-train",
        ...flags,
        ...modules,
        "--validation-seeds",
        "1",
        "--out",
        out,
      ]);
      expect(trained).toMatchObject({ code: 0 });
      const evaluated = await lowland([
        "evaluate",
        "--task",
        "synthetic-digits@8/mlp-relu:hidden=4,batch=8",
        "--optimizer",
        `learned:${out}`,
        "--steps",
        "3",
        "--seeds",
        "1",
      ]);
      expect(evaluated).toMatchObject({ code: 0 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
