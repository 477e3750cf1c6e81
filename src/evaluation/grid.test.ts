import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordsOf } from "../analysis/records.ts";
import { lstm } from "../learned/lstm.ts";
import { encodeWeights } from "../learned/weights.ts";
import { key } from "../random/key.ts";
import { withShortCurves, withShortNumbers } from "./compact.ts";
import { runGrid } from "./grid.ts";
import { gridJobs, type JobResult } from "./jobs.ts";

let folder: string;
let task: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lowland-grid-"));
  task = join(folder, "bowl.mjs");
  const library = JSON.stringify(new URL("../../dist/index.js", import.meta.url).href);
  writeFileSync(
    task,
    `import { defineTask, normal } from ${library};
     export default defineTask({
       name: "bowl",
       layout: 5,
       lossAndGradient(w, batch, g) {
         normal(batch, g, { stddev: 0.1 });
         let loss = 0;
         for (let i = 0; i < 5; i++) {
           loss += w[i] * (0.5 * w[i] + g[i]);
           g[i] += w[i];
         }
         return loss;
       },
     });`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const methods = [
  { method: { optimizer: "SGD", regularizer: "none" }, spec: "sgd:lr=0.1" },
  { method: { optimizer: "SGD + SAM", regularizer: "none" }, spec: "sgd:lr=0.1+sam:rho=0.1" },
  { method: { optimizer: "too fast", regularizer: "none" }, spec: "sgd:lr=10000" },
];

function jobs() {
  return gridJobs({
    tasks: [task],
    methods,
    steps: [5, 20],
    seeds: [0, 1],
    sharpness: { radii: [0.1], examples: 10, steps: [20] },
  });
}

/** Results without what takes time. */
function bits(results: readonly JobResult[]): unknown {
  return results.map(({ training: { seconds: _, ...training }, seconds: __, ...rest }) => ({
    ...rest,
    training,
  }));
}

describe("runGrid", () => {
  it("goes on from a journal that was moved together with the weights beside it", async () => {
    const learned = lstm();
    const metaParams = new Float32Array(learned.layout.size);
    learned.init(key(0), metaParams);
    const grid = (directory: string) =>
      gridJobs({
        tasks: [task],
        methods: [
          {
            method: { optimizer: "LSTM", regularizer: "none" },
            spec: `learned:${join(directory, "lstm.safetensors")}`,
          },
        ],
        steps: [3],
        seeds: [0],
      });
    const [first, second] = [join(folder, "first"), join(folder, "second")];
    mkdirSync(first);
    writeFileSync(join(first, "lstm.safetensors"), encodeWeights("lstm", learned.layout, metaParams));
    const before = await runGrid(grid(first), { journal: join(first, "jobs.jsonl") });
    renameSync(first, second);
    const after = await runGrid(grid(second), {
      journal: join(second, "jobs.jsonl"),
      onDone: () => expect.fail("nothing is left to do"),
    });
    expect(after[0]!.training).toEqual(before[0]!.training);
    expect(after[0]!.job).toEqual(grid(second)[0]);
  });

  it("does tasks × methods × seeds and groups them into records over seeds", async () => {
    const results = await runGrid(jobs());
    expect(results.map(({ job }) => job)).toEqual(jobs());
    const { evaluations, sharpness } = recordsOf(results, methods);
    expect(evaluations.map(({ method, steps }) => [method.optimizer, steps])).toEqual(
      methods.flatMap(({ method }) => [5, 20].map((steps) => [method.optimizer, steps])),
    );
    const find = (name: string) =>
      evaluations.find(({ method, steps }) => method.optimizer === name && steps === 20)!;
    expect(find("SGD").gradientsPerStep).toBe(1);
    expect(find("SGD + SAM").gradientsPerStep).toBe(2);
    expect(find("SGD").seeds.map(({ seed }) => seed)).toEqual([0, 1]);
    // the bowl's curvature is 1 everywhere
    const flat = sharpness.find(({ method }) => method.optimizer === "SGD")!;
    expect(flat.seeds[0]!.topEigenvalue).toBeCloseTo(1, 2);
  });

  it("records a run that diverged as one, with nothing but finite numbers or null", async () => {
    const { evaluations, sharpness } = recordsOf(await runGrid(jobs()), methods);
    const lost = evaluations.find(({ method, steps }) => method.optimizer === "too fast" && steps === 20)!;
    expect(lost.seeds[0]).toMatchObject({ trainLoss: null, testLoss: null, diverged: true });
    expect(lost.summary.trainLoss).toMatchObject({ mean: null, count: 0 });
    expect(sharpness.find(({ method }) => method.optimizer === "too fast")!.seeds[0]).toMatchObject({
      diverged: true,
    });
    expect(JSON.parse(JSON.stringify(evaluations))).toEqual(evaluations);
  });

  it.each(["sgd:lr=1e9", "sgd:lr=1e30"])(
    "records %s as diverged where its last step leaves the numbers",
    async (spec) => {
      const grid = {
        tasks: [task],
        methods: [{ method: { optimizer: "lost", regularizer: "none" }, spec }],
        steps: [1],
        seeds: [0, 1],
      };
      const results = await runGrid(
        gridJobs({ ...grid, sharpness: { radii: [0.1], examples: 10, steps: [1] } }),
      );
      const { evaluations, sharpness } = recordsOf(results, grid.methods);
      expect(evaluations[0]!.summary).toMatchObject({ diverged: 2 });
      expect(evaluations[0]!.gradientsPerStep).toBe(1);
      expect(sharpness[0]!.summary).toMatchObject({ diverged: 2 });
    },
  );

  it("counts a point as diverged that nothing can be measured around", async () => {
    const needle = join(folder, "needle.mjs");
    const library = JSON.stringify(new URL("../../dist/index.js", import.meta.url).href);
    writeFileSync(
      needle,
      `import { defineTask } from ${library};
       export default defineTask({
         name: "needle",
         layout: 2,
         init: (_key, w) => w.fill(0),
         lossAndGradient(w, _batch, g) {
           g.fill(w[0] === 0 ? 0 : NaN);
           return g[0];
         },
       });`,
    );
    const methods = [{ method: { optimizer: "SGD", regularizer: "none" }, spec: "sgd:lr=0.1" }];
    const sharpness = {
      radii: [0.1],
      examples: 10,
      steps: [0, 3],
      atLoss: { losses: [1], every: 1 },
    };
    const grid = { tasks: [needle], methods, steps: [0, 3], seeds: [0], sharpness };
    const records = recordsOf(await runGrid(gridJobs(grid)), methods);
    expect(records.evaluations[1]!.summary).toMatchObject({ diverged: 0, trainLoss: { mean: 0 } });
    for (const { summary } of records.sharpness) expect(summary).toMatchObject({ diverged: 1 });
  });

  it("gives the same bits on two threads", async () => {
    expect(bits(await runGrid(jobs(), { threads: 2 }))).toEqual(bits(await runGrid(jobs())));
  });

  it("goes on from its journal without doing again what is in it, and over a line that was cut off", async () => {
    const journal = join(folder, "journal.jsonl");
    const whole = await runGrid(jobs(), { journal });
    const lines = readFileSync(journal, "utf8").trim().split("\n");
    expect(lines).toHaveLength(jobs().length);
    writeFileSync(journal, `${lines.slice(0, 4).join("\n")}\n`);
    appendFileSync(journal, lines[4]!.slice(0, 50));
    const done: number[] = [];
    const resumed = await runGrid(jobs(), { journal, onDone: (count) => done.push(count) });
    expect(bits(resumed)).toEqual(JSON.parse(JSON.stringify(bits(whole))));
    expect(done.filter(Number.isInteger)).toEqual([5, 6]);
    const again = await runGrid(jobs(), { journal, onDone: () => expect.fail("nothing is left to do") });
    expect(bits(again)).toEqual(bits(resumed));
  });

  it.each([1, 2])("fails with the names that are wrong before any work, on %i threads", async (threads) => {
    const wrong = gridJobs({
      tasks: [task],
      methods: [{ method: { optimizer: "x", regularizer: "none" }, spec: "admm" }],
      steps: [1],
      seeds: [0],
    });
    await expect(runGrid([...jobs(), ...wrong], { threads })).rejects.toMatchObject({
      code: "E_CONFIG",
      message: expect.stringContaining('did you mean "adam"'),
    });
  });

  it("rejects with what its observer throws, on one thread or two", async () => {
    for (const threads of [1, 2]) {
      const onDone = (): never => {
        throw new Error("cannot watch");
      };
      await expect(runGrid(jobs(), { threads, onDone })).rejects.toThrow("cannot watch");
    }
  });

  it("stops when the signal is raised", async () => {
    const long = gridJobs({
      tasks: [task],
      methods: methods.slice(0, 1),
      steps: [100_000_000],
      seeds: [0, 1],
    });
    for (const threads of [1, 2]) {
      const raised = AbortSignal.abort(new Error("raised before"));
      await expect(runGrid(long, { threads, signal: raised })).rejects.toThrow("raised before");
      const signal = AbortSignal.timeout(300);
      await expect(runGrid(long, { threads, signal })).rejects.toMatchObject({ name: "TimeoutError" });
    }
  });
});

describe("withShortCurves", () => {
  it("thins the curve of the longest run of each optimizer and leaves the others to it", async () => {
    const { evaluations } = recordsOf(await runGrid(jobs()), methods);
    const short = withShortCurves(evaluations, 4);
    expect(short.length).toBe(evaluations.length);
    expect(short.some(({ steps }) => steps < 20) && short.some(({ steps }) => steps === 20)).toBe(true);
    for (const [i, record] of short.entries()) {
      const { seeds, ...rest } = evaluations[i]!;
      expect({ ...record, seeds: [] }).toEqual({ ...rest, seeds: [] });
      for (const [s, { curve, ...numbers }] of record.seeds.entries()) {
        const { curve: whole, ...same } = seeds[s]!;
        expect(numbers).toEqual(same);
        if (record.steps < 20) expect(curve).toEqual([]);
        else expect(curve.at(-1)!.step).toBe(whole.at(-1)!.step);
        expect(curve.length).toBeLessThanOrEqual(5);
      }
    }
  });
});

describe("withShortNumbers", () => {
  it("keeps digits, whole numbers, texts, nulls and the shape", () => {
    const value = { a: [1 / 3, 12345678901, null, "0.123456789"], b: { c: -1.23456789e-7, d: true } };
    expect(withShortNumbers(value, 4)).toEqual({
      a: [0.3333, 12345678901, null, "0.123456789"],
      b: { c: -1.235e-7, d: true },
    });
  });
});
