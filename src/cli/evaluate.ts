import { availableParallelism } from "node:os";
import { buildCommand, type Command } from "@stricli/core";
import { LowlandError } from "../errors.ts";
import type { Job, NamedMethod } from "../evaluation/jobs.ts";
import type { Results } from "../evaluation/results.ts";
import { convergenceNotes } from "../evaluation/summaries.ts";
import { dataNotes, withDataLabels } from "../report/datasets.ts";
import { splitSpecs } from "../spec.ts";
import { type CliContext, print } from "./context.ts";
import {
  dataDirFlag,
  distinct,
  excludeForce,
  extendFlag,
  integer,
  jsonFlag,
  list,
  optional,
  positive,
  radii,
  seeds,
  threadsFlag,
  toggle,
} from "./flags.ts";
import { Progress } from "./progress.ts";
import {
  atLossTable,
  evaluationTable,
  landscapeTable,
  sharpnessTable,
  spectrumTable,
} from "./results-tables.ts";

/** Flags that `evaluate` and `sharpness` have in common. */
const gridFlags = {
  optimizer: {
    kind: "parsed",
    parse: distinct(splitSpecs, "optimizers"),
    brief:
      "Optimizers, comma-separated: adam:lr=0.01, with an explicit regularizer adam+sam:rho=0.05, learned:PATH, zoo:NAME",
    placeholder: "spec",
  },
  task: {
    kind: "parsed",
    parse: distinct(splitSpecs, "tasks"),
    brief: "Tasks, comma-separated",
    placeholder: "task",
  },
  seeds: {
    kind: "parsed",
    parse: seeds,
    default: "5",
    brief: "Number of seeds, or a list (3,7)",
    placeholder: "n",
  },
  out: optional(
    String,
    "Directory for results.json and report.html; an interrupted command goes on from it",
    "dir",
  ),
  force: toggle("Replace results that are there"),
  extend: extendFlag,
  threads: threadsFlag,
  dataDir: dataDirFlag,
  json: jsonFlag,
} as const;

interface GridFlags {
  readonly optimizer: string[];
  readonly task: string[];
  readonly seeds: number[];
  readonly out?: string;
  readonly force: boolean;
  readonly extend: boolean;
  readonly threads?: number;
  readonly dataDir?: string;
  readonly json: boolean;
}

interface EvaluateFlags extends GridFlags {
  readonly steps: number[];
}

interface SharpnessFlags extends GridFlags {
  readonly steps: number[];
  readonly radii: number[];
  readonly examples: number;
  readonly trace: boolean;
  readonly eigenvalues?: number;
  readonly landscape?: "1d" | "2d";
  readonly atLoss?: number[];
  readonly atLossEvery: number;
}

/** Parses how many eigenvalues: 1 to 20. */
function eigenvalueCount(text: string): number {
  const value = integer(1)(text);
  if (value > 20) {
    throw new LowlandError(
      "E_USAGE",
      `must be an integer from 1 to 20, not ${JSON.stringify(text)}; correct it`,
    );
  }
  return value;
}

const stepsFlag = (fallback: string) =>
  ({
    kind: "parsed",
    parse: distinct(list(integer(0)), "numbers of steps"),
    default: fallback,
    brief: "Numbers of inner steps after which to measure, comma-separated",
    placeholder: "n",
  }) as const;

export const evaluate: Command<CliContext> = buildCommand({
  docs: {
    brief: "Train tasks with several optimizers over seeds: losses and accuracies with intervals",
  },
  parameters: { flags: { ...gridFlags, steps: stepsFlag("100,1000") } },
  async func(this: CliContext, flags: EvaluateFlags): Promise<void> {
    const results = await measure(this, flags, { kind: "evaluate", title: "Evaluation" });
    if (!flags.json) printTables(this, results, ({ evaluations }) => [evaluationTable(evaluations)]);
    refuseAllDiverged(results, flags);
  },
});

export const sharpness: Command<CliContext> = buildCommand({
  docs: {
    brief: "Measure sharpness at the points that optimizers reach",
    fullDescription:
      "Projected gradient ascent of loss and gradient norm in balls of several radii, surrogate gaps, top Hessian eigenvalue, on a fixed set of training examples.",
  },
  parameters: {
    flags: {
      ...gridFlags,
      steps: stepsFlag("1000"),
      radii: {
        kind: "parsed",
        parse: radii,
        default: "0.001,0.005,0.05,0.1",
        brief: "Radii of the balls",
        placeholder: "list",
      },
      examples: {
        kind: "parsed",
        parse: integer(1),
        default: "5000",
        brief: "Training examples to measure on",
        placeholder: "n",
      },
      trace: toggle("Also estimate the Hessian trace"),
      eigenvalues: optional(
        eigenvalueCount,
        "Also this many of the largest and of the smallest Hessian eigenvalues, at most 20",
        "k",
      ),
      landscape: {
        kind: "enum",
        values: ["1d", "2d"],
        optional: true,
        brief: "Also the loss along one or two filter-normalized directions; 2d for the first seed",
      },
      atLoss: optional(
        list(positive),
        "Also measure where the loss on those examples is first below each of these values",
        "list",
      ),
      atLossEvery: {
        kind: "parsed",
        parse: integer(1),
        default: "10",
        brief: "Steps from one look at that loss to the next",
        placeholder: "n",
      },
    },
  },
  async func(this: CliContext, flags: SharpnessFlags): Promise<void> {
    const { radii, examples, steps, trace, eigenvalues, landscape, atLoss, atLossEvery } = flags;
    const results = await measure(this, flags, {
      kind: "sharpness",
      title: "Sharpness",
      sharpness: {
        radii,
        examples,
        steps,
        ...(trace && { trace }),
        ...(eigenvalues !== undefined && { eigenvalues }),
        ...(landscape !== undefined && { landscape: landscape === "1d" ? 1 : 2 }),
        ...(atLoss !== undefined && { atLoss: { losses: [...new Set(atLoss)], every: atLossEvery } }),
      },
    });
    if (!flags.json) {
      printTables(this, results, ({ evaluations, sharpness, sharpnessAtLoss = [] }) => [
        evaluationTable(evaluations),
        sharpnessTable(sharpness),
        sharpnessAtLoss.length > 0 ? atLossTable(sharpnessAtLoss) : undefined,
        spectrumTable(sharpness, sharpnessAtLoss),
        landscapeTable(sharpness),
        ...convergenceNotes([...sharpness, ...sharpnessAtLoss]),
      ]);
    }
    refuseAllDiverged(results, flags);
  },
});

/** Prints tables, and what has to be said of the data they are of. */
function printTables(
  context: CliContext,
  results: Results,
  tablesOf: (results: Results) => readonly (string | undefined)[],
): void {
  const parts = [...tablesOf(withDataLabels(results)), ...dataNotes(results)];
  print(context, parts.filter((part) => part !== undefined).join("\n\n"));
}

/** Runs the grid, writes the results where asked to, and prints them with `--json`. */
async function measure(
  context: CliContext,
  flags: EvaluateFlags,
  what: {
    kind: "evaluate" | "sharpness";
    title: string;
    sharpness?: Job["sharpness"];
  },
): Promise<Results> {
  const { gridJobs, recordsOf, runSecondsOf } = await import("../evaluation/jobs.ts");
  const { runGrid } = await import("../evaluation/grid.ts");
  const { provenance } = await import("./run-info.ts");
  const { identityOf } = await import("../evaluation/identity.ts");
  const { openResults } = await import("../evaluation/results-directory.ts");
  const { loadMethod } = await import("../evaluation/optimizers.ts");
  const { prepareSetup } = await import("../threads/setup.ts");
  excludeForce(flags);
  const started = performance.now();
  const origin = provenance(context.argv);
  const { task: tasks, steps, seeds: seedList, dataDir } = flags;
  const methods: NamedMethod[] = flags.optimizer.map((spec) => ({ name: spec, spec }));
  const jobs = gridJobs({
    tasks,
    methods,
    steps,
    seeds: seedList,
    ...(what.sharpness && { sharpness: what.sharpness }),
  });
  const settings = {
    kind: what.kind,
    tasks,
    optimizers: flags.optimizer,
    steps,
    seeds: seedList,
    ...what.sharpness,
  };
  // what can be refused is refused before --force removes anything
  for (const spec of flags.optimizer) await loadMethod(spec);
  await prepareSetup(tasks, { ...(dataDir !== undefined && { dataDir }) });
  const identity = identityOf(flags.optimizer, tasks, origin);
  const directory =
    flags.out === undefined ? undefined : openResults(flags.out, settings, { ...flags, identity });
  let progress: Progress | undefined;
  let done: Awaited<ReturnType<typeof runGrid>>;
  try {
    done = await runGrid(jobs, {
      threads: flags.threads ?? availableParallelism(),
      signal: context.signal,
      ...(dataDir !== undefined && { dataDir }),
      ...(directory && { journal: directory.journal }),
      onDone(count, note) {
        const done = Math.floor(count);
        // what the journal held already is no work of this process
        progress ??= new Progress(what.kind, {
          unit: "runs",
          total: jobs.length,
          start: Math.max(0, Math.ceil(count) - 1),
          stream: context.stderr,
        });
        progress.update(done, note);
      },
    });
  } finally {
    progress?.close();
  }
  const { datasetRecords } = await import("../evaluation/datasets.ts");
  const datasets = await datasetRecords(tasks, { ...(dataDir !== undefined && { dataDir }) });
  const results: Results = {
    schemaVersion: 1,
    kind: what.kind,
    title: what.title,
    ...origin,
    seed: seedList[0]!,
    durationSeconds: (performance.now() - started) / 1000,
    runSeconds: runSecondsOf(done),
    settings,
    metaTraining: [],
    ...recordsOf(done, methods),
    comparisons: [],
    ...(datasets.length > 0 && { datasets }),
  };
  await directory?.write(results);
  if (flags.json) {
    const { formatResults } = await import("../evaluation/results-file.ts");
    context.stdout.write(formatResults(results));
  }
  return results;
}

/** After everything is printed and written: results of nothing are a failure. */
function refuseAllDiverged({ evaluations }: Results, { optimizer }: GridFlags): void {
  if (!evaluations.every(({ summary }) => summary.diverged === summary.seeds)) return;
  throw new LowlandError(
    "E_DIVERGED",
    `every run diverged (${optimizer.join(", ")}); use smaller learning rates`,
  );
}
