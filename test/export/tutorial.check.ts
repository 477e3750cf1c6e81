import { rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { blocksOf, follow, openProject } from "../docs/pages.ts";

describe("the tutorial to PyTorch", () => {
  it("trains a model with the exported module", () => {
    const folder = openProject();
    try {
      const printed = follow(blocksOf("docs/tutorials/6-to-pytorch.md"), folder, process.env.LOWLAND_PYTHON);
      expect(printed.at(-1)).toMatch(/^loss \d+\.\d+ -> \d+\.\d+\n$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
