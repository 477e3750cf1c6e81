import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Results } from "../../src/evaluation/results.ts";
import { renderReport } from "../../src/report/page.ts";
import { chromiumArguments, findChromium } from "./browser.ts";
import { hostileResults, syntheticResults } from "./fixture.ts";
import { paperResults } from "./paper-fixture.ts";

const directory = mkdtempSync(join(tmpdir(), "lowland-browser-"));
let browser: Browser;

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: findChromium(), args: chromiumArguments() });
}, 600_000);

afterAll(async () => {
  await browser?.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Visit {
  readonly page: Page;
  /** Console errors, page errors and security policy violations. */
  readonly complaints: string[];
  /** Everything requested but the page itself. */
  readonly requests: string[];
}

async function visit(
  results: Results,
  width: number,
  colorScheme: "light" | "dark" = "light",
): Promise<Visit> {
  const file = join(directory, `report-${width}-${colorScheme}.html`);
  writeFileSync(file, renderReport(results));
  const address = pathToFileURL(file).href;
  const page = await browser.newPage({ viewport: { width, height: 844 }, colorScheme });
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (request.url() !== address && !request.url().startsWith("data:")) requests.push(request.url());
  });
  await page.goto(address, { waitUntil: "load" });
  return { page, complaints, requests };
}

const results = syntheticResults({ steps: [100, 300], seeds: 3 });
const paper = paperResults({ sharpness: 0.5, accuracy: 0.02 });

describe("the report in Chromium", () => {
  it.each([320, 390, 1200])(
    "has no horizontal page scroll at %i pixels, no complaint and no request",
    async (width) => {
      const { page, complaints, requests } = await visit(results, width);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
      expect(complaints).toEqual([]);
      expect(requests).toEqual([]);
      await page.close();
    },
  );

  it.each([320, 390, 1200])(
    "has none either for the paper's questions, with everything unfolded, at %i pixels",
    async (width) => {
      const { page, complaints, requests } = await visit(paper, width);
      await page.evaluate(() => {
        for (const details of document.querySelectorAll("details")) details.open = true;
      });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
      expect(complaints).toEqual([]);
      expect(requests).toEqual([]);
      await page.close();
    },
  );

  it("keeps the numbers of heat maps legible on either theme", async () => {
    for (const scheme of ["light", "dark"] as const) {
      const { page } = await visit(paper, 1200, scheme);
      const ratios = await page.evaluate(() => {
        const luminance = (color: string): number => {
          const canvas = document.createElement("canvas").getContext("2d")!;
          canvas.fillStyle = color;
          canvas.fillRect(0, 0, 1, 1);
          const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((byte) => {
            const share = byte / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
          });
          return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
        };
        return [...document.querySelectorAll("table.heat td[style]")].map((cell) => {
          const { color, backgroundColor } = getComputedStyle(cell);
          const [dark, light] = [luminance(color), luminance(backgroundColor)].sort((a, b) => a - b);
          return (light! + 0.05) / (dark! + 0.05);
        });
      });
      expect(ratios.length).toBeGreaterThan(20);
      expect(Math.min(...ratios)).toBeGreaterThanOrEqual(4.5);
      await page.close();
    }
  });

  it("keeps figure labels legible and inside the screen of a phone", async () => {
    const { page } = await visit(results, 390);
    const texts = await page.evaluate(() =>
      [...document.querySelectorAll("figure svg text")].map((text) => {
        const { left, right } = text.getBoundingClientRect();
        const svg = text.closest("svg")!;
        const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        return { left, right, size: Number.parseFloat(getComputedStyle(text).fontSize) * scale };
      }),
    );
    expect(texts.length).toBeGreaterThan(40);
    for (const { left, right, size } of texts) {
      expect(size).toBeGreaterThan(9.5);
      expect(left).toBeGreaterThanOrEqual(0);
      expect(right).toBeLessThanOrEqual(390);
    }
    await page.close();
  });

  it("does not let end labels of one figure overlap", async () => {
    const { page } = await visit(results, 1200);
    const overlaps = await page.evaluate(() =>
      [...document.querySelectorAll("figure svg")].flatMap((svg) => {
        const boxes = [...svg.querySelectorAll("g[font-weight] text")].map((text) =>
          text.getBoundingClientRect(),
        );
        return boxes.flatMap((a, i) =>
          boxes.slice(i + 1).filter((b) => a.top + 3 < b.bottom && b.top + 3 < a.bottom),
        );
      }),
    );
    expect(overlaps).toEqual([]);
    await page.close();
  });

  it("follows the colour scheme of the reader", async () => {
    const colors = [];
    for (const scheme of ["light", "dark"] as const) {
      const { page } = await visit(results, 390, scheme);
      colors.push(
        await page.evaluate(() => {
          const line = document.querySelector("figure path[stroke], figure g[stroke^='var(--s0)']")!;
          return [getComputedStyle(document.body).backgroundColor, getComputedStyle(line).stroke];
        }),
      );
      await page.close();
    }
    const [light, dark] = colors;
    expect(light![0]).toBe("rgb(253, 253, 251)");
    expect(dark![0]).toBe("rgb(22, 24, 26)");
    expect(light![1]).not.toBe(dark![1]);
  });

  it("prints on A4 without cutting anything at the side", async () => {
    const { page } = await visit(results, 1200, "dark");
    // The printable width of A4 with 15 mm margins, in CSS pixels.
    await page.setViewportSize({ width: 680, height: 1009 });
    await page.emulateMedia({ media: "print" });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(680);
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe(
      "rgb(255, 255, 255)",
    );
    expect((await page.pdf({ preferCSSPageSize: true })).subarray(0, 5).toString()).toBe("%PDF-");
    await page.close();
  });

  it("treats hostile names as text", async () => {
    const attack = `"'></title></style></text></svg><script>document.title="owned"</script><img src=x onerror=y>`;
    const { page, complaints, requests } = await visit(hostileResults(attack), 390);
    expect(await page.evaluate(() => document.querySelectorAll("script, img").length)).toBe(0);
    expect(await page.title()).toBe(attack);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([]);
    await page.close();
  });
});
