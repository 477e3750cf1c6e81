import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Results } from "../evaluation/results.ts";
import { parseResults } from "../evaluation/results-file.ts";
import { listDirectory } from "../runs/files.ts";
import type { Plan } from "./plan.ts";
import { type ReproduceOptions, reproduce } from "./reproduce.ts";

let folder: string;
let tasks: string[];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lowland-reproduce-"));
  const library = JSON.stringify(new URL("../../dist/index.js", import.meta.url).href);
  tasks = [1, 3].map((curvature) => {
    const path = join(folder, `bowl-${curvature}.mjs`);
    writeFileSync(
      path,
      `import { defineTask, normal } from ${library};
       export default defineTask({
         name: "bowl-${curvature}",
         layout: 5,
         lossAndGradient(w, batch, g) {
           normal(batch, g, { stddev: 0.1 });
           let loss = 0;
           for (let i = 0; i < 5; i++) {
             loss += w[i] * (${curvature / 2} * w[i] + g[i]);
             g[i] += ${curvature} * w[i];
           }
           return loss;
         },
       });`,
    );
    return path;
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

const provenance = { command: "c", version: "v", kernelVariant: "portable", node: "n", platform: "p" };
const options: ReproduceOptions = { threads: 1, command: ["reproduce"], provenance };

/** Every stage in small: two searches, two sources without and with SAM, tuning, two tasks. */
function plan(changes: Partial<Plan> = {}): Plan {
  const meta = {
    outerSteps: 4,
    horizon: 10,
    truncation: 5,
    instances: 1,
    checkpointEvery: 2,
    validationSeeds: 1,
  };
  return {
    kind: "reproduce-paper",
    title: "bowls",
    search: [
      {
        regularizer: "sam",
        candidates: ["sam:rho=0.1", "sam:rho=0.2"],
        config: { ...meta, tasks: [tasks[0]!], outerSteps: 2 },
      },
    ],
    metaRuns: tasks.flatMap((task, i) =>
      ["none", "sam:rho=0.05"].map((regularizer) => ({
        folder: `meta/${i}-${regularizer.slice(0, 3)}`,
        config: { ...meta, tasks: [task], regularizer },
      })),
    ),
    adopted: [],
    searched: [],
    baselines: [
      { method: { optimizer: "adam", regularizer: "none" }, candidates: ["adam:lr=0.01", "adam:lr=0.1"] },
      {
        method: { optimizer: "adam", regularizer: "sam" },
        candidates: ["adam:lr=0.01+sam:rho=0.1", "adam:lr=0.1+sam:rho=0.1"],
      },
    ],
    tuning: { seeds: [1000] },
    tasks,
    steps: [5, 20],
    seeds: [0, 1, 2],
    sharpness: { radii: [0.1], examples: 5, steps: [20], ascentSteps: 3, restarts: 1 },
    ...changes,
  };
}

/** Results without what depends on the clock and the directory. */
function bits(results: Results, directory: string): unknown {
  const timed = new Set([
    "durationSeconds",
    "runSeconds",
    "seconds",
    "innerStepsPerSecond",
    "secondsPerStep",
  ]);
  const text = JSON.stringify(results, (name, value) => (timed.has(name) ? undefined : (value as unknown)));
  return JSON.parse(text.replaceAll(directory, "OUT"));
}

describe("reproduce", () => {
  let whole: Results;
  let first: string;
  beforeAll(async () => {
    first = join(folder, "first");
    whole = await reproduce(first, plan(), options);
  });

  it("searches, meta-trains, tunes, evaluates, compares and leaves results and a page", () => {
    expect(whole.search).toMatchObject([{ regularizer: "sam", candidates: [{}, {}] }]);
    const { chosen } = whole.search![0]!;
    expect(whole.metaTraining.map(({ regularizer }) => regularizer)).toEqual([
      "none",
      chosen,
      "none",
      chosen,
    ]);
    expect(whole.tuning!.length).toBe(4);
    expect(whole.evaluations.length).toBe(2 * 6 * 2);
    expect(
      whole.comparisons.some(
        ({ candidate }) => candidate.source?.join() === tasks[1] && candidate.regularizer === "sam",
      ),
    ).toBe(true);
    expect(whole.transfer!.some(({ method, task }) => method.source?.join() !== task)).toBe(true);
    expect(parseResults(readFileSync(join(first, "results.json"), "utf8"), "x")).toEqual(
      JSON.parse(JSON.stringify(whole)),
    );
    expect(readFileSync(join(first, "report.html"), "utf8")).toContain("Can a regularizer be learned?");
    expect(listDirectory(join(first, "optimizers")).length).toBe(4);
  });

  it("goes on after an interruption anywhere and ends in the same bits", async () => {
    const directory = join(folder, "second");
    let results: Results | undefined;
    const interrupted = new Map<string, number>();
    while (results === undefined) {
      const controller = new AbortController();
      const seen = new Map<string, number>();
      results = await reproduce(directory, plan(), {
        ...options,
        signal: controller.signal,
        onProgress: ({ stage }) => {
          // three times in every stage, each time a little later
          const events = (seen.get(stage) ?? 0) + 1;
          const times = interrupted.get(stage) ?? 0;
          seen.set(stage, events);
          if (controller.signal.aborted || times === 3 || events <= 3 * times) return;
          interrupted.set(stage, times + 1);
          controller.abort(new Error("stopped"));
        },
      }).catch((error: Error) => {
        expect(error.message).toBe("stopped");
        return undefined;
      });
    }
    for (const stage of ["meta-train sam:rho=0.1", "meta-train", "tune", "evaluate"]) {
      expect([...interrupted.keys()].some((name) => name.startsWith(stage))).toBe(true);
    }
    expect(bits(results, directory)).toEqual(bits(whole, first));
  });

  it("goes on where a kill came within the last checkpoint of a meta-training run", async () => {
    const directory = join(folder, "killed");
    const controller = new AbortController();
    const stopped = reproduce(directory, plan(), {
      ...options,
      signal: controller.signal,
      onProgress: ({ stage }) => stage.startsWith("tune") && controller.abort(new Error("stopped")),
    });
    await expect(stopped).rejects.toThrow("stopped");
    const [one, two] = plan().metaRuns.map(({ folder: name }) => join(directory, name, "checkpoints"));
    const pointers = ["latest", "best"] as const;
    const early = `${listDirectory(one!).filter((name) => name.endsWith(".safetensors"))[0]}\n`;
    for (const pointer of pointers) writeFileSync(join(one!, pointer), early);
    writeFileSync(join(two!, "best"), early);
    rmSync(join(directory, "optimizers"), { recursive: true });
    expect(bits(await reproduce(directory, plan(), options), directory)).toEqual(bits(whole, first));
  });

  it("does not choose settings that diverge in the search, and goes on", async () => {
    const [search] = plan().search;
    const candidates = ["sam:rho=1e300", "sam:rho=0.1"];
    const results = await reproduce(
      join(folder, "diverged"),
      plan({
        search: [{ ...search!, candidates, config: { ...search!.config, patience: 1 } }],
        metaRuns: plan().metaRuns.slice(0, 2),
        tasks: tasks.slice(0, 1),
        steps: [5],
      }),
      options,
    );
    expect(results.search).toMatchObject([
      { chosen: "sam:rho=0.1", candidates: [{ loss: null }, { loss: expect.any(Number) }] },
    ]);
  });

  it("removes nothing of what is there, with --force either, where it cannot begin", async () => {
    const directory = join(folder, "kept");
    await reproduce(directory, plan({ tasks: tasks.slice(0, 1), steps: [5] }), options);
    const kept = listDirectory(directory);
    const changes = { metaRuns: [], search: [], adopted: [{ path: join(folder, "nowhere") }] };
    await expect(reproduce(directory, plan(changes), { ...options, force: true })).rejects.toMatchObject({
      code: "E_RUN",
    });
    expect(listDirectory(directory)).toEqual(kept);
  });

  it("grows: with more steps, tasks and seeds it keeps the runs that are there and ends as if begun so", async () => {
    const directory = join(folder, "grown");
    const small = plan({ tasks: tasks.slice(0, 1), steps: [5], seeds: [0, 1] });
    await reproduce(directory, small, options);
    const journals = () =>
      ["jobs.jsonl", "tuning.jsonl"].map((name) => readFileSync(join(directory, name), "utf8"));
    const before = journals();
    await expect(reproduce(directory, plan(), options)).rejects.toThrow(/--extend/);
    const grown = await reproduce(directory, plan(), { ...options, extend: true });
    expect(bits(grown, directory)).toEqual(bits(whole, first));
    journals().forEach((text, i) => {
      const lines = text.trimEnd().split("\n");
      expect(text.startsWith(before[i]!)).toBe(true);
      expect(new Set(lines.map((line) => JSON.stringify(JSON.parse(line).job))).size).toBe(lines.length);
    });
  });

  it("takes over optimizers that were meta-trained elsewhere, with a search made elsewhere", async () => {
    const adopted = plan().metaRuns.map(({ folder: name }) => ({ path: join(first, name) }));
    const searched = listDirectory(join(first, "search")).map((name) => join(first, "search", name));
    const changes = { metaRuns: [], search: [], adopted, searched };
    const results = await reproduce(join(folder, "third"), plan(changes), options);
    expect(results.search).toEqual(whole.search);
    const numbers = ({ evaluations }: Results) => evaluations.map(({ seeds }) => seeds);
    expect(numbers(results)).toEqual(numbers(whole));
    expect(results.metaTraining.map(({ method }) => method)).toEqual(
      whole.metaTraining.map(({ method }) => method),
    );
  });

  it("refuses two runs that are the same repetition, and what is no run", async () => {
    const one = join(first, plan().metaRuns[0]!.folder);
    const refused = (paths: string[]) =>
      reproduce(
        join(folder, `refused-${paths.length}`),
        plan({ metaRuns: [], search: [], adopted: paths.map((path) => ({ path })) }),
        options,
      );
    await expect(refused([one, one])).rejects.toMatchObject({ code: "E_CONFIG" });
    await expect(refused([folder])).rejects.toMatchObject({ code: "E_RUN" });
    const begun = join(folder, "begun");
    mkdirSync(begun);
    for (const name of ["meta.json", "config.resolved.json"])
      copyFileSync(join(one, name), join(begun, name));
    const searched = plan({ metaRuns: [], search: [], adopted: [{ path: one }], searched: [begun] });
    await expect(reproduce(join(folder, "searched"), searched, options)).rejects.toThrow(
      /has no checkpoint yet/,
    );
  });

  it("foretells every stage before the first begins, and keeps what it measured", async () => {
    const directory = join(folder, "foretold");
    const told: string[][] = [];
    const controller = new AbortController();
    const run = (signal: AbortSignal) =>
      reproduce(directory, plan(), {
        ...options,
        signal,
        onEstimate: (stages) => {
          told.push(stages.map(({ stage }) => stage));
          controller.abort(new Error("seen"));
        },
      });
    await expect(run(controller.signal)).rejects.toThrow("seen");
    const rates = readFileSync(join(directory, "rates.json"), "utf8");
    const results = await run(new AbortController().signal);
    expect(told).toEqual(
      Array(2).fill([
        "search",
        "meta-train",
        ...tasks.flatMap((task) => [`tune ${task}`, `evaluate ${task}`]),
      ]),
    );
    expect(readFileSync(join(directory, "rates.json"), "utf8")).toBe(rates);
    expect(results.estimates!.map(({ stage }) => stage)).toEqual(told[0]);
  });

  it("leaves finished results alone", async () => {
    await expect(reproduce(first, plan(), options)).rejects.toMatchObject({ code: "E_RUN" });
  });
});
