import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { build, type Rollup } from "vite";
import { describe, expect, it } from "vitest";
import { zooPath } from "../../src/zoo/zoo.ts";
import { chromiumArguments, findChromium } from "../report/browser.ts";

const ORIGIN = "http://lowland.test";

/** Files of the page with both adapters and both libraries, by path. */
async function bundle(): Promise<Map<string, string | Uint8Array>> {
  const built = (await build({
    configFile: false,
    logLevel: "silent",
    root: fileURLToPath(new URL(".", import.meta.url)),
    build: {
      write: false,
      minify: false,
      rollupOptions: {
        input: fileURLToPath(new URL("page.ts", import.meta.url)),
        output: { entryFileNames: "page.js" },
      },
    },
  })) as Rollup.RollupOutput;
  return new Map(
    built.output.map((part) => [`/${part.fileName}`, part.type === "chunk" ? part.code : part.source]),
  );
}

describe("the adapters in a browser", () => {
  it("take the steps that they take in Node, from a bundle without node:", { timeout: 600_000 }, async () => {
    const files = await bundle();
    for (const [path, text] of files) expect([path, /from "node:/.test(String(text))]).toEqual([path, false]);
    const browser = await chromium.launch({ executablePath: findChromium(), args: chromiumArguments() });
    try {
      const page = await browser.newPage();
      const errors: string[] = [];
      page.on("pageerror", ({ message }) => errors.push(message));
      await page.route(`${ORIGIN}/**`, (route) => {
        const { pathname } = new URL(route.request().url());
        if (pathname === "/") {
          return route.fulfill({
            contentType: "text/html",
            body: '<!doctype html><script type="module" src="/page.js"></script>',
          });
        }
        const body = files.get(pathname);
        return body === undefined
          ? route.fulfill({ status: 404 })
          : route.fulfill({ contentType: "text/javascript", body: Buffer.from(body) });
      });
      await page.goto(`${ORIGIN}/`);
      await page.waitForFunction(() => "runChecks" in globalThis, undefined, { timeout: 60_000 });
      const zoo = [...readFileSync(zooPath("lstm-sam-mnist"))];
      const found = await page.evaluate(
        (bytes) =>
          (
            globalThis as unknown as {
              runChecks(zoo: number[]): Promise<Record<string, Record<string, string | undefined>>>;
            }
          ).runChecks(bytes),
        zoo,
      );
      expect(errors).toEqual([]);
      for (const [adapter, failures] of Object.entries(found)) {
        expect([adapter, Object.keys(failures).length > 15]).toEqual([adapter, true]);
        expect(Object.entries(failures).filter(([, failure]) => failure !== undefined)).toEqual([]);
      }
    } finally {
      await browser.close();
    }
  });
});
