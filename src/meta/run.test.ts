import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kernels } from "../kernels/module.ts";
import { celo } from "../learned/celo.ts";
import { lstm } from "../learned/lstm.ts";
import type { LearnedOptimizer } from "../learned/types.ts";
import { findCheckpoint, latestCheckpoint } from "../runs/checkpoints.ts";
import { readMetrics } from "../runs/metrics.ts";
import { LOWLAND_VERSION } from "../version.ts";
import { type MetaConfigInput, resolveMetaConfig } from "./config.ts";
import { streams } from "./draws.ts";
import { type MetaRunOptions, runMetaTraining } from "./run.ts";
import { readWeights } from "./weights.ts";

const OUTER_STEPS = 6;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lowland-run-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const configOf = (changes: MetaConfigInput = {}) =>
  resolveMetaConfig({
    tasks: ["synthetic-digits@8/mlp-relu:hidden=4,batch=8"],
    learned: "lstm:hidden=4",
    outerSteps: OUTER_STEPS,
    instances: 3,
    checkpointEvery: 4,
    validationSeeds: 1,
    outerOptimizer: "adam",
    ...changes,
  });

/** Bytes of the last checkpoint of a run that came to its end. */
async function bytesOf(name: string, config: ReturnType<typeof configOf>, options: MetaRunOptions = {}) {
  const path = join(folder, name);
  const { interrupted } = await runMetaTraining(path, config, options);
  return { interrupted, bytes: readFileSync(latestCheckpoint(path)!.path) };
}

const SAM = { regularizer: "sam:rho=0.05" };
describe("a run ends in the bits of one left alone, on any number of threads and however it was interrupted", () => {
  it.each([
    ["bptt", { ...SAM, estimator: "bptt:truncation=3", schedule: "constant:12" }],
    ["full-bptt", { ...SAM, estimator: "full-bptt", schedule: "log-uniform:4,12" }],
    ["es", { ...SAM, estimator: "es", schedule: "log-uniform:4,12", objective: "fresh:over=mean" }],
    [
      "pes",
      {
        ...SAM,
        estimator: "pes:truncation=5",
        schedule: "log-uniform:4,12",
        objective: "train:normalize=clip",
      },
    ],
    ["nres", { ...SAM, estimator: "nres:truncation=5", schedule: "log-uniform:4,12" }],
    ["a part", { estimator: "pes:truncation=5", schedule: "log-uniform:4,12", train: ["lstm.1"] }],
    [
      "imitation",
      {
        estimator: "bptt:truncation=3",
        schedule: "constant:12",
        imitation: "adam:lr=0.01",
        imitationShare: [0.5],
      },
    ],
    [
      "a curriculum",
      { estimator: "bptt:truncation=3", schedule: "curriculum:3,6,9,patience=1", checkpointEvery: 1 },
    ],
    [
      "rnnprop on meta-validation batches",
      {
        learned: "rnnprop:hidden=4",
        estimator: "bptt:truncation=3",
        schedule: "constant:12",
        objective: "meta-validation:over=last",
      },
    ],
    [
      "families",
      {
        tasks: [
          "synthetic-digits@8/mlp-relu:hidden=4,batch=8+reparam:low=0.1,high=10",
          "synthetic-textures@8/mlp:hidden=3,batch=4+network-size:low=2,high=5",
        ],
        estimator: "pes:truncation=5",
        schedule: "log-uniform:4,12",
      },
    ],
    [
      "a multiplier and a schedule",
      {
        ...SAM,
        estimator: "pes:truncation=5",
        schedule: "log-uniform:4,12",
        regularization: "dual:tau=0.001,rate=5,from=0.5+schedule:setting=rho,to=0.5,along=update,over=0.1",
      },
    ],
    [
      "a bandit",
      {
        arms: ["none", "sam:rho=0.5", "gradient-norm:alpha=1"],
        regularization: "bandit",
        estimator: "bptt:truncation=3",
        schedule: "constant:12",
        checkpointEvery: 1,
      },
    ],
  ] as [string, MetaConfigInput][])("%s", async (name, changes) => {
    const config = configOf(changes);
    const id = name.replaceAll(" ", "-");
    const alone = await bytesOf(`${id}-alone`, config);
    const controller = new AbortController();
    const stopped = await bytesOf(`${id}-stopped`, config, {
      signal: controller.signal,
      onStep: ({ outerStep }) => {
        if (outerStep === 3) controller.abort();
      },
    });
    expect(stopped.interrupted).toBe(true);
    const resumed = await bytesOf(`${id}-stopped`, config, { resume: true, threads: 2 });
    expect(resumed.bytes.equals(alone.bytes)).toBe(true);
    expect(alone.interrupted).toBe(false);
  });
});

it("what of a regularizer is in force goes into metrics and card", async () => {
  const path = join(folder, "told");
  const config = configOf({
    ...SAM,
    estimator: "pes:truncation=5",
    regularization: "dual:tau=0.001,from=0.5+schedule:setting=rho,from=0.1,to=0.3,over=4",
  });
  await runMetaTraining(path, config);
  const records = readMetrics(join(path, "metrics.jsonl")) as { regularization?: Record<string, number> }[];
  const numbers = records.map(({ regularization }) => regularization!);
  expect(numbers.map(({ rho }) => rho!.toFixed(6))).toEqual(
    [0.1, 0.15, 0.2, 0.25, 0.3, 0.3].map((rho) => rho.toFixed(6)),
  );
  // λ ← max(0, λ + rate·(S − τ)), S as it was recorded
  for (const [i, { lambda, added }] of numbers.entries()) {
    expect(lambda).toBe(
      i === 0 ? 0.5 : Math.max(0, numbers[i - 1]!.lambda! + (numbers[i - 1]!.added! - 0.001)),
    );
    expect(added).toBeGreaterThan(0);
  }
  const card = readFileSync(join(path, "README.md"), "utf8");
  expect(card).toMatch(/\| lambda over outer steps \| [▁-█]{6} 0\.5 to \d\.\d+ \|/);
  expect(card).toMatch(/\| rho over outer steps \| [▁-█]{6} 0\.1 to 0\.3 \|/);
});

describe("--resume", () => {
  const changedRun = async (name: string, change: (path: string) => void) => {
    const path = join(folder, name);
    await runMetaTraining(path, configOf({ outerSteps: 1 }));
    change(path);
    return runMetaTraining(path, configOf({ outerSteps: 2 }), { resume: true });
  };

  it("refuses a run of another version, whose bits may differ", async () => {
    const run = changedRun("version", (path) => {
      const file = join(path, "meta.json");
      writeFileSync(file, readFileSync(file, "utf8").replace(`"${LOWLAND_VERSION}"`, '"0.1.9"'));
    });
    await expect(run).rejects.toMatchObject({
      code: "E_CONFIG",
      message: expect.stringMatching(/started with Lowland 0\.1\.9, this is .*--init/),
    });
  });

  it("refuses a run whose module was changed", async () => {
    const example = fileURLToPath(new URL("../../examples/own-schedule.mjs", import.meta.url));
    // beside the examples, so that it finds the package
    const module = fileURLToPath(new URL("../../examples/changed.tmp.mjs", import.meta.url));
    copyFileSync(example, module);
    try {
      const path = join(folder, "module");
      const config = (outerSteps: number) =>
        configOf({ schedule: module, estimator: "es", outerSteps, checkpointEvery: 1 });
      await runMetaTraining(path, config(1));
      await runMetaTraining(path, config(2), { resume: true });
      writeFileSync(module, `${readFileSync(example, "utf8")}\n// another text\n`);
      await expect(runMetaTraining(path, config(3), { resume: true })).rejects.toMatchObject({
        code: "E_CONFIG",
        message: expect.stringMatching(/another text of module .*changed\.tmp\.mjs; bring it back/),
      });
    } finally {
      rmSync(module);
    }
  });
});

describe("a run", () => {
  it("of a curriculum that never improves keeps the weights it started from as its best", async () => {
    const path = join(folder, "never");
    const config = configOf({
      learned: "lstm:hidden=4,outputInit=0",
      schedule: "curriculum:3,6,patience=1",
      estimator: "bptt:truncation=3",
      outerLearningRate: 100,
      checkpointEvery: 2,
    });
    const { state } = await runMetaTraining(path, config);
    expect(state.best?.outerStep).toBe(0);
    expect(findCheckpoint(path)).toMatch(/step-000000\.safetensors$/);
    expect(readMetrics(join(path, "metrics.jsonl"))[0]).toMatchObject({
      outerStep: 0,
      validation: { best: true },
    });
  });

  it("of a curriculum is not made longer where its last meta-validation was out of turn", async () => {
    const path = join(folder, "longer");
    const config = configOf({ schedule: "curriculum:3,6", estimator: "bptt:truncation=3", outerSteps: 5 });
    await runMetaTraining(path, config);
    const longer = runMetaTraining(path, { ...config, outerSteps: 9 }, { resume: true });
    await expect(longer).rejects.toMatchObject({
      code: "E_CONFIG",
      message: expect.stringMatching(/outerSteps 5/),
    });
  });

  it("resumes when a setting is written out that it had by default", async () => {
    const path = join(folder, "written");
    await runMetaTraining(path, configOf({ estimator: "bptt", schedule: "constant:20", outerSteps: 1 }));
    const config = configOf({ estimator: "bptt:truncation=20", schedule: "constant:20", outerSteps: 2 });
    await expect(runMetaTraining(path, config, { resume: true })).resolves.toMatchObject({
      interrupted: false,
    });
  });

  it("bounds terms that are not finite where it normalizes them", async () => {
    const { state } = await runMetaTraining(
      join(folder, "bounded"),
      configOf({
        learned: "lstm:hidden=4,scale=1e38",
        estimator: "pes:truncation=5",
        schedule: "constant:20",
        objective: "train:normalize=clip",
      }),
    );
    expect(state.diverged).toBe(0);
  });

  it("of a family of many layouts needs no more memory than its largest few", async () => {
    const most = async (outerSteps: number): Promise<number> => {
      let bytes = 0;
      const config = configOf({
        tasks: ["synthetic-digits@8/mlp-relu:batch=8+network-size:low=4,high=60"],
        estimator: "bptt:truncation=5",
        schedule: "constant:5",
        outerSteps,
        checkpointEvery: 100,
      });
      await runMetaTraining(join(folder, `layouts-${outerSteps}`), config, {
        onStep: () => {
          bytes = Math.max(bytes, kernels().memory.usedBytes);
        },
      });
      return bytes;
    };
    const few = await most(30);
    // three places draw 360 layouts of up to 60 units instead of 90
    expect(await most(120)).toBeLessThan(1.5 * few);
  });
});

describe("a run that trains a part of φ leaves the bits of the rest as they are", () => {
  /** Bits of the slots whose names begin with a word. */
  const bitsOf = ({ layout }: LearnedOptimizer, vector: Float32Array, part: string) =>
    layout.slots
      .filter(({ name }) => name.startsWith(part))
      .map(({ offset, size }) => [...new Uint32Array(vector.slice(offset, offset + size).buffer)]);
  const lastOf = (path: string) => readWeights(latestCheckpoint(path)!.path).metaParams;
  const drawnFor = (learned: LearnedOptimizer, seed: number) => {
    const metaParams = new Float32Array(learned.layout.size);
    learned.init(streams(seed).init, metaParams);
    return metaParams;
  };

  it.each([
    ["pes:truncation=5", "adamw:decay=0.1"],
    ["nres:truncation=5", "adam"],
    ["es", "muon:decay=0.1"],
  ])("%s, %s: Celo's rule, then its schedule", async (estimator, outerOptimizer) => {
    const common = { estimator, outerOptimizer, schedule: "constant:10", outerSteps: 2 };
    const id = estimator.split(":")[0]!;
    const paths = [join(folder, `celo-rule-${id}`), join(folder, `celo-schedule-${id}`)] as const;
    const rule = configOf({ ...common, learned: "celo:schedule=0", train: ["mlp"] });
    await runMetaTraining(paths[0], rule);
    const schedule = configOf({ ...common, learned: "celo", train: ["schedule"], init: paths[0] });
    await runMetaTraining(paths[1], schedule);
    const stages = [drawnFor(celo(), rule.seed), readWeights(paths[0]).metaParams, lastOf(paths[1])];
    const [rules, schedules] = ["mlp", "schedule"].map((part) =>
      stages.map((metaParams) => bitsOf(celo(), metaParams, part)),
    ) as [unknown[], unknown[]];
    expect(rules[1]).not.toEqual(rules[0]);
    expect(rules[2]).toEqual(rules[1]);
    expect(schedules[1]).toEqual(schedules[0]);
    expect(schedules[2]).not.toEqual(schedules[1]);
  });

  it("bptt, soap: the LSTM's last layer", async () => {
    const path = join(folder, "part-bptt");
    const part = { train: ["linear"], outerOptimizer: "soap", outerSteps: 2 };
    const config = configOf({ estimator: "bptt:truncation=5", ...part });
    await runMetaTraining(path, config);
    const learned = lstm({ hidden: 4 });
    const drawn = drawnFor(learned, config.seed);
    expect(bitsOf(learned, lastOf(path), "linear")).not.toEqual(bitsOf(learned, drawn, "linear"));
    expect(bitsOf(learned, lastOf(path), "lstm")).toEqual(bitsOf(learned, drawn, "lstm"));
  });
});

describe("a run directory of version 0.1.0", () => {
  const fixture = fileURLToPath(new URL("../../test/fixtures/0.1.0/run", import.meta.url));

  it("still gives its learned optimizer", () => {
    const { learned, metaParams } = readWeights(fixture);
    expect(learned.settings).toMatchObject({ hidden: 4, k: 10 });
    expect(metaParams.every(Number.isFinite)).toBe(true);
    expect(findCheckpoint(fixture)).toMatch(/step-00000[24]\.safetensors$/);
  });

  it("is not gone on with: its bits were other ones", async () => {
    const copy = join(folder, "old");
    cpSync(fixture, copy, { recursive: true });
    const config = resolveMetaConfig(JSON.parse(readFileSync(join(copy, "config.resolved.json"), "utf8")));
    expect(config).toMatchObject({
      schedule: "constant:4",
      estimator: "bptt:truncation=2",
      objective: "train",
    });
    const run = runMetaTraining(copy, { ...config, outerSteps: 6 }, { resume: true });
    await expect(run).rejects.toMatchObject({
      code: "E_CONFIG",
      message: expect.stringMatching(/started with Lowland 0\.1\.0/),
    });
  });

  it("is where a new run may start from", async () => {
    const config = configOf({
      init: fixture,
      outerSteps: 1,
      schedule: "constant:4",
      estimator: "bptt:truncation=2",
    });
    await expect(runMetaTraining(join(folder, "from-old"), config)).resolves.toMatchObject({
      interrupted: false,
    });
  });
});
