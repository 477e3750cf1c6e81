import { availableParallelism } from "node:os";
import { LowlandError } from "../errors.ts";
import type { Job } from "../evaluation/jobs.ts";
import type { Results } from "../evaluation/results.ts";
import type { Json } from "../evaluation/table.ts";
import { dataNotes } from "../report/datasets.ts";
import { type Labels, labelsOf } from "../report/labels.ts";
import { openClusterOf } from "./cluster.ts";
import { type CliContext, print } from "./context.ts";
import { excludeForce } from "./flags.ts";
import { Progress } from "./progress.ts";

/** What `evaluate` and `sharpness` are asked for. */
export interface GridFlags {
  readonly steps: number[];
  readonly optimizer: string[];
  readonly task: string[];
  readonly seeds: number[];
  readonly out?: string;
  readonly force: boolean;
  readonly extend: boolean;
  readonly threads?: number;
  readonly cluster?: string;
  readonly dataDir?: string;
  readonly json: boolean;
}

/** Prints tables, and what has to be said of the data they are of. */
export function printTables(
  context: CliContext,
  results: Results,
  tablesOf: (results: Results, labels: Labels) => readonly (string | undefined)[],
): void {
  const parts = [...tablesOf(results, labelsOf(results)), ...dataNotes(results)];
  print(context, parts.filter((part) => part !== undefined).join("\n\n"));
}

/** Runs the grid, writes the results where asked to, and prints them with `--json`. */
export async function measure(
  context: CliContext,
  flags: GridFlags,
  what: {
    kind: "evaluate" | "sharpness";
    title: string;
    sharpness?: Job["sharpness"];
  },
): Promise<Results> {
  const { gridJobs, runSecondsOf } = await import("../evaluation/jobs.ts");
  const { recordsOf } = await import("../analysis/records.ts");
  const { runGrid } = await import("../evaluation/grid.ts");
  const { provenance } = await import("./run-info.ts");
  const { identityOf } = await import("../evaluation/identity.ts");
  const { openResults } = await import("../report/directory.ts");
  const { loadMethod } = await import("../evaluation/optimizers.ts");
  const { regularizerRecords } = await import("../evaluation/regularizer-records.ts");
  const { loadTask } = await import("../tasks/load.ts");
  excludeForce(flags);
  const started = performance.now();
  const origin = provenance(context.argv);
  const { task: tasks, steps, seeds: seedList, dataDir } = flags;
  // what can be refused is refused before --force removes anything
  const loaded = await Promise.all(flags.optimizer.map((spec) => loadMethod(spec)));
  for (const name of tasks) (await loadTask(name, { ...(dataDir !== undefined && { dataDir }) })).close?.();
  const methods = loaded.map(({ spec, identity: { optimizer, combinators, regularizer } }) => ({
    spec,
    method: { optimizer: [optimizer, ...combinators].join("+"), regularizer },
  }));
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
    ...(what.sharpness as Readonly<Record<string, Json>> | undefined),
  };
  const identity = identityOf(flags.optimizer, tasks, origin);
  const directory =
    flags.out === undefined ? undefined : openResults(flags.out, settings, { ...flags, identity });
  const cluster = await openClusterOf(context, flags);
  let progress: Progress | undefined;
  let done: Awaited<ReturnType<typeof runGrid>>;
  try {
    done = await runGrid(jobs, {
      threads: flags.threads ?? availableParallelism(),
      signal: context.signal,
      ...(cluster && { open: cluster.pool }),
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
        progress.update(done, cluster ? `${note}, ${cluster.size()}` : note);
      },
    });
  } finally {
    progress?.close();
  }
  const { datasetRecords } = await import("../evaluation/datasets.ts");
  const datasets = await datasetRecords(tasks, { ...(dataDir !== undefined && { dataDir }) });
  const results: Results = {
    schemaVersion: 2,
    kind: what.kind,
    title: what.title,
    ...origin,
    seed: seedList[0]!,
    durationSeconds: (performance.now() - started) / 1000,
    runSeconds: runSecondsOf(done),
    settings,
    metaTraining: [],
    ...recordsOf(done, methods),
    regularizers: await regularizerRecords(methods.map(({ method }) => method.regularizer)),
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
export function refuseAllDiverged({ evaluations }: Results, { optimizer }: GridFlags): void {
  if (!evaluations.every(({ summary }) => summary.diverged === summary.seeds)) return;
  throw new LowlandError(
    "E_DIVERGED",
    `every run diverged (${optimizer.join(", ")}); use smaller learning rates`,
  );
}
