import { describe, expect, it } from "vitest";
import { loadMethod } from "../evaluation/optimizers.ts";
import type { MethodId } from "../evaluation/results.ts";
import { TASK_NAMES } from "../tasks/load.ts";
import { parseTaskName } from "../tasks/names.ts";
import { pairsOf } from "./compare.ts";
import { TRANSFER_TASKS, transferPlan } from "./transfer.ts";

const learned = [{ path: "runs/a" }];
const plan = transferPlan({ learned });

describe("transferPlan", () => {
  it("is of the paper's nine tasks and larger ones, ten seeds and three lengths, and meta-trains nothing", () => {
    expect(plan).toMatchObject({ adopted: learned, metaRuns: [], search: [], steps: [100, 1000, 2000] });
    expect(plan.seeds).toHaveLength(10);
    expect(plan.tasks).toHaveLength(11);
    const datasets = TASK_NAMES.map((name) => name.split("/")[0]!);
    for (const task of TRANSFER_TASKS) expect(parseTaskName(task, datasets).model).toBeDefined();
  });

  it("puts what costs little first, so that results come early", () => {
    const models = TRANSFER_TASKS.map((task) => /\/([a-z0-9]+)/.exec(task)![1]!);
    expect(models.lastIndexOf("mlp")).toBeLessThan(models.indexOf("cnn"));
  });

  it("gives every optimizer as many settings to choose from, all under a schedule, all valid", async () => {
    expect(plan.baselines.map(({ method }) => `${method.optimizer}+${method.regularizer}`)).toEqual([
      "sgd+none",
      "sgd+sam",
      "nesterov+none",
      "nesterov+sam",
      "adamw+none",
      "adamw+sam",
      "muon+none",
      "muon+sam",
    ]);
    for (const { candidates } of plan.baselines) {
      expect(new Set(candidates).size).toBe(plan.learnedRates!.count);
      for (const spec of candidates) {
        expect((await loadMethod(spec)).identity.combinators.at(-1)).toMatch(/^cosine/);
      }
    }
  });

  it("runs explicit regularizers also for as many steps as take as many gradients, and tunes them for those", () => {
    const named = transferPlan({ learned, baselines: ["adamw", "adamw+sam", "adamw+gam"] }).baselines;
    expect(named.map(({ steps }) => steps)).toEqual([
      undefined,
      [50, 100, 500, 1000, 2000],
      [25, 100, 250, 500, 1000, 2000],
    ]);
    for (const { steps, tunedFor } of named) expect(tunedFor).toEqual(steps);
  });

  it("tunes at one length where asked, with an explicit regularizer at the one of as many gradients", () => {
    const { baselines, learnedRates } = transferPlan({ learned, tuneAt: 1000 });
    expect(learnedRates!.tunedFor).toEqual([1000]);
    for (const { method, tunedFor } of baselines) {
      expect(tunedFor).toEqual([method.regularizer === "none" ? 1000 : 500]);
    }
  });
});

describe("the comparisons of the transfer experiment", () => {
  const celo2 = (regularizer: string, more: Partial<MethodId> = {}): MethodId => ({
    optimizer: "celo2-base",
    regularizer,
    source: ["mnist@8/mlp-relu"],
    metaSeed: 0,
    ...more,
  });
  const published: MethodId = { optimizer: "celo", regularizer: "none", source: [], recipe: "published" };
  const adamw: MethodId = { optimizer: "adamw", regularizer: "none" };
  const sam: MethodId = { optimizer: "adamw", regularizer: "sam" };
  const of = (...methods: MethodId[]) => pairsOf(plan, methods, {});
  const group = ({ metaSeed: _, ...rest }: MethodId): MethodId => rest;

  it("are with the tuned opponent, imported weights, the plain twin, and SAM at equal steps and gradients", () => {
    const candidate = group(celo2("sam"));
    const own = of(celo2("none"), celo2("sam"), published).filter(
      (pair) => pair.candidate.regularizer === "sam" && pair.candidate.source !== undefined,
    );
    expect(own).toEqual([
      { candidate, baseline: adamw },
      { candidate, baseline: published, measures: "quality" },
      { candidate, baseline: group(celo2("none")), measures: "properties" },
      { candidate, baseline: sam, measures: "quality" },
      { candidate, baseline: sam, baselineGradients: 2 },
    ]);
  });

  it("find the plain twin of a recipe by its name, or the one without a name", () => {
    const baselines = (...methods: MethodId[]) =>
      of(...methods).flatMap(({ candidate, baseline, measures }) =>
        candidate.regularizer === "sam" && measures === "properties" ? [baseline] : [],
      );
    const held = celo2("sam", { recipe: "held out" });
    const [plain, own] = [celo2("none"), celo2("none", { recipe: "held out" })];
    expect(baselines(held, plain)).toEqual([group(plain)]);
    expect(baselines(held, plain, own)).toEqual([group(own)]);
    expect(baselines(held, celo2("none", { source: ["mnist/mlp"] }))).toEqual([]);
  });
});
