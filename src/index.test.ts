import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as lowland from "./index.ts";

/** [module, name] of every value the package exports, from the text of its two doors. */
const exported = ["./core.ts", "./index.ts"].flatMap((door) =>
  [
    ...readFileSync(new URL(door, import.meta.url), "utf8").matchAll(
      /^export \{([^}]+)\} from "(\.\/[^"]+)";$/gm,
    ),
  ].flatMap(([, names, module]) =>
    names!
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "" && !name.startsWith("type "))
      .map((name) => [module!, name] as const),
  ),
);

describe("the package's door", () => {
  it("is what this test reads", () => {
    expect(exported.map(([, name]) => name).sort()).toEqual(Object.keys(lowland).sort());
  });

  it.each(exported)("%s says what %s is", (module, name) => {
    const lines = readFileSync(new URL(module, import.meta.url), "utf8").split("\n");
    const declaration = new RegExp(`^export (?:async function|function|const|class) ${name}\\b`);
    const line = lines.findIndex((text) => declaration.test(text));
    expect(line).toBeGreaterThan(0);
    expect(lines[line - 1]).toMatch(/\*\/$/);
  });
});
