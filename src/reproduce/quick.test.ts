import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isHandDesigned } from "../evaluation/method-id.ts";
import { loadMethod } from "../evaluation/optimizers.ts";
import { resolveMetaConfig } from "../meta/config.ts";
import { learnedOf } from "./evaluate.ts";
import { LEARNED_FAMILIES } from "./families.ts";
import { quickPlan } from "./quick.ts";
import { reproduce } from "./reproduce.ts";

describe.each(LEARNED_FAMILIES)("the quick experiment of %s", (family) => {
  const plan = quickPlan({ family });

  it("meta-trains a plain and a SAM-regularized optimizer that differ in nothing else", () => {
    const [plain, sam] = plan.metaRuns.map(({ config }) => resolveMetaConfig(config));
    expect(plain!.regularizer).toBe("none");
    expect(sam).toEqual({ ...plain, regularizer: expect.stringMatching(/^sam:/) });
  });

  it("gives every optimizer as many settings to choose from, each of which can be built", async () => {
    const counts = new Set([
      plan.learnedRates?.count ?? 1,
      ...plan.baselines.map(({ candidates }) => candidates.length),
    ]);
    expect(counts.size).toBe(1);
    expect(plan.tuning === undefined).toBe(counts.has(1));
    const learned = learnedOf(plan, [
      { method: { optimizer: "x", regularizer: "none" }, spec: "sgd", lr: 0.01 },
    ]);
    const specs = [...(plan.learnedRates ? learned : []), ...plan.baselines].flatMap(
      ({ candidates }) => candidates,
    );
    for (const spec of specs) {
      await loadMethod(spec);
    }
  });

  it("needs embedded data alone", () => {
    const tasks = [...plan.tasks, ...plan.metaRuns.flatMap(({ config }) => config.tasks!)];
    expect(tasks.every((task) => task.startsWith("synthetic-"))).toBe(true);
  });
});

describe("quickPlan", () => {
  it("evaluates celo2-base on tasks that it was not meta-trained on", () => {
    const { tasks, metaRuns } = quickPlan();
    expect(metaRuns.flatMap(({ config }) => config.tasks!).some((task) => tasks.includes(task))).toBe(false);
  });

  it("runs to its results, with the learned optimizers' rates chosen as the others' are", async () => {
    const directory = mkdtempSync(join(tmpdir(), "lowland-quick-"));
    const meta = {
      outerSteps: 2,
      estimator: "pes:sigma=0.03,truncation=5",
      schedule: "log-uniform:5,10",
      instances: 2,
      checkpointEvery: 1,
      validationSeeds: 1,
    };
    const plan = quickPlan({ meta, seeds: 2 });
    const small = {
      ...plan,
      tasks: ["synthetic-digits/mlp"],
      steps: [5],
      learnedRates: { ...plan.learnedRates!, count: 2 },
      baselines: plan.baselines
        .slice(0, 1)
        .map((own) => ({ ...own, candidates: [own.candidates[0]] as const })),
      comparisons: plan.comparisons!.slice(0, 1),
      sharpness: { ...plan.sharpness, examples: 50 },
    };
    const results = await reproduce(directory, small, {
      threads: 1,
      command: ["reproduce", "quick"],
      provenance: { command: "c", version: "v", kernelVariant: "portable", node: "n", platform: "p" },
    });
    const learned = results.tuning!.filter(({ method }) => !isHandDesigned(method));
    expect(learned.map(({ candidates }) => candidates.length)).toEqual([2, 2]);
    for (const { chosen, method } of learned) {
      const run = results.evaluations.find((other) => other.method.regularizer === method.regularizer);
      expect(run!.method.optimizer).toBe("celo2-base");
      expect(run!.spec).toBe(chosen[0]!.spec);
      expect(run!.spec).toMatch(/\+scale:by=[\d.]+\+cosine$/);
    }
    expect(results.comparisons.some(({ candidate }) => candidate.optimizer === "celo2-base")).toBe(true);
    rmSync(directory, { recursive: true });
  });
});
