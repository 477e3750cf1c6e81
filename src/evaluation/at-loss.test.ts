import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordsOf } from "../analysis/records.ts";
import { runGrid } from "./grid.ts";
import { gridJobs, type JobResult } from "./jobs.ts";
import { formatResults, parseResults } from "./results-file.ts";

let folder: string;
let task: string;
let results: JobResult[];

const methods = [
  { method: { optimizer: "SGD", regularizer: "none" }, spec: "sgd:lr=0.1" },
  { method: { optimizer: "slow", regularizer: "none" }, spec: "sgd:lr=0.00001" },
  { method: { optimizer: "too fast", regularizer: "none" }, spec: "sgd:lr=10000" },
];
const sharpness = {
  radii: [0.1],
  examples: 10,
  steps: [30],
  trace: true,
  eigenvalues: 2,
  landscape: 2,
  atLoss: { losses: [1, 0.25], every: 4 },
} as const;

/** L = ½ Σ (1 + i) w_i² over a 2 × 3 weight, from (1, …, 1): the loss after t steps at rate η is known. */
const lossAt = (step: number, rate = 0.1): number =>
  [1, 2, 3, 4, 5, 6].reduce(
    (sum, curvature) => sum + 0.5 * curvature * (1 - rate * curvature) ** (2 * step),
    0,
  );

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lowland-at-loss-"));
  task = join(folder, "bowl.mjs");
  const library = JSON.stringify(new URL("../../dist/index.js", import.meta.url).href);
  writeFileSync(
    task,
    `import { defineTask, layoutOf } from ${library};
     export default defineTask({
       name: "bowl",
       layout: layoutOf([{ name: "w", shape: [2, 3] }]),
       init: (key, w) => void w.fill(1),
       lossAndGradient(w, batch, g) {
         let loss = 0;
         for (let i = 0; i < 6; i++) {
           loss += 0.5 * (1 + i) * w[i] * w[i];
           g[i] = (1 + i) * w[i];
         }
         return loss;
       },
     });`,
  );
  results = await runGrid(gridJobs({ tasks: [task], methods, steps: [30], seeds: [0, 1], sharpness }));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("a job that measures at equal loss", () => {
  it("measures at the first step looked at where the loss is below each value", () => {
    const { sharpnessAtLoss } = recordsOf(results, methods);
    const own = sharpnessAtLoss!.filter(({ method }) => method.optimizer === "SGD");
    expect(own.map(({ below }) => below)).toEqual([1, 0.25]);
    for (const { below, every, maxSteps, seeds, summary } of own) {
      let step = 0;
      while (!(lossAt(step) < below)) step += 4;
      expect({ every, maxSteps, reached: summary.reached }).toEqual({ every: 4, maxSteps: 30, reached: 2 });
      expect(seeds.map((seed) => seed.step)).toEqual([step, step]);
      expect(seeds[0]!.loss! / lossAt(step)).toBeCloseTo(1, 4);
      expect(summary.step.mean).toBe(step);
      expect(summary.loss.mean).toBeLessThan(below);
    }
    expect(own[0]!.seeds[0]!.step).toBeLessThan(own[1]!.seeds[0]!.step!);
  });

  it("says which runs never got there, and which of them diverged", () => {
    const { sharpnessAtLoss } = recordsOf(results, methods);
    const missing = sharpnessAtLoss!.filter(({ method }) => method.optimizer !== "SGD");
    expect(
      missing.map(({ method, summary }) => [method.optimizer, summary.reached, summary.diverged]),
    ).toEqual([
      ["slow", 0, 0],
      ["slow", 0, 0],
      ["too fast", 0, 2],
      ["too fast", 0, 2],
    ]);
    expect(missing[0]!.seeds[0]).toEqual({
      seed: 0,
      step: null,
      loss: null,
      gradientNorm: null,
      topEigenvalue: null,
      radii: [],
    });
    expect(missing[0]!.summary.step.mean).toBeNull();
  });

  it("changes neither the training nor what is measured after equal steps", async () => {
    const { atLoss, ...others } = sharpness;
    const jobs = gridJobs({ tasks: [task], methods, steps: [30], seeds: [0, 1], sharpness: others });
    const plain = await runGrid(jobs);
    plain.forEach((result, i) => {
      expect(result).not.toHaveProperty("atLoss");
      expect(result.sharpness).toEqual(results[i]!.sharpness);
      expect(result.training.curve).toEqual(results[i]!.training.curve);
      expect(result.training.gradientEvaluations).toBe(results[i]!.training.gradientEvaluations);
    });
    expect(recordsOf(plain, methods)).not.toHaveProperty("sharpnessAtLoss");
  });
});

describe("a job with every measure", () => {
  it("records trace, both ends of the spectrum and a plane for the first seed", () => {
    const { sharpness } = recordsOf(results, methods);
    const { seeds, summary } = sharpness.find(({ method }) => method.optimizer === "SGD")!;
    expect(summary.trace!.mean).toBeCloseTo(21, 2);
    expect(summary.largestEigenvalues!.map(({ mean }) => Math.round(mean!))).toEqual([6, 5]);
    expect(summary.smallestEigenvalues!.map(({ mean }) => Math.round(mean!))).toEqual([1, 2]);
    expect(seeds[0]!.landscape).toMatchObject({ dimensions: 2 });
    expect(seeds[0]!.landscape!.losses).toHaveLength(25 ** 2);
    expect(seeds[1]).not.toHaveProperty("landscape");
  });

  it("makes results that are read back whole, and refuses a landscape with a loss too few", () => {
    const records = recordsOf(results, methods);
    const whole = {
      schemaVersion: 2,
      kind: "sharpness",
      title: "Sharpness",
      command: "lowland sharpness",
      version: "0.0.0",
      kernelVariant: "portable",
      node: "v20",
      platform: "linux",
      seed: 0,
      durationSeconds: 1,
      settings: {},
      metaTraining: [],
      ...records,
      regularizers: {},
      comparisons: [],
    } as const;
    const text = formatResults(whole);
    expect(parseResults(text, "x")).toEqual(JSON.parse(text));
    const cut = JSON.parse(text) as { sharpness: { seeds: { landscape?: { losses: number[] } }[] }[] };
    cut.sharpness[0]!.seeds[0]!.landscape!.losses.pop();
    expect(() => parseResults(JSON.stringify(cut), "x")).toThrow(/landscape.*one loss for each point/);
  });
});
