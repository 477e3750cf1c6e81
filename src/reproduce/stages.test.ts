import { describe, expect, it } from "vitest";
import type { MethodId, TuningRecord } from "../evaluation/results.ts";
import { pairsOf } from "./compare.ts";
import { estimateStages, type Rates } from "./estimate.ts";
import { equalLossOf, evaluationJobs, learnedOf, methodsOf } from "./evaluate.ts";
import type { Plan } from "./plan.ts";
import { withChosen } from "./search.ts";

const adam: MethodId = { optimizer: "adam", regularizer: "none" };
const adamSam: MethodId = { optimizer: "adam", regularizer: "sam" };

const plan: Plan = {
  kind: "reproduce-paper",
  against: "adam",
  title: "x",
  search: [],
  metaRuns: [],
  adopted: [],
  searched: [],
  baselines: [
    { method: adam, candidates: ["adam:lr=0.01", "adam:lr=0.1"] },
    { method: adamSam, candidates: ["adam:lr=0.01+sam:rho=0.1", "adam:lr=0.1+sam:rho=0.1"] },
  ],
  tuning: { seeds: [1000] },
  tasks: ["mnist/mlp", "mnist/cnn"],
  steps: [100, 1000],
  seeds: [0, 1],
  sharpness: {
    radii: [0.1],
    examples: 5000,
    except: { models: ["cnn"], examples: 200, restarts: 1, equalLossTrace: false },
    baselines: [adam],
    equalLoss: { shares: [0.2], looks: 20 },
  },
};

const score = (steps: number, loss: number | null) => ({ steps, loss });
const tuning: TuningRecord[] = plan.tasks.flatMap((task) =>
  plan.baselines.map(({ method, candidates }) => ({
    task,
    method,
    seeds: [1000],
    candidates: candidates.map((spec, i) => ({
      spec,
      scores: [score(0, 2.3), score(100, 0.5 - i / 10), score(1000, 0.3 + i / 10)],
      gradientEvaluations: 1000,
    })),
    chosen: [
      { steps: 100, spec: candidates[1]! },
      { steps: 1000, spec: method === adam ? candidates[0] : candidates[1]! },
    ],
  })),
);
const learned = [
  {
    method: { optimizer: "lstm", regularizer: "none", source: ["mnist/mlp"], metaSeed: 0 },
    candidates: ["learned:x"],
  },
] as const;

describe("evaluationJobs", () => {
  const jobs = evaluationJobs(plan, learned, tuning);
  const of = (spec: string, task = "mnist/mlp") =>
    jobs.filter((job) => job.spec === spec && job.task === task && job.seed === 0);

  it("runs every optimizer for each number of steps, a baseline with the setting chosen for it", () => {
    expect(of("learned:x").map(({ steps }) => steps)).toEqual([[100], [1000]]);
    expect(of("adam:lr=0.1").map(({ steps }) => steps)).toEqual([[100]]);
    expect(of("adam:lr=0.01").map(({ steps }) => steps)).toEqual([[1000]]);
    expect(of("adam:lr=0.1+sam:rho=0.1").map(({ steps }) => steps)).toEqual([[100], [1000]]);
    expect(jobs.filter(({ task, spec }) => task === "mnist/mlp" && spec === "learned:x").length).toBe(4);
  });

  it("measures sharpness for learned optimizers and the baselines named, with less care where a gradient is dear", () => {
    expect(of("learned:x")[0]!.sharpness).toMatchObject({ examples: 5000, steps: [100] });
    expect(of("learned:x", "mnist/cnn")[0]!.sharpness).toMatchObject({ examples: 200, restarts: 1 });
    expect(of("adam:lr=0.1")[0]!.sharpness).toMatchObject({ steps: [100] });
    expect(of("adam:lr=0.1+sam:rho=0.1")[0]).not.toHaveProperty("sharpness");
    expect(of("learned:x")[0]!.sharpness).not.toHaveProperty("except");
    const late = evaluationJobs(
      { ...plan, sharpness: { ...plan.sharpness, steps: [1000] } },
      learned,
      tuning,
    );
    expect(
      late.filter(({ sharpness }) => sharpness !== undefined).every(({ steps }) => steps[0] === 1000),
    ).toBe(true);
  });

  it("looks for equal training loss equally often along runs of every length, each with its own", () => {
    for (const spec of ["learned:x", "adam:lr=0.01"]) {
      expect(of(spec).at(-1)!.sharpness!.atLoss).toEqual({ losses: [0.7], every: 50 });
    }
    for (const spec of ["learned:x", "adam:lr=0.1"]) {
      expect(of(spec)[0]!.sharpness!.atLoss).toEqual({ losses: [0.78], every: 5 });
    }
    // the trace may be left out there where a gradient is dear
    expect(of("learned:x", "mnist/cnn")[0]!.sharpness!.atLoss).toMatchObject({ trace: false });
  });

  it("knows the method of every spec", () => {
    const methods = new Map(methodsOf(plan, learned).map(({ method, spec }) => [spec, method]));
    for (const { spec } of jobs) expect(methods.has(spec)).toBe(true);
    expect(methods.get("adam:lr=0.1+sam:rho=0.1")).toBe(adamSam);
  });
});

describe("learnedOf", () => {
  const own = [{ method: learned[0]!.method, spec: "learned:x", lr: 0.01 }];
  const learnedRates = { rates: [0.001, 0.02], schedules: ["cosine"], count: 2 } as const;

  it("gives learned optimizers learning rates to choose from, as factors of their own, as baselines their settings", () => {
    const [tuned] = learnedOf({ learnedRates }, own);
    expect(tuned!.candidates).toEqual(["learned:x+scale:by=0.1+cosine", "learned:x+scale:by=2+cosine"]);
    const chosen = tuning[0]!.chosen.map(({ steps }) => ({ steps, spec: tuned!.candidates[1]! }));
    const record = { ...tuning[0]!, method: tuned!.method, chosen };
    const jobs = evaluationJobs({ ...plan, tasks: ["mnist/mlp"] }, [tuned!], [record]);
    expect(jobs.map(({ spec }) => spec).filter((spec) => spec.startsWith("learned"))).toEqual(
      Array(4).fill("learned:x+scale:by=2+cosine"),
    );
  });

  it("leaves them as they are where no rates are planned, and those that have no learning rate", () => {
    expect(learnedOf({}, own)[0]!.candidates).toEqual(["learned:x"]);
    const { lr: _, ...without } = own[0]!;
    expect(learnedOf({ learnedRates }, [without])[0]!.candidates).toEqual(["learned:x"]);
  });
});

describe("equalLossOf", () => {
  it("lies between the best plain optimizer and the start", () => {
    expect(equalLossOf(0.2, "mnist/mlp", 1000, tuning)).toBe(0.7);
  });

  it("goes by hand-designed optimizers: learned ones that are tuned too change nothing", () => {
    const better = { ...tuning[0]!, method: learned[0]!.method };
    const candidates = better.candidates.map((own) => ({
      ...own,
      scores: [score(0, 2.3), score(1000, 0.1)],
    }));
    expect(equalLossOf(0.2, "mnist/mlp", 1000, [...tuning, { ...better, candidates }])).toBe(0.7);
  });

  it("is nothing where nothing was tuned, or nothing trained", () => {
    expect(equalLossOf(0.2, "mnist/mlp", 1000, [])).toBeUndefined();
    const stuck = tuning.map((record) => ({
      ...record,
      candidates: record.candidates.map((candidate) => ({
        ...candidate,
        scores: [score(0, 2.3), score(1000, null)],
      })),
    }));
    expect(equalLossOf(0.2, "mnist/mlp", 1000, stuck)).toBeUndefined();
  });
});

describe("pairsOf", () => {
  const learnedBy = (regularizer: string, source: string, metaSeed: number): MethodId => ({
    optimizer: "lstm",
    regularizer,
    source: [source],
    metaSeed,
  });
  const regularizers = { sam: { label: "SAM" }, gam: { label: "GAM" }, "gam-fd": { label: "GAM" } };
  const members = [
    learnedBy("sam", "mnist/mlp", 1),
    learnedBy("sam", "mnist/mlp", 0),
    learnedBy("none", "mnist/mlp", 0),
    learnedBy("none", "mnist/mlp", 1),
    learnedBy("none", "mnist/mlp", 2),
    learnedBy("gam", "mnist/cnn", 0),
  ];
  const pairs = pairsOf(plan, members, regularizers);

  it("compares repetitions with those of the plain optimizer of the same source", () => {
    expect(pairs[0]).toEqual({
      candidate: { optimizer: "lstm", regularizer: "sam", source: ["mnist/mlp"] },
      baseline: { optimizer: "lstm", regularizer: "none", source: ["mnist/mlp"] },
      measures: "properties",
    });
  });

  it("compares with the explicit regularizer, and that with its plain optimizer", () => {
    expect(pairs.slice(1)).toEqual([
      expect.objectContaining({ baseline: adamSam, measures: "quality" }),
      { candidate: adamSam, baseline: adam },
    ]);
  });

  it("finds the explicit regularizer by what it is called, where it has another form", () => {
    const gamFd: MethodId = { optimizer: "adam", regularizer: "gam-fd" };
    const found = pairsOf(
      { ...plan, baselines: [{ method: gamFd, candidates: ["x"] }] },
      members,
      regularizers,
    );
    expect(found.at(-1)).toEqual({
      candidate: { optimizer: "lstm", regularizer: "gam", source: ["mnist/cnn"] },
      baseline: gamFd,
      measures: "quality",
    });
  });

  it("has no learned pair without a plain optimizer of the same source and meta-seed", () => {
    expect(pairs.filter(({ candidate }) => candidate.source?.join() === "mnist/cnn")).toEqual([]);
    const apart = [learnedBy("sam", "mnist/mlp", 0), learnedBy("none", "mnist/mlp", 1)];
    expect(pairsOf({ ...plan, baselines: [] }, apart, regularizers)).toEqual([]);
  });

  it("takes the comparisons a plan names", () => {
    const comparisons = [{ candidate: adamSam, baseline: adam }];
    expect(pairsOf({ ...plan, comparisons }, [], {})).toEqual(comparisons);
  });
});

describe("withChosen", () => {
  it("puts the settings that a search chose into the runs with that regularizer", () => {
    const run = (regularizer: string) => ({
      folder: regularizer,
      config: { tasks: ["mnist/mlp"], regularizer },
    });
    const search = { regularizer: "sam", source: ["mnist/mlp"], candidates: [], chosen: "sam:rho=0.2" };
    const runs = withChosen([run("none"), run("sam:rho=0.05"), run("gsam")], [search]);
    expect(runs.map(({ config }) => config.regularizer)).toEqual(["none", "sam:rho=0.2", "gsam"]);
  });
});

describe("estimateStages", () => {
  const task = { gradient: 0.001, steps: { adam: 0.0005 }, validation: 0.1, thousand: 0.02 };
  const rates: Rates = {
    tasks: { "mnist/mlp": task, "mnist/cnn": task },
    metaTraining: { "sam on mnist/mlp": { estimate: 0.5, validation: 1.2 } },
    gradients: { none: 1, sam: 2, "sam:rho=0.1": 2 },
  };
  const run = {
    folder: "x",
    config: {
      tasks: ["mnist/mlp"],
      regularizer: "sam:rho=0.1",
      outerSteps: 100,
      checkpointEvery: 50,
      validationSeeds: 2,
    },
  };

  it("adds up estimates and meta-validations", () => {
    const [stage] = estimateStages({ ...plan, metaRuns: [run], baselines: [] }, rates, 1);
    // 100 estimates of each of 2 instances; 2 meta-validations from 2 seeds
    expect(stage!.stage).toBe("meta-train");
    expect(stage!.seconds).toBeCloseTo(100 * 2 * 0.5 + 4 * 1.2, 9);
  });

  it("divides what threads can share, and leaves out stages without work", () => {
    const [one, two] = [1, 2].map((threads) => estimateStages(plan, rates, threads));
    expect(one!.map(({ stage }) => stage)).toEqual(
      plan.tasks.flatMap((task) => [`tune ${task}`, `evaluate ${task}`]),
    );
    one!.forEach(({ seconds }, i) => {
      expect(two![i]!.seconds).toBeCloseTo(seconds / 2, 9);
    });
    // 4 candidates × 1 seed; 100 and 1,000 steps, 2 passes over a tenth each, half with twice the gradients
    expect(one![0]!.seconds).toBeCloseTo(4 * (1100 * (1.5 * 0.001 + 0.0005) + 4 * 0.1), 9);
  });
});
