import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Serving, serve } from "../../src/serve/server.ts";
import { chromiumArguments, findChromium, watchedPage } from "../report/browser.ts";
import { end, finishedRun, temporaryFolder, unendingRun } from "./runs.ts";

let folder: string;
let serving: Serving;
let browser: Browser;
let page: Page;
/** What the browser complained of, and asked of others. */
let wrong: string[];

beforeAll(async () => {
  folder = temporaryFolder();
  await finishedRun(join(folder, "a"), ["--seed", "0"]);
  await finishedRun(join(folder, "b"), ["--seed", "1"]);
  await finishedRun(join(folder, "sam"), ["--regularizer", "sam:rho=0.05"]);
  serving = await serve([folder], { port: 0 });
  browser = await chromium.launch({ executablePath: findChromium(), args: chromiumArguments() });
  ({ page, wrong } = await watchedPage(browser, serving.url));
  await page.goto(serving.url);
  await page.waitForSelector("tr[data-run] >> nth=2");
});
afterAll(async () => {
  await browser?.close();
  await serving?.close();
  rmSync(folder, { recursive: true });
});

const row = (name: string) => page.locator("tr[data-run]", { hasText: `/${name}` });

describe("the live page", () => {
  it("lists runs, with seeds of one configuration as a group and one curve", async () => {
    expect(await page.locator("tr.group").count()).toBe(1);
    expect(await row("sam").locator(".status").textContent()).toBe("finished");
    await page.waitForSelector(".charts canvas >> nth=3");
    expect(await page.locator("#chart-metaLoss .readout li").count()).toBe(2);
    await page.selectOption("[name=group]", "none");
    await page.waitForSelector("#chart-metaLoss .readout li >> nth=2");
  });

  it("keeps every choice in the address and comes back with it", async () => {
    await page.fill("[name=filter]", "regularizer=sam");
    await page.selectOption("[name=x]", "time");
    await page.click("[name=xlog]");
    await page.click("[name=ylog]");
    await page.fill("[name=smoothing]", "0.5");
    await page.selectOption("[name=add]", "loss");
    await page.click("#chart-diverged [name=remove]");
    await row("sam").locator("a").click();
    await page.click("[name=theme]");
    await page.waitForSelector("#detail");
    const address = page.url();
    await page.goto(address);
    await page.waitForSelector("#chart-loss canvas");
    expect(page.url()).toBe(address);
    expect(await page.locator("tr[data-run]").count()).toBe(1);
    expect(await page.inputValue("[name=smoothing]")).toBe("0.5");
    expect(await page.locator("[name=xlog]").getAttribute("aria-pressed")).toBe("true");
    expect(await page.locator("html").getAttribute("data-theme")).toBe("light");
    expect(await page.locator("#chart-diverged").count()).toBe(0);
    await page.locator("#detail summary", { hasText: "Card" }).click();
    expect(await page.locator(".card h3").textContent()).toContain("lstm:hidden=4");
  });

  it("shows which settings differ", async () => {
    await page.goto(`${serving.url}live/?group=none`);
    await page.waitForSelector("#compare td");
    const fields = await page.locator("#compare tbody th").allTextContents();
    expect(fields).toEqual(["regularizer", "seed"]);
  });

  it("downloads a chart as CSV and as SVG", async () => {
    for (const [name, start] of [
      ["csv", '"steps"'],
      ["svg", "<svg"],
    ] as const) {
      const [file] = await Promise.all([
        page.waitForEvent("download"),
        page.click(`#chart-metaLoss [name=${name}]`),
      ]);
      const chunks: Buffer[] = [];
      for await (const chunk of await file.createReadStream()) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).toString().startsWith(start)).toBe(true);
    }
  });

  it("zooms by a drag and goes back by Escape", async () => {
    const box = (await page.locator("#chart-metaLoss .u-over").boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.3, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + 50, { steps: 4 });
    await page.mouse.up();
    await page.waitForFunction(() => /from=.*to=/.test(location.search));
    await page.focus("#chart-metaLoss .plot");
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => !/from=/.test(location.search));
  });

  it("shows a run that another process writes, as crashed when it is killed, and running when resumed", async () => {
    const out = join(folder, "long");
    let child = await unendingRun(out);
    await row("long").locator(".running").waitFor();
    await end(child, "SIGKILL");
    await row("long").locator(".crashed").waitFor();
    child = await unendingRun(out, ["--resume"]);
    await row("long").locator(".running").waitFor();
    await end(child, "SIGINT");
    await row("long").locator(".waiting").waitFor();
  });

  it("is no wider than a phone", async () => {
    await page.setViewportSize({ width: 400, height: 800 });
    await page.waitForFunction(() => document.documentElement.scrollWidth <= 400);
  });

  it("complains of nothing and asks nobody else", () => {
    expect(wrong).toEqual([]);
  });
});
