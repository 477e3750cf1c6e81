import { availableParallelism } from "node:os";
import { join } from "node:path";
import { buildCommand, buildRouteMap, type RouteMap } from "@stricli/core";
import { LowlandError } from "../errors.ts";
import type { Results, StageEstimate } from "../evaluation/results.ts";
import { LEARNED_FAMILIES, type LearnedFamily } from "../reproduce/families.ts";
import type { Budget } from "../reproduce/paper.ts";
import type { Adopted, Plan } from "../reproduce/plan.ts";
import { splitSpecs } from "../spec.ts";
import { openClusterOf } from "./cluster.ts";
import { type CliContext, print, printJson } from "./context.ts";
import {
  clusterFlag,
  dataDirFlag,
  distinct,
  excludeForce,
  extendFlag,
  integer,
  jsonFlag,
  list,
  optional,
  threadsFlag,
  toggle,
} from "./flags.ts";
import { formatDuration, Progress } from "./progress.ts";
import { evaluationTable, sharpnessTable } from "./results-tables.ts";
import { formatTable } from "./table.ts";

interface ReproduceFlags {
  readonly out: string;
  readonly force: boolean;
  readonly extend: boolean;
  readonly threads?: number;
  readonly cluster?: string;
  readonly dataDir?: string;
  readonly json: boolean;
}

const flags = {
  out: {
    kind: "parsed",
    parse: String,
    brief: "Directory for everything; an interrupted experiment goes on from it",
    placeholder: "dir",
  },
  force: toggle("Replace what is there"),
  extend: extendFlag,
  threads: threadsFlag,
  cluster: clusterFlag,
  dataDir: dataDirFlag,
  json: jsonFlag,
} as const;

/** What each stage should take, with the total. */
function estimateTable(stages: readonly StageEstimate[]): string {
  const total = stages.reduce((sum, { seconds }) => sum + seconds, 0);
  return formatTable(
    ["stage", "work", "expected h:mm:ss"],
    [
      ...stages.map(({ stage, work, seconds }) => [stage, work, formatDuration(seconds)]),
      ["total", "", formatDuration(total)],
    ],
  );
}

/** What came out, for people: the paper's questions with their answers, or the tables of a small experiment. */
async function summaryOf(results: Results): Promise<string> {
  const { labelsOf } = await import("../report/labels.ts");
  const labels = labelsOf(results);
  if (results.kind === "reproduce-transfer") {
    const { claimsOf } = await import("../analysis/claims.ts");
    const { CLAIMS, sentenceOf } = await import("../report/catalogue.ts");
    return claimsOf(results)
      .map(({ id, standing, contests }) =>
        [
          `${CLAIMS[id].question} ${standing}`,
          ...contests.map((contest) => `  ${sentenceOf(contest, labels)}`),
        ].join("\n"),
      )
      .join("\n\n");
  }
  if (results.kind !== "reproduce-paper") {
    const { evaluations, metrics, sharpness } = results;
    return `${evaluationTable(evaluations, metrics, labels)}\n\n${sharpnessTable(sharpness, labels)}`;
  }
  const { verdictsOf } = await import("../analysis/verdicts.ts");
  const { QUESTIONS, ruleOf, sentenceOf } = await import("../report/catalogue.ts");
  const { dataNotes } = await import("../report/datasets.ts");
  const verdicts = verdictsOf(results).map((verdict) =>
    [
      `${QUESTIONS[verdict.id].question} ${ruleOf(verdict)}`,
      ...verdict.facts.map((fact) => `  ${sentenceOf(fact, labels)}`),
    ].join("\n"),
  );
  return [...dataNotes(results), ...verdicts].join("\n\n");
}

async function runPlan(
  context: CliContext,
  plan: Plan,
  given: ReproduceFlags,
  { estimated = false }: { estimated?: boolean } = {},
): Promise<void> {
  excludeForce(given);
  const { out, force, extend, json, dataDir, threads = availableParallelism() } = given;
  const cluster = await openClusterOf(context, given);
  const { reproduce } = await import("../reproduce/reproduce.ts");
  const { provenance } = await import("./run-info.ts");
  let progress: Progress | undefined;
  let stage: string | undefined;
  try {
    const results = await reproduce(out, plan, {
      threads,
      force,
      extend,
      command: context.argv,
      provenance: provenance(context.argv),
      signal: context.signal,
      ...(cluster && { cluster }),
      ...(dataDir !== undefined && { dataDir }),
      ...(estimated && {
        onEstimate: (stages: readonly StageEstimate[]) => {
          progress?.close();
          context.stderr.write(`${estimateTable(stages)}\n`);
        },
      }),
      onProgress: (at) => {
        if (at.stage !== stage) {
          progress?.close();
          stage = at.stage;
          progress = new Progress(at.stage, {
            unit: at.unit,
            total: at.total,
            start: at.done - 1,
            stream: context.stderr,
          });
        }
        progress?.update(at.done, cluster ? `${at.note}, ${cluster.size()}` : at.note);
      },
    });
    progress?.close();
    if (json) {
      const { formatResults } = await import("../evaluation/results-file.ts");
      context.stdout.write(formatResults(results));
      return;
    }
    print(context, await summaryOf(results));
    print(context, "");
    print(context, `${join(out, "results.json")}\n${join(out, "report.html")}`);
  } finally {
    progress?.close();
  }
}

const learnedFamily = (standard: LearnedFamily, brief: string) =>
  ({ kind: "enum", values: LEARNED_FAMILIES, default: standard, brief }) as const;

const quick = buildCommand({
  docs: {
    brief: "The main experiment in small, on embedded data: a few minutes",
    fullDescription: [
      "Meta-trains a plain and a SAM-regularized celo2-base by persistent evolution strategies on embedded 8×8 images; runs both on 28×28 images and networks that they never saw, beside AdamW and AdamW + SAM, learning rates of all chosen on meta-validation; measures sharpness, and writes results.json and report.html.",
      "With --learned-family lstm or rnnprop: by truncated backpropagation on synthetic-digits/mlp, evaluated there from unseen seeds beside Adam and Adam + SAM.",
    ].join("\n\n"),
  },
  parameters: { flags: { ...flags, learnedFamily: learnedFamily("celo2", "What is meta-trained") } },
  async func(
    this: CliContext,
    { learnedFamily: family, ...given }: ReproduceFlags & { readonly learnedFamily: LearnedFamily },
  ): Promise<void> {
    const { quickPlan } = await import("../reproduce/quick.ts");
    await runPlan(this, quickPlan({ family }), given);
  },
});

interface PaperFlags extends ReproduceFlags {
  readonly learnedFamily: LearnedFamily;
  readonly budget: Budget;
  readonly source?: string[];
  readonly task?: string[];
  readonly steps?: number[];
  readonly seeds?: number;
  readonly baseline?: string[];
  readonly schedules: boolean;
  readonly outerSteps?: number;
  readonly learned?: string[];
  readonly searched?: string[];
  readonly dryRun: boolean;
}

const paper = buildCommand({
  docs: {
    brief: "The paper's experiment: minutes to days, by budget",
    fullDescription: [
      "Stages: a search over settings of the regularizers on meta-validation; meta-training of plain, SAM, GSAM and GAM-regularized LSTM optimizers on every source; tuning of SGD, Nesterov, Adam and AdamW, alone and with explicit SAM, GSAM and GAM, on meta-validation with the same number of candidates each; evaluation and sharpness of all on all tasks, at equal steps and at equal training loss; paired tests with Holm's correction, the transfer matrix, results.json and report.html.",
      "Says first how long each stage should take on this machine. Interrupted at any moment, the same command goes on where it was; with --extend and more tasks, steps, seeds or optimizers it adds to an experiment. docs/reproduce.md describes stages, budgets and files.",
      "Budgets: tiny (CI-sized, embedded digits), hour (one source, four tasks), day (two sources, nine tasks, ten seeds), full (three sources, nine tasks, twenty seeds).",
    ].join("\n\n"),
  },
  parameters: {
    flags: {
      ...flags,
      learnedFamily: learnedFamily(
        "lstm",
        "What is meta-trained: the paper's LSTM or RNNprop by backpropagation, celo2-base by evolution strategies on 8×8 images",
      ),
      budget: {
        kind: "enum",
        values: ["tiny", "hour", "day", "full"],
        default: "hour",
        brief: "How much of it to run",
      },
      source: optional(
        distinct(splitSpecs, "tasks"),
        "Meta-training tasks instead of the budget's, comma-separated",
        "task",
      ),
      task: optional(
        distinct(splitSpecs, "tasks"),
        "Tasks to evaluate on instead of the budget's, comma-separated",
        "task",
      ),
      steps: optional(
        distinct(list(integer(1)), "numbers of steps"),
        "Numbers of steps to evaluate after instead of the budget's, comma-separated",
        "n",
      ),
      seeds: optional(integer(2), "Seeds of the final runs instead of the budget's", "n"),
      baseline: optional(
        distinct(list(String), "baselines"),
        "Hand-designed optimizers to tune and compare with instead of all sixteen, comma-separated: adam,adam+sam",
        "name",
      ),
      schedules: toggle(
        "Try learning rates of hand-designed optimizers also under a cosine with warm-up, within the same number of settings",
      ),
      outerSteps: optional(integer(1), "Outer steps of meta-training instead of the budget's", "n"),
      learned: optional(
        list(String),
        "Run directories of meta-train to evaluate, comma-separated: nothing is then meta-trained here",
        "dir",
      ),
      searched: optional(
        list(String),
        "Run directories of a search over settings done elsewhere, to be recorded",
        "dir",
      ),
      dryRun: toggle("Only say how long each stage should take"),
    },
  },
  async func(this: CliContext, given: PaperFlags): Promise<void> {
    excludeForce(given);
    const { paperPlan } = await import("../reproduce/paper.ts");
    const { refuseUnknownTask } = await import("../tasks/load.ts");
    for (const name of [...(given.source ?? []), ...(given.task ?? [])]) refuseUnknownTask(name);
    const {
      learnedFamily: family,
      budget,
      source,
      task,
      steps,
      seeds,
      baseline,
      schedules,
      outerSteps,
      learned,
      searched,
      dryRun,
      ...common
    } = given;
    const plan = paperPlan(budget, {
      family,
      ...(source && { sources: source }),
      ...(task && { tasks: task }),
      ...(steps && { steps }),
      ...(seeds !== undefined && { seeds }),
      ...(baseline && { baselines: baseline }),
      schedules,
      ...(outerSteps !== undefined && { meta: { outerSteps } }),
      ...(learned && { learned: learned.map((path) => ({ path })) }),
      ...(searched && { searched }),
    });
    const unused = [source && "--source", outerSteps && "--outer-steps"].filter(Boolean);
    if (learned && unused.length > 0) {
      throw new LowlandError(
        "E_USAGE",
        `with --learned nothing is meta-trained, so ${unused.join(" and ")} would do nothing; leave one or the other out`,
      );
    }
    if (dryRun) await foretell(this, plan, common);
    else await runPlan(this, plan, common, { estimated: true });
  },
});

/** Says how long each stage of a plan should take, and runs none. */
async function foretell(
  context: CliContext,
  plan: Plan,
  { dataDir, threads = availableParallelism(), json }: ReproduceFlags,
): Promise<void> {
  const { calibrate, estimateStages } = await import("../reproduce/estimate.ts");
  const rates = await calibrate(plan, { ...(dataDir !== undefined && { dataDir }) });
  const stages = estimateStages(plan, rates, threads);
  if (json) printJson(context, { stages });
  else print(context, estimateTable(stages));
}

interface TransferFlags extends Omit<ReproduceFlags, "extend"> {
  readonly learned: string[];
  readonly task?: string[];
  readonly steps?: number[];
  readonly seeds?: number;
  readonly baseline?: string[];
  readonly candidates?: number;
  readonly tuneAt?: number;
  readonly dryRun: boolean;
}

/** `[NAME=]PATH`, the path a run directory, a file of weights or `zoo:NAME`. */
async function adoptedOf(text: string): Promise<Adopted> {
  const [, recipe, given = text] = /^([\w .-]+)=(.+)$/.exec(text) ?? [];
  const { zooPath } = await import("../zoo/zoo.ts");
  const path = given.startsWith("zoo:") ? zooPath(given.slice("zoo:".length)) : given;
  return { path, ...(recipe !== undefined && { recipe }) };
}

const transfer = buildCommand({
  docs: {
    brief: "Judge learned optimizers on tasks they never saw: accuracy, flatness, cost",
    fullDescription: [
      "Runs learned optimizers beside SGD, Nesterov, AdamW and Muon, alone and with explicit SAM, all under a cosine with warm-up. Learning rates of all, of learned ones whose architecture has one too, are chosen on meta-validation among as many settings, for each number of steps. Compares after equal steps, after equal gradients (N steps against N/2 with explicit SAM, tuned and scheduled for those) and at equal training loss.",
      "Goes task by task, the cheapest first: the results of those that are done are in so-far/. The same command goes on where it was; with more tasks, steps, seeds, learned optimizers or baselines it adds to what is there.",
    ].join("\n\n"),
  },
  parameters: {
    flags: {
      out: flags.out,
      force: flags.force,
      threads: flags.threads,
      cluster: flags.cluster,
      dataDir: flags.dataDir,
      json: flags.json,
      learned: {
        kind: "parsed",
        parse: list(String),
        brief:
          "Learned optimizers, comma-separated: run directories, .safetensors files or zoo:NAME, with NAME= before those that differ in more than regularizer and seed",
        placeholder: "path",
      },
      task: optional(
        distinct(splitSpecs, "tasks"),
        "Tasks instead of the paper's nine and two larger ones, comma-separated",
        "task",
      ),
      steps: optional(
        distinct(list(integer(1)), "numbers of steps"),
        "Lengths of runs, each tuned and scheduled on its own (default: 100,1000,2000)",
        "n",
      ),
      seeds: optional(integer(2), "Seeds of the final runs (default: 10)", "n"),
      baseline: optional(
        distinct(list(String), "baselines"),
        "Hand-designed optimizers: sgd, nesterov, adam, adamw, muon, alone or with sam, gsam, gam, asam: adamw,adamw+sam",
        "name",
      ),
      candidates: optional(
        integer(2),
        "Settings that each optimizer may choose from (default: 12; a multiple of three tries three radii)",
        "n",
      ),
      tuneAt: optional(
        integer(1),
        "Choose settings for this number of steps alone, with explicit SAM for half of it, and use them at every length",
        "n",
      ),
      dryRun: toggle("Only say how long each task should take"),
    },
  },
  async func(
    this: CliContext,
    { learned, task, steps, seeds, baseline, candidates, tuneAt, dryRun, ...given }: TransferFlags,
  ): Promise<void> {
    const { transferPlan } = await import("../reproduce/transfer.ts");
    const { refuseUnknownTask } = await import("../tasks/load.ts");
    for (const name of task ?? []) refuseUnknownTask(name);
    const plan = transferPlan({
      learned: await Promise.all(learned.map(adoptedOf)),
      ...(task && { tasks: task }),
      ...(steps && { steps }),
      ...(seeds !== undefined && { seeds }),
      ...(baseline && { baselines: baseline }),
      ...(candidates !== undefined && { candidates }),
      ...(tuneAt !== undefined && { tuneAt }),
    });
    const common = { ...given, extend: !given.force };
    if (dryRun) await foretell(this, plan, common);
    else await runPlan(this, plan, common, { estimated: true });
  },
});

export const reproduce: RouteMap<CliContext> = buildRouteMap({
  routes: { quick, paper, transfer },
  docs: { brief: "Run a whole experiment, resumable, ending in a report" },
});
