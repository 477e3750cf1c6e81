import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DATASET_NAMES } from "../../src/data/datasets.ts";
import { loadTask } from "../../src/tasks/load.ts";
import { parseTaskName } from "../../src/tasks/names.ts";
import { checkTask } from "../../src/testing/index.ts";

const page = readFileSync(new URL("../../docs/tasks.md", import.meta.url), "utf8");

describe("docs/tasks.md", () => {
  const rows = page.split("\n").filter((line) => line.startsWith("| `"));
  const names = rows.flatMap((row) =>
    [...row.split("|")[1]!.matchAll(/`([^`]+)`/g)].map((found) => found[1]!),
  );

  it("has examples", () => expect(names.length).toBeGreaterThan(5));

  it.each(names)("%s is a name that can be taken apart", (name) => {
    expect(() => parseTaskName(name, DATASET_NAMES)).not.toThrow();
  });

  it("defines a task that keeps its promises", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lowland-docs-"));
    const [, code = ""] = /```js\n([\s\S]*?)```/.exec(page) ?? [];
    const library = new URL("../../dist/index.js", import.meta.url).href;
    const path = join(folder, "valley.mjs");
    writeFileSync(path, code.replace('"lowland"', JSON.stringify(library)));
    const task = await loadTask(path);
    expect(task.splits).toEqual(["train", "test"]);
    checkTask(task);
    rmSync(folder, { recursive: true });
  });
});
