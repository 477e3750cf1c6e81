import * as fc from "fast-check";
import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { hostileResults, syntheticResults } from "../../test/report/fixture.ts";
import { formatResults, parseResults } from "../evaluation/results-file.ts";
import { labelsOf } from "./labels.ts";
import { renderReport } from "./page.ts";
import { seriesOf } from "./series.ts";

const results = syntheticResults({ steps: [100, 300], seeds: 3 });
const page = renderReport(results);
const { document } = parseHTML(page);
const labels = labelsOf(results);

/**
 * Tags and attribute names of a page, in order: what markup can do, without what it says. The words of the
 * command are left out, because their number is up to the command.
 */
function skeleton(markup: string): string[] {
  return [...parseHTML(markup).document.querySelectorAll("*:not(.word)")].map(
    (element) => `${element.tagName} ${[...element.attributes].map(({ name }) => name).join(" ")}`,
  );
}

describe("renderReport", () => {
  it("has every section, each with a way to read it", () => {
    const sections = [...document.querySelectorAll("main section")];
    expect(sections.map(({ id }) => id)).toEqual([
      "results",
      "training",
      "meta-training",
      "flatness",
      "settings",
      "provenance",
    ]);
    for (const section of sections) {
      expect(section.querySelector("h2")?.textContent).not.toBe("");
      expect(section.querySelector(".how")?.textContent).toContain("How to read this");
    }
    for (const link of document.querySelectorAll("nav a")) {
      expect(document.getElementById(link.getAttribute("href")!.slice(1))).not.toBeNull();
    }
  });

  it("shows the command, version, kernel variant, seed, node, platform and duration", () => {
    expect(document.querySelector("pre code")?.textContent).toBe(results.command);
    const facts = document.querySelector(".facts")!.textContent;
    for (const fact of [
      results.version,
      results.kernelVariant,
      results.node,
      results.platform,
      "4 min 12 s",
    ]) {
      expect(facts).toContain(fact);
    }
  });

  it("shows every optimizer's numbers with their intervals", () => {
    const rows = [...document.querySelectorAll("#results table tbody tr:not(.group)")];
    for (const { method, summary, steps } of results.evaluations.filter((record) => record.steps === 100)) {
      const row = rows.find(
        (candidate) => candidate.querySelector("th")?.textContent === labels.method(method),
      )!;
      expect(steps).toBe(100);
      expect(row.textContent).toContain(summary.trainLoss.mean!.toFixed(3));
      expect(row.textContent).toContain(
        `[${(summary.metrics.accuracy!.low! * 100).toFixed(1)}, ${(summary.metrics.accuracy!.high! * 100).toFixed(1)}]`,
      );
    }
  });

  it("draws two curves for training and meta-training each, and four by radius", () => {
    const counts = ["training", "meta-training", "flatness"].map(
      (id) => document.getElementById(id)!.querySelectorAll("figure > svg[role=img]").length,
    );
    expect(counts).toEqual([2, 2, 4]);
  });

  it("warns that comparisons at equal steps can mislead", () => {
    expect(document.getElementById("flatness")!.textContent).toContain("Equal steps can mislead");
  });

  it("is self-contained: no script, no external resource, no event handler", () => {
    expect(page).not.toMatch(
      /<(script|link rel="stylesheet"|iframe|object|embed|img|image|use|foreignObject)\b/i,
    );
    expect(page).not.toMatch(/\b(src|srcset|xlink:href)=/i);
    expect(page).not.toMatch(/\son\w+=/i);
    expect(page).not.toMatch(/https?:\/\//);
    expect(page).toContain("default-src 'none'");
  });

  it("is accessible in its structure", () => {
    expect(document.documentElement.getAttribute("lang")).toBe("en");
    expect(document.querySelectorAll("h1").length).toBe(1);
    for (const table of document.querySelectorAll("table")) {
      expect(table.querySelector("caption")?.textContent?.trim()).toBeTruthy();
      for (const header of table.querySelectorAll("th")) expect(header.hasAttribute("scope")).toBe(true);
    }
    for (const svg of document.querySelectorAll("figure svg"))
      expect(svg.getAttribute("aria-label")).toBeTruthy();
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("is the same for the same results, and after a trip through results.json", () => {
    expect(renderReport(results)).toBe(page);
    expect(renderReport(parseResults(formatResults(results), "x"))).toBe(page);
  });

  it("has no trace of missing numbers", () => {
    expect(page).not.toMatch(/NaN|undefined|\[object|Infinity/);
  });

  it("escapes every string", () => {
    const plain = skeleton(renderReport(hostileResults("abcdef")));
    const nasty = fc.constantFrom(
      "<script>x",
      "</style>",
      "'><img src=x onerror=y>",
      '" onload="z',
      "&lt;b>",
      "]]>-->",
      "</text></svg><b>",
      "\u0000\u001b[2J",
      "\ud800",
      "\u202e",
    );
    fc.assert(
      fc.property(nasty, fc.string({ unit: "binary", minLength: 1, maxLength: 12 }), (attack, noise) => {
        const markup = renderReport(hostileResults(`${attack}${noise}`));
        expect(skeleton(markup).join("\n") === plain.join("\n")).toBe(true);
        expect(/<(script|img)\b/.test(markup)).toBe(false);
        expect(markup.match(/[^\P{Cc}\n\t]|\p{Cs}/u)).toBeNull();
      }),
      { numRuns: 20 },
    );
  }, 60_000);

  it("leaves out the sections that have nothing to say", () => {
    const bare = renderReport({ ...results, metaTraining: [], sharpness: [], comparisons: [] });
    expect(bare).not.toContain('id="meta-training"');
    expect(bare).not.toContain('id="flatness"');
    const empty = renderReport({
      ...results,
      metaTraining: [],
      evaluations: [],
      sharpness: [],
      comparisons: [],
    });
    expect(empty).toContain('id="provenance"');
    expect(empty).not.toContain('id="results"');
  });

  it("says how many runs diverged and still renders", () => {
    const [first, ...others] = results.evaluations;
    const none = { mean: null, sd: null, low: null, high: null, count: 0 };
    const lost = {
      ...first!,
      seeds: first!.seeds.map((seed) => ({
        ...seed,
        trainLoss: null,
        testLoss: null,
        metrics: {},
        curve: [],
        diverged: true,
      })),
      summary: { seeds: 3, diverged: 3, trainLoss: none, testLoss: none, metrics: { accuracy: none } },
    };
    const markup = renderReport({ ...results, evaluations: [lost, ...others] });
    expect(markup).toContain("3 of 3 diverged");
    expect(markup).toContain("Three runs diverged");
    expect(markup).not.toMatch(/NaN|undefined/);
  });
});

describe("seriesOf", () => {
  it("draws learned optimizers solid and hand-designed ones dashed, each in its own colour", () => {
    const series = [...seriesOf(results, labels).values()];
    expect(series.map(({ name, dash }) => [name, dash !== undefined])).toEqual([
      ["LSTM", false],
      ["LSTM + SAM", false],
      ["Adam", true],
      ["Adam + SAM", true],
    ]);
    expect(new Set(series.map(({ color }) => color)).size).toBe(4);
  });
});
