import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { blocksOf, follow, openProject } from "./pages.ts";

const tutorials = readdirSync(new URL("../../docs/tutorials", import.meta.url))
  .filter((name) => name.endsWith(".md"))
  .map((name) => `docs/tutorials/${name}`);

describe("the tutorials", () => {
  it("are six", () => expect(tutorials.length).toBe(6));

  it.each([...tutorials, "docs/recipes.md", "docs/adapters.md"])(
    "%s does what it says",
    { timeout: 300_000 },
    (path) => {
      const folder = openProject();
      try {
        const printed = follow(blocksOf(path), folder);
        expect(printed.length).toBeGreaterThan(0);
        if (path.endsWith("pytorch.md")) {
          const module = readFileSync(join(folder, "export/lstm_sam_mnist.py"), "utf8");
          expect(module).toMatch(/class LearnedOptimizer\(torch\.optim\.Optimizer\)/);
          expect(existsSync(join(folder, "export/lstm_sam_mnist.safetensors"))).toBe(true);
        } else {
          expect(printed.every((text) => text !== "") || path.endsWith("adapters.md")).toBe(true);
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
