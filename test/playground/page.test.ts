import { readFileSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Serving, serve } from "../../src/serve/server.ts";
import { zooPath } from "../../src/zoo/zoo.ts";
import { checksum } from "../../web/playground/model/checksum.ts";
import { openSession } from "../../web/playground/model/session.ts";
import { defaultState, fromSearch, toSearch } from "../../web/playground/state.ts";
import { chromiumArguments, findChromium, watchedPage } from "../report/browser.ts";

const LEARNED = "zoo:lstm-sam-mnist";

let serving: Serving;
let browser: Browser;
let page: Page;
/** What the browser complained of, and asked of others. */
let wrong: string[];

beforeAll(async () => {
  serving = await serve([], { port: 0, playground: true });
  browser = await chromium.launch({ executablePath: findChromium(), args: chromiumArguments() });
  ({ page, wrong } = await watchedPage(browser, serving.url));
});
afterAll(async () => {
  await browser?.close();
  await serving?.close();
});

async function open(search: string): Promise<void> {
  await page.goto(`${serving.url}playground/?${search}`);
  await settled();
}

/** Until landscape, sharpness and probe of the present step are there. */
async function settled(): Promise<void> {
  await page.waitForSelector('.toolbar[data-settled="true"]');
}

async function download(click: () => Promise<void>): Promise<string> {
  const [file] = await Promise.all([page.waitForEvent("download"), click()]);
  return readFileSync(await file.path(), "latin1");
}

describe("the playground", () => {
  it("comes to the bits of Node, with hand-designed, regularized and learned optimizers", async () => {
    const runs = ["adam:lr=0.01+cosine", "sgd:lr=0.1+sam:rho=0.05", LEARNED];
    const search = `steps=60&seed=3&speed=max&${runs.map((run) => `run=${encodeURIComponent(run)}`).join("&")}`;
    await open(search);
    await page.click("[name=play]");
    await page.waitForFunction(() => document.querySelector(".at")?.textContent === "step 60 of 60");
    await settled();
    const told = JSON.parse(await download(() => page.click("[name=json]"))) as {
      runs: { params: string; measured: { step: number; testLoss: number }[] }[];
    };
    const state = fromSearch(`?${search}`, defaultState(LEARNED));
    const session = openSession(state, { [LEARNED]: readFileSync(zooPath("lstm-sam-mnist")) });
    session.advance(60);
    const own = session.view();
    session.close();
    expect(own).toHaveLength(3);
    own.forEach(({ params, measured }, i) => {
      expect(told.runs[i]!.params).toBe(checksum(params));
      expect(told.runs[i]!.measured.at(-1)!.testLoss).toBe(measured.at(-1)!.testLoss);
    });
    expect(new Set(told.runs.map(({ params }) => params)).size).toBe(3);
  });

  it("draws every panel, and says in words what figures show", async () => {
    expect(await page.locator(".panels canvas").count()).toBeGreaterThan(5);
    for (const canvas of await page.locator(".panels canvas[role=img]").all()) {
      expect(await canvas.getAttribute("aria-label")).toMatch(/\S/);
    }
  });

  it("keeps every choice in the address and comes back with it", async () => {
    await open("");
    await page.selectOption("[name=data]", "spirals");
    await page.selectOption("[name=model]", "mlp");
    await page.fill("[name=hidden]", "7");
    await page.press("[name=hidden]", "Enter");
    await page.selectOption("[name=speed]", "20");
    await page.waitForFunction(() => /hidden=7/.test(location.search) && /speed=20/.test(location.search));
    const address = page.url();
    expect(address).toMatch(/data=spirals/);
    expect(address).toMatch(/model=mlp/);
    await page.goto(address);
    await settled();
    expect(page.url()).toBe(address);
    expect(await page.inputValue("[name=hidden]")).toBe("7");
    expect(await page.inputValue("[name=data]")).toBe("spirals");
  });

  it("steps, plays by the keyboard and goes back to the start", async () => {
    const at = () => page.locator(".at").textContent();
    await page.click("[name=step]");
    await page.waitForFunction(() => document.querySelector(".at")?.textContent?.startsWith("step 1 "));
    await page.click("[name=stride]");
    await page.waitForFunction(() => document.querySelector(".at")?.textContent?.startsWith("step 26 "));
    await settled();
    await page.locator("h1").click();
    await page.keyboard.press("r");
    await page.waitForFunction(() => document.querySelector(".at")?.textContent?.startsWith("step 0 "));
    await page.keyboard.press("Space");
    await page.waitForFunction(() => !document.querySelector(".at")?.textContent?.startsWith("step 0 "));
    await page.keyboard.press("Space");
    expect(await at()).toMatch(/^step \d+ of 500$/);
  });

  it("says what to do about weights it does not have", async () => {
    await page.goto(`${serving.url}playground/?run=adam:lr=0.01&run=file:mine.safetensors`);
    await page.waitForSelector("[role=alert]");
    expect(await page.locator("[role=alert]").textContent()).toContain("mine.safetensors");
  });

  it("fits a phone", async () => {
    await page.setViewportSize({ width: 400, height: 800 });
    await open("");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(400);
  });

  it("asks nothing of others and complains of nothing", () => expect(wrong).toEqual([]));
});

describe("an address", () => {
  it("carries a state there and back, and takes what cannot be as by default", () => {
    const byDefault = defaultState(LEARNED);
    const state = {
      ...byDefault,
      data: "digits8" as const,
      seed: 12,
      runs: ["adam:lr=0.003+cosine", "sgd:lr=0.1+sam:rho=0.05,weight=0.5"],
      inspect: 1,
      hide: ["tour", "meta"],
    };
    expect(fromSearch(`?${toSearch(state, byDefault)}`, byDefault)).toEqual(state);
    expect(toSearch(byDefault, byDefault)).toBe("");
    expect(fromSearch("?data=nonsense&hidden=-3&seed=x&run=adam", byDefault)).toEqual(byDefault);
  });
});
