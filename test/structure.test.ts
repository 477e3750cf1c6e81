import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { LOWLAND_VERSION } from "../src/version.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const src = join(root, "src");

/** Data flow left to right, imports point left; what stands on one line may not import one another. */
const ORDER: readonly (readonly string[])[] = [
  ["breathe.ts", "errors.ts", "version.ts"],
  ["spec.ts"],
  ["module.ts"],
  ["fields.ts"],
  ["kernels"],
  ["random"],
  ["data"],
  ["runs"],
  ["nn"],
  ["tasks"],
  ["threads"],
  ["regularizers"],
  ["optimizers"],
  ["learned"],
  ["meta"],
  ["zoo"],
  ["sharpness"],
  ["evaluation"],
  ["cluster"],
  ["analysis"],
  ["report"],
  ["reproduce"],
  ["export"],
  ["core.ts"],
  ["serve"],
  ["index.ts", "testing", "cli", "adapters"],
];

const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".ts") && !file.endsWith(".test.ts"),
);

/** Modules that a source file names in its imports, static and dynamic, types included. */
function importsOf(path: string): string[] {
  const text = readFileSync(path, "utf8").replace(/^\s*(\/\/|\*|\/\*).*$/gm, "");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1]!);
}

const placeOf = (file: string): number => {
  const [first = ""] = file.split("/");
  return ORDER.findIndex((group) => group.includes(first));
};

describe("the structure", () => {
  it("has a place for every folder and file", () => {
    expect(files.filter((file) => placeOf(file) < 0)).toEqual([]);
  });

  it("lets imports point left only", () => {
    const wrong = files.flatMap((file) =>
      importsOf(join(src, file)).flatMap((imported) => {
        if (!imported.startsWith(".")) return [];
        const target = relative(src, resolve(dirname(join(src, file)), imported));
        const same = file.split("/")[0] === target.split("/")[0];
        return same || placeOf(target) < placeOf(file) ? [] : [`${file} imports ${target}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("keeps lowland/core free of Node, globals of it, and clocks", () => {
    const seen = new Set<string>();
    const visit = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const imported of importsOf(path)) {
        if (imported.startsWith(".")) visit(resolve(dirname(path), imported));
        else outside.push(`${relative(src, path)} imports ${imported}`);
      }
      const code = readFileSync(path, "utf8").replace(/^\s*(\/\/|\*|\/\*).*$/gm, "");
      for (const word of code.match(
        /\b(process\.\w+|performance\.now|Date\.now|new Date|setImmediate|Buffer\.|Math\.random)/g,
      ) ?? []) {
        outside.push(`${relative(src, path)} uses ${word}`);
      }
    };
    const outside: string[] = [];
    visit(join(src, "core.ts"));
    expect(outside).toEqual([]);
    expect(seen.size).toBeGreaterThan(60);
  });

  it("has one version", () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    expect(LOWLAND_VERSION).toBe(version);
    expect(existsSync(join(src, "runs/version.ts"))).toBe(false);
  });
});
