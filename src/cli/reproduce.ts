import { availableParallelism } from "node:os";
import { join } from "node:path";
import { buildCommand, buildRouteMap, type RouteMap } from "@stricli/core";
import type { Plan } from "../reproduce/plan.ts";
import { type CliContext, print } from "./context.ts";
import { dataDirFlag, integer, jsonFlag } from "./flags.ts";
import { Progress } from "./progress.ts";
import { evaluationTable, sharpnessTable } from "./results-tables.ts";

interface ReproduceFlags {
  readonly out: string;
  readonly force: boolean;
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
  force: { kind: "boolean", default: false, brief: "Replace what is there", withNegated: false },
  threads: {
    kind: "parsed",
    parse: integer(1),
    optional: true,
    brief: "Worker threads (default: all cores); any number gives the same bits",
    placeholder: "n",
  },
  dataDir: dataDirFlag,
  json: jsonFlag,
} as const;

async function runPlan(context: CliContext, plan: Plan, given: ReproduceFlags): Promise<void> {
  const { out, force, json, dataDir, threads = availableParallelism() } = given;
  const { reproduce } = await import("../reproduce/reproduce.ts");
  const { provenance } = await import("./run-info.ts");
  let progress: Progress | undefined;
  let stage: string | undefined;
  try {
    const results = await reproduce(out, plan, {
      threads,
      force,
      command: context.argv,
      provenance: provenance(context.argv),
      signal: context.signal,
      ...(dataDir !== undefined && { dataDir }),
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
      const { formatResults } = await import("../evaluation/results.ts");
      context.stdout.write(formatResults(results));
      return;
    }
    print(context, evaluationTable(results.evaluations));
    print(context, "");
    print(context, sharpnessTable(results.sharpness));
    print(context, "");
    print(context, `${join(out, "results.json")}\n${join(out, "report.html")}`);
  } finally {
    progress?.close();
  }
}

const quick = buildCommand({
  docs: {
    brief: "The main experiment in small, on the embedded digits: a few minutes",
    fullDescription:
      "Meta-trains a plain and a SAM-regularized LSTM optimizer on synthetic-digits/mlp, compares both with Adam and Adam + SAM on unseen seeds, measures sharpness, and writes results.json and report.html.",
  },
  parameters: { flags },
  async func(this: CliContext, given: ReproduceFlags): Promise<void> {
    const { quickPlan } = await import("../reproduce/plan.ts");
    await runPlan(this, quickPlan(), given);
  },
});

export const reproduce: RouteMap<CliContext> = buildRouteMap({
  routes: { quick },
  docs: { brief: "Run a whole experiment, resumable, ending in a report" },
});
