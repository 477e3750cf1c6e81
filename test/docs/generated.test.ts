import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { blocksOf, follow, openProject } from "./pages.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");

const check = (words: readonly string[]): string => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...words, "--check"], {
    cwd: root,
    encoding: "utf8",
  });
  return status === 0 ? "" : `${stdout}${stderr}`;
};

describe("the numbers of the documentation", () => {
  it("README.md: outcomes and figure are those of the results", () => {
    const paper = "docs/results/paper";
    expect(check(["scripts/headline.mjs", `${paper}/results.json`, `${paper}/steps-1000/results.json`])).toBe(
      "",
    );
  });

  it("docs/speed.md has the table of a result that is there", () => {
    const commit = /` at (\w+), (\d{4}-\d\d-\d\d): /.exec(readFileSync(join(root, "docs/speed.md"), "utf8"));
    expect(commit).not.toBeNull();
    const [, , date] = commit!;
    const files = readdirSync(join(root, "bench/results")).filter((file) => file.startsWith(`${date}-`));
    const complaints = files.map((file) =>
      check(["bench/table.mjs", `bench/results/${file}`, "docs/speed.md"]),
    );
    expect(complaints).toContain("");
  });
});

describe("README.md", () => {
  it("has fewer than 700 words", () => {
    expect(readme.split(/\s+/).filter((word) => word !== "").length).toBeLessThan(700);
  });

  it("does what its JavaScript and its commands after the installation say", { timeout: 300_000 }, () => {
    const folder = openProject();
    try {
      const blocks = blocksOf("README.md").filter(
        ({ language, text }) => language === "js" || text.startsWith("npx lowland"),
      );
      expect(blocks.length).toBe(3);
      follow(blocks, folder);
      const module = readFileSync(join(folder, "export/lstm_sam_mnist.py"), "utf8");
      expect(module).toMatch(/^class LearnedOptimizer/m);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
