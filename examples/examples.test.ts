import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { node } from "../test/cli/lowland.ts";

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
    expect(names.sort()).toEqual(["own-loop.mjs", "own-regularizer.mjs", "own-task.mjs"]);
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
});
