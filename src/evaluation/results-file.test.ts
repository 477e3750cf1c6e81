import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareOptimizers } from "../analysis/comparisons.ts";
import { convergenceOf } from "../analysis/findings.ts";
import { summarizeEvaluation, summarizeSharpness } from "../analysis/summaries.ts";
import { LowlandError } from "../errors.ts";
import { ACCURACY } from "../tasks/types.ts";
import type { Results, SharpnessSeed } from "./results.ts";
import { formatResults, parseResults } from "./results-file.ts";

const seeds = [0.3, 0.31, 0.29].map((trainLoss, seed) => ({
  seed,
  trainLoss,
  testLoss: trainLoss + 0.02,
  metrics: { accuracy: 1 - trainLoss / 4 },
  curve: [
    { step: 0, loss: 2.3 },
    { step: 100, loss: trainLoss, metrics: { accuracy: 1 - trainLoss / 4 } },
  ],
}));

const sharp = (scale: number): SharpnessSeed[] =>
  [1, 1.1, 0.8].map((wobble, seed) => ({
    seed,
    loss: 0.3,
    gradientNorm: 0.2,
    topEigenvalue: 10 * scale * wobble,
    radii: [0.1, 0.005].map((radius) => ({
      radius,
      maxLoss: 0.3 + radius,
      surrogateGap: radius,
      oneStepGap: radius,
      maxGradientNorm: 0.5,
      curvatureGap: scale * wobble * radius ** 2,
    })),
  }));

const methodNamed = (name: string) => ({ optimizer: name.toLowerCase(), regularizer: "none" });

const evaluation = (name: string, shift: number) => {
  const shifted = seeds.map((seed) => ({
    ...seed,
    trainLoss: seed.trainLoss + shift * (1 + seed.seed / 10),
  }));
  return {
    task: "synthetic-digits/mlp",
    method: methodNamed(name),
    spec: name.toLowerCase(),
    group: "hand-designed" as const,
    gradientsPerStep: 1,
    steps: 100,
    seeds: shifted,
    summary: summarizeEvaluation(shifted, [ACCURACY]),
  };
};

const sharpness = (name: string, scale: number) => ({
  task: "synthetic-digits/mlp",
  method: methodNamed(name),
  steps: 100,
  seeds: sharp(scale),
  summary: summarizeSharpness(sharp(scale)),
});

const results: Results = {
  schemaVersion: 2,
  kind: "evaluate",
  title: "Evaluation",
  command: "lowland evaluate --optimizer adam --task synthetic-digits/mlp",
  version: "0.1.0",
  kernelVariant: "fma",
  node: "v22.0.0",
  platform: "linux-x64",
  seed: 0,
  durationSeconds: 1.5,
  settings: { steps: [100], nested: { deep: null } },
  metaTraining: [
    {
      method: { optimizer: "lstm", regularizer: "none", source: ["synthetic-digits/mlp"], metaSeed: 0 },
      regularizer: "none",
      outerSteps: 2,
      settings: {},
      metaLossCurve: [{ outerStep: 1, metaLoss: 2 }],
      metaValidationCurve: [{ outerStep: 2, loss: 1.5, metrics: { accuracy: 0.7 } }],
      bestOuterStep: 2,
      seconds: 3,
      innerStepsPerSecond: 100,
      gradientEvaluations: 300,
    },
  ],
  evaluations: [evaluation("Adam", 0), evaluation("SGD", 0.1)],
  sharpness: [sharpness("Adam", 1), sharpness("SGD", 2)],
  metrics: [ACCURACY],
  regularizers: {},
  comparisons: [],
};

/** The one-line message `parseResults` refuses `json` with. */
function refusal(json: string): string {
  try {
    parseResults(json, "runs/x/results.json");
  } catch (error) {
    expect(error).toBeInstanceOf(LowlandError);
    expect((error as LowlandError).code).toBe("E_DATA");
    expect((error as LowlandError).message).not.toContain("\n");
    return (error as LowlandError).message;
  }
  throw new Error("parseResults accepted it");
}

/** The JSON of `results` with one value replaced. */
function withValue(path: readonly (string | number)[], value: unknown): string {
  const copy = JSON.parse(formatResults(results));
  let parent = copy;
  for (const part of path.slice(0, -1)) parent = parent[part];
  parent[path.at(-1)!] = value;
  return JSON.stringify(copy);
}

describe("parseResults", () => {
  it("reads what formatResults wrote", () => {
    expect(parseResults(formatResults(results), "x")).toEqual(results);
  });

  it("reads numbers that were not finite as null", () => {
    const diverged = { ...seeds[0]!, trainLoss: Number.NaN, testLoss: Number.POSITIVE_INFINITY };
    const text = formatResults({
      ...results,
      evaluations: [{ ...results.evaluations[0]!, seeds: [diverged] }],
    });
    expect(parseResults(text, "x").evaluations[0]!.seeds[0]).toMatchObject({
      trainLoss: null,
      testLoss: null,
    });
  });

  it("keeps keys it does not know", () => {
    const text = withValue(["novelty"], { tasks: [] });
    expect(parseResults(text, "x")).toHaveProperty("novelty", { tasks: [] });
  });

  it("names the place of the fault in a damaged file", () => {
    expect(refusal(withValue(["evaluations", 0, "seeds", 1, "trainLoss"], "low"))).toBe(
      'runs/x/results.json is damaged at evaluations[0].seeds[1].trainLoss: expected a number or null, not "low"; run the command that wrote it again',
    );
    expect(refusal(withValue(["sharpness", 0, "summary", "radii", 0, "radius"], -1))).toContain(
      "sharpness[0].summary.radii[0].radius",
    );
    expect(refusal(withValue(["command"], undefined))).toContain("damaged at command");
  });

  it("refuses empty, truncated, foreign and later files in one line", () => {
    expect(refusal("")).toContain("it is empty");
    expect(refusal(formatResults(results).slice(0, 400))).toContain("is not JSON");
    expect(refusal("[1, 2]")).toContain("not a results file");
    expect(refusal("null")).toContain("not a results file");
    expect(refusal('{"schemaVersion": 3}')).toContain("schemaVersion 3, this version reads 1 and 2");
    for (const version of [1, 2]) expect(refusal(`{"schemaVersion": ${version}}`)).toContain("is damaged at");
  });

  it("never fails in another way, whatever the JSON", () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        refusal(json);
        for (const version of [1, 2])
          refusal(`{"schemaVersion":${version},"metaTraining":${json},"evaluations":${json}}`);
      }),
    );
  });
});

describe("summaries", () => {
  it("say how many iterations had not converged, and nothing where all had", () => {
    const seed = { loss: 1, unconverged: ["topEigenvalue", "trace"] as const };
    expect(convergenceOf([{ seeds: [seed, { loss: 1 }] }, { seeds: [{ loss: null }] }])).toEqual([
      { fact: "not converged", measure: "topEigenvalue", count: 1, of: 2 },
      { fact: "not converged", measure: "trace", count: 1, of: 2 },
    ]);
    expect(convergenceOf([{ seeds: [{ loss: 1 }] }])).toEqual([]);
  });

  it("take means over seeds and count the diverged", () => {
    const summary = summarizeEvaluation([
      ...seeds,
      { seed: 3, trainLoss: null, testLoss: null, metrics: {}, curve: [], diverged: true },
    ]);
    expect(summary).toMatchObject({ seeds: 4, diverged: 1 });
    expect(summary.trainLoss.mean).toBeCloseTo(Math.cbrt(0.3 * 0.31 * 0.29), 12);
    expect(summary.trainLoss.count).toBe(3);
  });

  it("have the metrics of the task, none where it has none", () => {
    const [seed] = seeds;
    expect(Object.keys(summarizeEvaluation([seed!], [ACCURACY]).metrics)).toEqual(["accuracy"]);
    expect(summarizeEvaluation([{ ...seed!, metrics: {} }]).metrics).toEqual({});
  });

  it("never have a loss below zero in an interval, and no runaway seed decides it", () => {
    const losses = [0.02, 0.03, 5e6];
    const { trainLoss } = summarizeEvaluation(
      losses.map((loss, seed) => ({ seed, trainLoss: loss, testLoss: loss, metrics: {}, curve: [] })),
    );
    expect(trainLoss.mean).toBeCloseTo(Math.cbrt(0.02 * 0.03 * 5e6), 10);
    expect(trainLoss.low).toBeGreaterThan(0);
  });

  it("order radii and keep seeds apart", () => {
    const summary = summarizeSharpness(sharp(1));
    expect(summary.radii.map((at) => at.radius)).toEqual([0.005, 0.1]);
    expect(summary.radii[1]!.curvatureGap.mean).toBeCloseTo(0.01 * Math.cbrt(1.1 * 0.8), 12);
    expect(summary.topEigenvalue.count).toBe(3);
  });
});

describe("compareOptimizers", () => {
  it("tests each measure over shared seeds and corrects over all of them", () => {
    const found = compareOptimizers(results, [
      { candidate: methodNamed("SGD"), baseline: methodNamed("Adam") },
    ]);
    expect(found.map((comparison) => comparison.measure)).toEqual([
      "accuracy",
      "trainLoss",
      "topEigenvalue",
      "curvatureGap",
    ]);
    const [accuracy, train, eigenvalue, gap] = found;
    expect(accuracy).toMatchObject({ meanDifference: 0, p: 1, pHolm: 1, pairs: 3 });
    // losses of 0.4, 0.42 and 0.41 against 0.3, 0.31 and 0.29: the geometric mean of the ratios
    expect(train!.meanDifference).toBeCloseTo(Math.cbrt((0.4 * 0.42 * 0.41) / (0.3 * 0.31 * 0.29)) - 1, 12);
    expect(eigenvalue).toMatchObject({ meanDifference: expect.closeTo(1, 10), scale: "share" });
    expect(gap).toMatchObject({ radius: 0.1, candidate: methodNamed("SGD"), baseline: methodNamed("Adam") });
    // the ratio is the same from every seed: nothing to test with
    expect(eigenvalue).toMatchObject({ p: null, pHolm: null });
    expect(train!.pHolm).toBeGreaterThanOrEqual(train!.p!);
  });

  it("skips pairs that were not both run", () => {
    const pair = { candidate: methodNamed("lion"), baseline: methodNamed("Adam") };
    expect(compareOptimizers(results, [pair])).toEqual([]);
  });
});
