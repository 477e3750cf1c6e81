import { describe, expect, it } from "vitest";
import { SCHEDULES } from "../evaluation/candidates.ts";
import { loadMethod } from "../evaluation/optimizers.ts";
import { resolveMetaConfig } from "../meta/config.ts";
import { loadRegularizer } from "../regularizers/load.ts";
import { TASK_NAMES } from "../tasks/load.ts";
import { baselineOf, EXPLICIT_RADII } from "./baselines.ts";
import { learnedOf } from "./evaluate.ts";
import { familyPlan } from "./families.ts";
import { BUDGETS, paperPlan, RATES } from "./paper.ts";

describe.each(BUDGETS)("the paper's experiment on the budget %s", (budget) => {
  const plan = paperPlan(budget);

  it("is plain data, the same every time", () => {
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    expect(paperPlan(budget)).toEqual(plan);
  });

  it("gives every hand-designed optimizer the same number of settings to choose from, all of them valid", async () => {
    expect(plan.baselines.length).toBe(16);
    expect(new Set(plan.baselines.map(({ candidates }) => candidates.length)).size).toBe(1);
    for (const { candidates } of plan.baselines) {
      expect(new Set(candidates).size).toBe(candidates.length);
      for (const spec of candidates) await loadMethod(spec);
    }
  });

  it("meta-trains every source without and with each of three regularizers, in a folder of its own", async () => {
    const regularizers = ["none", "sam", "gsam", "gam"];
    const sources = new Set(plan.metaRuns.map(({ config }) => config.tasks!.join()));
    for (const source of sources) {
      const own = plan.metaRuns.filter(({ config }) => config.tasks!.join() === source);
      const names = own.map(({ config }) => config.regularizer!.split(":")[0]);
      for (const regularizer of regularizers) expect(names).toContain(regularizer);
    }
    expect(new Set(plan.metaRuns.map(({ folder }) => folder)).size).toBe(plan.metaRuns.length);
    for (const { config } of [...plan.metaRuns, ...plan.search]) {
      const { tasks, regularizer } = resolveMetaConfig(config);
      for (const task of tasks) expect(TASK_NAMES).toContain(task);
      await loadRegularizer(regularizer);
    }
  });

  it("chooses settings from seeds that no final run uses", () => {
    expect(plan.tuning!.seeds.filter((seed) => plan.seeds.includes(seed))).toEqual([]);
  });
});

describe("paperPlan", () => {
  it("meta-trains and searches nothing where learned optimizers are given", () => {
    const plan = paperPlan("day", { learned: [{ path: "runs/a" }, { path: "runs/b" }] });
    expect(plan).toMatchObject({
      metaRuns: [],
      search: [],
      adopted: [{ path: "runs/a" }, { path: "runs/b" }],
    });
  });

  it("covers the paper's nine tasks from a day on, with ten seeds or more", () => {
    for (const budget of ["day", "full"] as const) {
      expect(paperPlan(budget).tasks.length).toBe(9);
      expect(paperPlan(budget).seeds.length).toBeGreaterThanOrEqual(10);
      expect(paperPlan(budget).steps).toEqual([100, 1000]);
    }
  });

  it("takes tasks, sources, steps, seeds and outer steps from the caller", () => {
    const plan = paperPlan("hour", {
      tasks: ["mnist/cnn"],
      sources: ["fashion-mnist/mlp"],
      steps: [50],
      seeds: 2,
      meta: { outerSteps: 7, learned: "lstm:k=5" },
    });
    expect(plan).toMatchObject({ tasks: ["mnist/cnn"], steps: [50], seeds: [0, 1] });
    for (const { config } of plan.metaRuns) {
      expect(config).toMatchObject({ tasks: ["fashion-mnist/mlp"], outerSteps: 7, learned: "lstm:k=5" });
    }
  });
});

describe("baselines by name", () => {
  it("are those of the sixteen, as they would be tuned among all", () => {
    const all = paperPlan("day").baselines;
    const { baselines } = paperPlan("day", { baselines: ["adam+sam", "SGD", "AdamW + GAM"] });
    const wanted = [
      { optimizer: "sgd", regularizer: "none" },
      { optimizer: "adam", regularizer: "sam" },
      { optimizer: "adamw", regularizer: "gam-fd" },
    ];
    expect(baselines.map(({ method }) => method)).toEqual(wanted);
    for (const baseline of baselines) expect(all).toContainEqual(baseline);
  });

  it("are refused where there is none of the name", () => {
    expect(() => paperPlan("day", { baselines: ["adm"] })).toThrow(
      'unknown baseline "adm"; did you mean "adam"? valid: sgd, sgd+sam, sgd+gsam, sgd+gam, nesterov,',
    );
    expect(() => paperPlan("day", { baselines: ["adam+sam"] })).toThrow(
      "none of the baselines adam+sam is without",
    );
  });
});

describe.each(BUDGETS)("other learned optimizers on the budget %s", (budget) => {
  it("take the paper's place with everything else as it is", () => {
    const { metaRuns, search, ...lstm } = paperPlan(budget);
    const { metaRuns: own, search: _, ...rnnprop } = paperPlan(budget, { family: "rnnprop" });
    expect(rnnprop).toEqual(lstm);
    expect(own.map(({ config }) => ({ ...config, learned: "lstm" }))).toEqual(
      metaRuns.map(({ config }) => ({ ...config, learned: "lstm" })),
    );
    expect(own.every(({ folder }) => folder.startsWith("meta/rnnprop-"))).toBe(true);
  });

  it("are meta-trained by PES on 8×8 images, and tuned among as many settings as the baselines", async () => {
    const plan = paperPlan(budget, { family: "celo2", schedules: true });
    expect(new Set(plan.metaRuns.map(({ folder }) => folder)).size).toBe(plan.metaRuns.length);
    for (const { config } of [...plan.metaRuns, ...plan.search]) {
      const { estimator, tasks } = resolveMetaConfig(config);
      expect(estimator).toMatch(/^pes:/);
      for (const task of tasks) expect(task).toMatch(/@8\/mlp-relu/);
    }
    const method = { optimizer: "x", regularizer: "none" };
    const [tuned] = learnedOf(plan, [{ method, spec: "sgd", lr: 0.01 }]);
    expect(tuned!.candidates).toHaveLength(plan.baselines[0]!.candidates.length);
    expect(new Set(tuned!.candidates).size).toBe(tuned!.candidates.length);
    for (const spec of tuned!.candidates) await loadMethod(spec);
  });

  it("are meta-trained on tasks of your choice", () => {
    const { metaRuns } = paperPlan(budget, { family: "celo2", sources: ["mnist@8/mlp"] });
    expect(metaRuns.every(({ config }) => config.tasks!.join() === "mnist@8/mlp")).toBe(true);
    expect(familyPlan("lstm", budget, { count: 3 }).sources).toBeUndefined();
  });
});

describe("baselineOf", () => {
  const space = (schedules?: readonly string[]) => ({ rates: RATES, radii: EXPLICIT_RADII, schedules });
  it("spends the count on learning rates alone, or on a third as many with three radii each", () => {
    expect(baselineOf("sgd", "none", 3, space()).candidates).toEqual([
      "sgd:lr=0.02",
      "sgd:lr=0.4",
      "sgd:lr=8",
    ]);
    expect(baselineOf("adam", "sam", 6, space())).toEqual({
      method: { optimizer: "adam", regularizer: "sam" },
      candidates: [
        "adam:lr=0.0003+sam:rho=0.0125",
        "adam:lr=0.0003+sam:rho=0.05",
        "adam:lr=0.0003+sam:rho=0.2",
        "adam:lr=0.1+sam:rho=0.0125",
        "adam:lr=0.1+sam:rho=0.05",
        "adam:lr=0.1+sam:rho=0.2",
      ],
    });
  });

  it("tries learning rates with and without a schedule within the same count", () => {
    expect(baselineOf("sgd", "none", 5, space(SCHEDULES)).candidates).toEqual([
      "sgd:lr=0.02",
      "sgd:lr=0.4",
      "sgd:lr=8",
      "sgd:lr=0.02+cosine:warmup=0.05",
      "sgd:lr=8+cosine:warmup=0.05",
    ]);
    for (const count of [2, 4, 18, 27]) {
      for (const regularizer of ["none", "sam"]) {
        expect(baselineOf("adam", regularizer, count, space(SCHEDULES)).candidates).toHaveLength(count);
      }
    }
  });

  it("keeps to the default radius where three do not divide the count", () => {
    expect(baselineOf("adam", "gam-fd", 2, space()).candidates).toEqual([
      "adam:lr=0.0003+gam-fd:rho=0.2",
      "adam:lr=0.1+gam-fd:rho=0.2",
    ]);
  });
});
