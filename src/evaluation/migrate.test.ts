import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isDecidedCell } from "../analysis/decisions.ts";
import { learnedTests } from "../analysis/verdicts.ts";
import { renderReport } from "../report/page.ts";
import { methodKey } from "./method-id.ts";
import { migrateFrom1 } from "./migrate.ts";
import { parseResults } from "./results-file.ts";

/** Results that Lowland 0.1.0 wrote, most of their records left out. */
const golden = (name: string) => {
  const text = readFileSync(new URL(`../../test/golden/results/${name}`, import.meta.url), "utf8");
  return { old: JSON.parse(text), results: parseResults(text, name) };
};

const once = { optimizer: "lstm", source: ["mnist/cnn"], metaSeed: 0 };

describe("the paper's experiment of 0.1.0", () => {
  const { old, results } = golden("paper-0.1.0.json");

  it("has methods in place of names, repeated and single", () => {
    expect(results.evaluations.map(({ method }) => method)).toEqual([
      { ...once, regularizer: "none", source: ["mnist/mlp"] },
      { ...once, regularizer: "gam", source: ["mnist/mlp"] },
      { ...once, regularizer: "none", source: ["mnist/mlp"], metaSeed: 1 },
      { ...once, regularizer: "gam", source: ["mnist/mlp"], metaSeed: 1 },
      { ...once, regularizer: "none" },
      { ...once, regularizer: "gam" },
      { optimizer: "adam", regularizer: "none" },
      { optimizer: "adam", regularizer: "gam-fd" },
    ]);
    const known = new Set(results.evaluations.map(({ method }) => methodKey(method)));
    for (const { method } of [...results.metaTraining, ...results.sharpness, ...results.tuning!]) {
      expect(known).toContain(methodKey(method));
    }
  });

  it("compares groups: every test of a cell of the transfer matrix is found", () => {
    const { metaSeed: _, ...group } = once;
    expect(learnedTests(results).map(({ candidate }) => candidate)).toContainEqual({
      ...group,
      regularizer: "gam",
    });
    const cell = results.transfer!.find(
      ({ method, measure }) =>
        method.source?.join() === "mnist/cnn" && method.regularizer === "gam" && measure === "topEigenvalue",
    )!;
    // −58 %, decided in 0.1.0
    expect(cell.change!.mean).toBeCloseTo(-0.58, 1);
    expect(isDecidedCell(cell, learnedTests(results))).toBe(true);
  });

  it("keeps every number, the accuracies among the metrics", () => {
    expect(results.metrics.map(({ name }) => name)).toEqual(["accuracy"]);
    results.evaluations.forEach(({ seeds, summary }, i) => {
      const before = old.evaluations[i];
      expect(summary.metrics.accuracy).toEqual(before.summary.testAccuracy);
      expect(seeds.map((seed) => seed.metrics.accuracy)).toEqual(
        before.seeds.map((seed: { testAccuracy: number }) => seed.testAccuracy),
      );
      expect(seeds[0]!.curve[0]!.metrics).toEqual({ accuracy: before.seeds[0].curve[0].validationAccuracy });
    });
    expect(results.comparisons.map(({ pHolm }) => pHolm)).toEqual(
      old.comparisons.map((test: { pHolm: number }) => test.pHolm),
    );
    expect(JSON.stringify(results)).not.toMatch(/testAccuracy|validationAccuracy/);
  });

  it("makes a page that calls things what it called them", () => {
    const page = renderReport(results);
    expect(page).toContain("LSTM + GAM from mnist/mlp #1");
    expect(page).toContain(">LSTM + GAM from mnist/cnn<");
    expect(page).toContain("Adam + GAM");
    expect(page).not.toMatch(/GAM-FD|undefined/);
  });
});

describe("an evaluation of 0.1.0", () => {
  it("takes specs apart into optimizer and regularizer", () => {
    expect(golden("evaluate-0.1.0.json").results.evaluations.map(({ method }) => method)).toEqual([
      { optimizer: "zoo:lstm-mnist", regularizer: "none" },
      { optimizer: "adam:lr=0.01", regularizer: "none" },
      { optimizer: "adam:lr=0.01", regularizer: "sam:rho=0.05" },
    ]);
  });
});

describe("the quick experiment of 0.1.0", () => {
  it("finds the methods of names without a source, and compares them without their meta-seed", () => {
    const { old } = golden("evaluate-0.1.0.json");
    const [run] = golden("paper-0.1.0.json").old.metaTraining;
    const task = "synthetic-digits/mlp";
    const named = (name: string, regularizer: string) => ({ ...run, name, regularizer, task, metaSeed: 0 });
    const { comparisons } = golden("paper-0.1.0.json").old;
    const quick = {
      ...old,
      kind: "reproduce-quick",
      metaTraining: [named("LSTM", "none"), named("LSTM + SAM", "sam:rho=0.05")],
      evaluations: [
        { ...old.evaluations[0], task, optimizer: "LSTM + SAM", spec: "learned:x" },
        { ...old.evaluations[1], task, optimizer: "Adam", spec: "adam:lr=0.01" },
      ],
      comparisons: [{ ...comparisons[0], task, candidate: "LSTM + SAM", baseline: "LSTM" }],
    };
    const results = parseResults(JSON.stringify(quick), "x");
    const learned = { optimizer: "lstm", regularizer: "sam", source: [task] };
    expect(results.evaluations.map(({ method }) => method)).toEqual([
      { ...learned, metaSeed: 0 },
      { optimizer: "adam", regularizer: "none" },
    ]);
    expect(results.comparisons[0]).toMatchObject({
      candidate: learned,
      baseline: { ...learned, regularizer: "none" },
    });
    expect(renderReport(results)).toContain(">LSTM + SAM<");
  });
});

describe("migrateFrom1", () => {
  it("leaves what is damaged for the reader to name", () => {
    for (const damaged of [null, 3, "x", [1], [{ seeds: 1 }], [{ optimizer: 1, spec: null, summary: 2 }]]) {
      const text = JSON.stringify({ schemaVersion: 1, kind: "evaluate", evaluations: damaged });
      expect(() => parseResults(text, "x")).toThrow(/x is damaged at/);
    }
    expect(migrateFrom1({ schemaVersion: 1 })).toMatchObject({ schemaVersion: 2, metrics: [] });
  });
});
