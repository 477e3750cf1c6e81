import { availableParallelism } from "node:os";
import { join } from "node:path";
import { buildCommand, buildRouteMap, type RouteMap } from "@stricli/core";
import { LowlandError } from "../errors.ts";
import type { Results, StageEstimate } from "../evaluation/results.ts";
import { LEARNED_FAMILIES, type LearnedFamily } from "../reproduce/families.ts";
import type { Budget } from "../reproduce/paper.ts";
import type { Plan } from "../reproduce/plan.ts";
import { splitSpecs } from "../spec.ts";
import { type CliContext, print, printJson } from "./context.ts";
import {
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
        progress?.update(at.done, at.note);
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
      ...(learned && { learned }),
      ...(searched && { searched }),
    });
    const unused = [source && "--source", outerSteps && "--outer-steps"].filter(Boolean);
    if (learned && unused.length > 0) {
      throw new LowlandError(
        "E_USAGE",
        `with --learned nothing is meta-trained, so ${unused.join(" and ")} would do nothing; leave one or the other out`,
      );
    }
    if (!dryRun) return runPlan(this, plan, common, { estimated: true });
    const { calibrate, estimateStages } = await import("../reproduce/estimate.ts");
    const { dataDir, threads = availableParallelism() } = given;
    const stages = estimateStages(
      plan,
      await calibrate(plan, { ...(dataDir !== undefined && { dataDir }) }),
      threads,
    );
    if (given.json) printJson(this, { stages });
    else print(this, estimateTable(stages));
  },
});

export const reproduce: RouteMap<CliContext> = buildRouteMap({
  routes: { quick, paper },
  docs: { brief: "Run a whole experiment, resumable, ending in a report" },
});
