import { appendFileSync } from "node:fs";
import { dirname } from "node:path";
import type { StoreOptions } from "../data/datasets.ts";
import { kernels } from "../kernels/module.ts";
import { divideThreads, type ThreadPlan } from "../kernels/threads.ts";
import { ioError, readTextIfAny } from "../runs/files.ts";
import { openPool, type Pool } from "../threads/pool.ts";
import { prepareSetup } from "../threads/setup.ts";
import { type Job, type JobResult, openJobRunner } from "./jobs.ts";
import { loadMethod } from "./optimizers.ts";

/** How a grid of jobs is run. */
export interface GridOptions extends StoreOptions {
  readonly threads?: number;
  /** File that every result is appended to; jobs it already holds are not done again. */
  readonly journal?: string;
  /** Called as jobs end, and within long ones, with the number of jobs done (a fraction within one). */
  readonly onDone?: (done: number, note: string) => void;
  readonly signal?: AbortSignal;
  /** Opens what does the jobs; this thread or `threads` if not given. */
  readonly open?: (jobs: readonly Job[], journal: string | undefined) => Promise<Pool<Job, JobResult>>;
}

/**
 * Does every job, on one thread or several, and returns the results in the order of the jobs. With a journal an
 * interrupted grid goes on where it was.
 *
 * @throws {LowlandError} what the first failing job throws; the signal's reason when it is raised
 */
export async function runGrid(jobs: readonly Job[], options: GridOptions = {}): Promise<JobResult[]> {
  const { threads = 1, journal, onDone, signal, open, ...store } = options;
  const keyOf = keysIn(journal);
  const finished = journal === undefined ? new Map<string, JobResult>() : readJournal(journal, keyOf);
  const missing = jobs.filter((job) => !finished.has(keyOf(job)));
  let done = jobs.length - missing.length;
  const keep = (result: JobResult): void => {
    const { job } = result;
    const line = JSON.stringify({ ...result, job: JSON.parse(keyOf(job)) });
    // as it will be read back: what is not finite is null, in this process as in one that goes on from the journal
    finished.set(keyOf(job), JSON.parse(line) as JobResult);
    if (journal !== undefined) append(journal, line);
    done++;
    onDone?.(done, `${job.spec} on ${job.task}, seed ${job.seed}`);
  };
  if (missing.length > 0) {
    // wrong names fail here, before any work is done
    for (const spec of new Set(missing.map((job) => job.spec))) await loadMethod(spec);
    const plan = divideThreads(threads, missing.length);
    if (open !== undefined) await pooled(missing, () => open(missing, journal), keep, signal);
    else if (plan.workers === 1) {
      kernels().useThreads(plan.inside);
      await inline(missing, store, keep, onDone && ((part, note) => onDone(done + part, note)), signal);
    } else await pooled(missing, () => openThreads(missing, plan, store), keep, signal);
  }
  return jobs.map((job) => ({ ...finished.get(keyOf(job))!, job }));
}

async function inline(
  jobs: readonly Job[],
  store: StoreOptions,
  keep: (result: JobResult) => void,
  onProgress: ((part: number, note: string) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const runner = openJobRunner(store);
  try {
    for (const job of jobs) {
      signal?.throwIfAborted();
      const where = `${job.spec} on ${job.task}, seed ${job.seed}`;
      keep(
        await runner.run(job, {
          ...(onProgress && { onProgress: (part, note) => onProgress(part, `${where}: ${note}`) }),
          ...(signal && { signal }),
        }),
      );
    }
  } finally {
    await runner.close();
  }
}

async function openThreads(
  jobs: readonly Job[],
  { workers, inside }: ThreadPlan,
  store: StoreOptions,
): Promise<Pool<Job, JobResult>> {
  const tasks = jobs.map(({ task }) => task);
  return openPool<Job, JobResult>("evaluation/worker", {
    threads: workers,
    setup: await prepareSetup(tasks, store, inside),
  });
}

async function pooled(
  jobs: readonly Job[],
  open: () => Promise<Pool<Job, JobResult>>,
  keep: (result: JobResult) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const pool = await open();
  try {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      pool.map(jobs, keep).then(() => resolve(), reject);
    });
  } finally {
    await pool.close();
  }
}

/**
 * What tells jobs apart. Weights beside the journal are named relative to it, so that a directory can be moved, or named
 * in another way, and still goes on.
 */
function keysIn(journal: string | undefined): (job: Job) => string {
  const folder = journal === undefined ? undefined : `${dirname(journal)}/`;
  return (job) => {
    const relative = folder && job.spec.replace(`learned:${folder}`, "learned:./");
    return JSON.stringify(relative === undefined ? job : { ...job, spec: relative });
  };
}

/** Results of an interrupted grid, by job; a last line that was cut off is left out. */
function readJournal(path: string, keyOf: (job: Job) => string): Map<string, JobResult> {
  const results = new Map<string, JobResult>();
  const text = readTextIfAny(path) ?? "";
  if (text !== "" && !text.endsWith("\n")) append(path, "");
  for (const line of text.split("\n")) {
    try {
      const result = JSON.parse(line) as JobResult;
      results.set(keyOf(result.job), result);
    } catch {
      // empty, or cut off by a kill
    }
  }
  return results;
}

function append(path: string, line: string): void {
  try {
    appendFileSync(path, `${line}\n`);
  } catch (error) {
    throw ioError("write", path, error);
  }
}
