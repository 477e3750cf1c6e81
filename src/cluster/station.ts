import type { Worker } from "bullmq";
import { LowlandError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import type { WorkerRecord } from "./experiments.ts";
import type { JobData, Outcome } from "./jobs.ts";
import { keysOf, QUEUE_PREFIX, queueName } from "./keys.ts";
import { hashOf, put } from "./tensors.ts";
import { MissingBytes, type Performed } from "./work.ts";

/** Milliseconds between signs of life. */
export const BEAT_MS = 400;
/** Entries the stream of results keeps about: coordinators have read them long before. */
const RESULTS_KEPT = 20_000;

/** A job's lock is renewed by the main thread every second, so that a killed worker's jobs are free after two. */
const LOCKS = { lockDuration: 2000, stalledInterval: 1000, maxStalledCount: 5 } as const;

/**
 * Takes jobs of an experiment, from the worker's own queue and from the common one, and gives signs of life, until the
 * experiment ends or the signal is raised. What a job gives is in Redis before the job counts as done.
 *
 * @param worker who works; its `threads` are the jobs taken at a time
 * @param perform does a job and gives the bytes of its result
 * @returns jobs done
 */
export async function takeJobs(
  { redis, bullmq }: Connection,
  experiment: string,
  worker: Omit<WorkerRecord, "done" | "beat">,
  {
    perform,
    signal,
  }: { perform: (id: string, data: JobData) => Promise<Performed>; signal?: AbortSignal | undefined },
): Promise<number> {
  const keys = keysOf(experiment);
  let done = 0;
  let beats = 0;
  /** Looks in a row that found no experiment: two are its end. */
  let absences = 0;

  /** Says that the worker is there; whether the experiment still is. */
  async function beat(): Promise<boolean> {
    const record: WorkerRecord = { ...worker, done, beat: ++beats };
    const replies = await redis
      .multi()
      .exists(keys.offer)
      .hset(keys.workers, worker.id, JSON.stringify(record))
      .exec();
    return replies?.[0]?.[1] === 1;
  }

  async function outcomeOf(
    id: string,
    data: JobData,
  ): Promise<{ outcome: Outcome; snapshots: Performed["snapshots"] }> {
    try {
      const { bytes, snapshots } = await perform(id, data);
      // commands of one connection are carried out in order: the answer that follows cannot come before its bytes
      put(redis, keys.result(id), bytes).catch(() => {});
      return { outcome: { worker: worker.id, hash: hashOf(bytes) }, snapshots };
    } catch (error) {
      if (error instanceof MissingBytes)
        return { outcome: { worker: worker.id, missing: true }, snapshots: [] };
      const { message } = error as Error;
      const code = error instanceof LowlandError ? error.code : undefined;
      const failed = `${message} (on ${worker.host})`;
      return { outcome: { worker: worker.id, failed, ...(code && { code }) }, snapshots: [] };
    }
  }

  async function say(id: string, outcome: Outcome): Promise<void> {
    if (absences >= 2) return; // nobody is left to read it
    await redis.xadd(keys.results, "MAXLEN", "~", RESULTS_KEPT, "*", id, JSON.stringify(outcome));
  }

  async function send(id: string, { place, bytes: made }: Performed["snapshots"][number]): Promise<void> {
    const bytes = made();
    await put(redis, keys.snapshot(id, place), bytes);
    await say(id, { worker: worker.id, snapshot: place, hash: hashOf(bytes) });
  }

  async function answer({ id = "", data }: { id?: string; data: JobData }): Promise<void> {
    const { outcome, snapshots } = await outcomeOf(id, data);
    await say(id, outcome);
    done++;
    // nobody waits for these; one that is lost is asked for again
    for (const snapshot of snapshots) setImmediate(() => send(id, snapshot).catch(() => {}));
  }

  const open = (name: string, { shared }: { shared: boolean }): Worker => {
    const queue = new bullmq.Worker(name, answer, {
      ...{ connection: redis, prefix: QUEUE_PREFIX, concurrency: worker.threads },
      ...LOCKS,
      // jobs of a worker that is lost are the coordinator's to give out again
      skipStalledCheck: !shared,
    });
    queue.on("error", () => {}); // locks that are lost are jobs that run again
    return queue;
  };

  if ((await redis.exists(keys.offer)) === 0) return 0;
  await beat();
  const own = open(queueName(experiment, worker.id), { shared: false });
  const common = open(queueName(experiment), { shared: true });
  try {
    while (absences < 2 && !signal?.aborted) {
      await new Promise((resolve) => setTimeout(resolve, BEAT_MS));
      absences = (await beat()) ? 0 : absences + 1;
    }
  } finally {
    await Promise.all([own, common].map((queue) => queue.close(absences >= 2)));
    await redis.hdel(keys.workers, worker.id);
    // what a worker writes last may come after the coordinator has removed everything
    const gone = (await redis.exists(keys.offer)) === 0 ? [own, common] : [own];
    await redis.unlink(...gone.flatMap((queue) => Object.values(queue.keys)));
  }
  return done;
}
