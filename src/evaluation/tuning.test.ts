import { describe, expect, it } from "vitest";
import { syntheticDigits } from "../data/synthetic-digits.ts";
import { dense } from "../nn/layers.ts";
import { sequential } from "../nn/sequential.ts";
import { classificationTask } from "../tasks/classification.ts";
import type { Split, Task } from "../tasks/types.ts";
import type { JobResult } from "./jobs.ts";
import { loadMethod } from "./optimizers.ts";
import { trainRun } from "./train.ts";
import { tuningJobs, tuningRecords } from "./tuning.ts";

const grid = {
  tasks: ["mnist/mlp", "mnist/cnn"],
  optimizers: [
    { method: { optimizer: "sgd", regularizer: "none" }, candidates: ["sgd:lr=0.1", "sgd:lr=1"] },
    {
      method: { optimizer: "adam", regularizer: "sam" },
      candidates: ["adam:lr=0.01+sam:rho=0.1", "adam:lr=0.1+sam:rho=0.1"],
    },
  ],
  steps: [10, 100],
  seeds: [1000, 1001],
};

/** A result with what the job asks for of these meta-validation losses after 0, 10 and 100 steps. */
function result(job: JobResult["job"], losses: readonly number[]): JobResult {
  const selections = losses
    .map((loss, i) => ({ step: [0, 10, 100][i]!, loss, metrics: { accuracy: 1 / (1 + loss) } }))
    .filter(({ step }) => job.steps.includes(step));
  const training = {
    milestones: [],
    selections,
    curve: [],
    gradientEvaluations: 100,
    steps: 100,
    seconds: 1,
  };
  return { job, group: "hand-designed", metrics: [], training, seconds: 1, sharpness: [] };
}

describe("tuningJobs", () => {
  it("runs every candidate on every task from every seed for each length, to choose and not to report", () => {
    const jobs = tuningJobs(grid);
    expect(jobs.length).toBe(2 * 2 * 4 * 2);
    for (const job of jobs) expect(job.select).toBe(true);
    expect(new Set(jobs.map(({ steps }) => steps.join()))).toEqual(new Set(["0,10", "0,100"]));
    expect(jobs.some((job) => job.sharpness !== undefined)).toBe(false);
  });
});

describe("a run that chooses", () => {
  it("reads training data and meta-validation, and nothing else", async () => {
    const digits = syntheticDigits({ train: 400, test: 50 });
    const task = classificationTask(
      "small",
      sequential([28, 28, 1], [dense(10)], { kind: "normal", stddev: 0.01 }),
      digits,
    );
    const read: Split[] = [];
    const watched: Task = {
      ...task,
      evaluate: (params, split) => {
        read.push(split);
        return task.evaluate(params, split);
      },
    };
    const method = await loadMethod("sgd:lr=0.1");
    const run = await trainRun(watched, method, { steps: [0, 5, 20], seed: 0, select: true });
    expect(read).toEqual(["meta-validation", "meta-validation", "meta-validation"]);
    expect(run.milestones).toEqual([]);
    expect(run.selections!.map(({ step }) => step)).toEqual([0, 5, 20]);
    expect(run.selections![2]!.loss).toBeLessThan(run.selections![0]!.loss);
  });
});

describe("tuningRecords", () => {
  const jobs = tuningJobs(grid);
  /** The second candidate is faster and ends higher; on the CNN it diverges on one seed. */
  const results = jobs.map((job) => {
    const second = grid.optimizers.some(({ candidates }) => candidates[1] === job.spec);
    if (second && job.task === "mnist/cnn" && job.seed === 1001) return result(job, [2.3]);
    return result(job, second ? [2.3, 0.5, 0.4] : [2.3, 0.9, 0.3]);
  });
  const records = tuningRecords(results, grid);

  it("chooses the lowest mean meta-validation loss for each number of steps on its own", () => {
    expect(records.length).toBe(4);
    expect(records[0]).toMatchObject({
      task: "mnist/mlp",
      method: { optimizer: "sgd" },
      seeds: [1000, 1001],
    });
    expect(records[0]!.chosen).toEqual([
      { steps: 10, spec: "sgd:lr=1" },
      { steps: 100, spec: "sgd:lr=0.1" },
    ]);
  });

  it("records every candidate with its scores and the gradients it took", () => {
    const [candidate] = records[1]!.candidates;
    expect(candidate).toMatchObject({ spec: "adam:lr=0.01+sam:rho=0.1", gradientEvaluations: 400 });
    expect(candidate!.scores.map(({ steps, loss }) => [steps, loss])).toEqual([
      [0, 2.3],
      [10, 0.9],
      [100, 0.3],
    ]);
  });

  it("never chooses a candidate that diverged on a seed while another did not", () => {
    const cnn = records.find(({ task, method }) => task === "mnist/cnn" && method.optimizer === "sgd")!;
    expect(cnn.candidates[1]!.scores[1]!.loss).toBeNull();
    expect(cnn.chosen.map(({ spec }) => spec)).toEqual(["sgd:lr=0.1", "sgd:lr=0.1"]);
  });
});
