import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "lowland-docs-"));
const site = join(folder, "docs");

let log = "";
beforeAll(() => {
  const { stdout, stderr } = spawnSync(process.execPath, [join(root, "scripts/docs.mjs"), site], {
    encoding: "utf8",
  });
  log = `${stdout}${stderr}`;
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true }));

const pages = (): string[] =>
  readdirSync(site, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".html"));

/** Entities that stand in addresses. */
const decoded = (text: string): string => decodeURIComponent(text.replaceAll("&amp;", "&"));

describe("the documentation", () => {
  it("is made without a warning: no link of a doc comment or a page leads nowhere", () => {
    expect(log.split("\n").filter((line) => /warning|error/i.test(line))).toEqual([]);
    expect(pages().length).toBeGreaterThan(200);
  });

  it("links to pages and headings that there are", () => {
    const anchors = new Map<string, Set<string>>();
    const anchorsOf = (path: string): Set<string> => {
      const known = anchors.get(path);
      if (known !== undefined) return known;
      const found = new Set(
        [...readFileSync(path, "utf8").matchAll(/\sid="([^"]+)"/g)].map(([, id]) => decoded(id!)),
      );
      anchors.set(path, found);
      return found;
    };
    const broken: string[] = [];
    for (const page of pages()) {
      const path = join(site, page);
      for (const [, address] of readFileSync(path, "utf8").matchAll(/\s(?:href|src)="([^"]+)"/g)) {
        if (/^(?:https?:|mailto:|data:)/.test(address!)) continue;
        const [file = "", anchor] = address!.split("#");
        const target = file === "" ? path : resolve(dirname(path), decoded(file));
        // the playground lies beside these pages
        if (relative(site, target).startsWith("..")) continue;
        if (!existsSync(target)) broken.push(`${page}: ${address}`);
        else if (anchor && target.endsWith(".html") && !anchorsOf(target).has(decoded(anchor))) {
          broken.push(`${page}: ${address}`);
        }
      }
    }
    expect(broken).toEqual([]);
  });
});
