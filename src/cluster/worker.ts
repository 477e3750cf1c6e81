import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Worker } from "bullmq";
import type { StoreOptions } from "../data/datasets.ts";
import { LowlandError } from "../errors.ts";
import { openPool, type Pool } from "../threads/pool.ts";
import { prepareSetup } from "../threads/setup.ts";
import type { Connection } from "./connection.ts";
import { type Offer, openOffers, removeOld, type WorkerRecord } from "./experiments.ts";
import { proofOf, refusalOf, tasksOf } from "./identity.ts";
import type { JobData, Outcome } from "./jobs.ts";
import { keysOf, QUEUE_PREFIX, queueName } from "./keys.ts";
import { hashOf, pack, put } from "./tensors.ts";
import { MissingBytes, openWork } from "./work.ts";

/** Milliseconds between signs of life, and between looks for experiments. */
const BEAT_MS = 400;
/** Entries the stream of results keeps about: coordinators have read them long before. */
const RESULTS_KEPT = 20_000;

/** A job's lock is renewed by the worker's main thread every second, so that a killed worker's jobs are free after two. */
const LOCKS = { lockDuration: 2000, stalledInterval: 1000, maxStalledCount: 5 } as const;

/** How a worker works. */
export interface ClusterWorkerOptions extends Pick<StoreOptions, "dataDir" | "offline"> {
  readonly threads?: number;
  /** Ends the worker after this many seconds without an experiment. */
  readonly idleSeconds?: number;
  /** Ends it after the jobs at hand. */
  readonly signal?: AbortSignal;
  /** Is told what it does, one line each. */
  readonly say?: (line: string) => void;
}

/**
 * Works for the experiments on a Redis, one at a time: for the one with the fewest workers, until it ends. Before it takes
 * work it proves its version, class of bits, data and modules; where they do not fit it says why, and looks for others.
 */
export async function runWorker(
  connection: Connection,
  { threads = 1, idleSeconds, signal, say = () => {}, ...store }: ClusterWorkerOptions = {},
): Promise<void> {
  const { redis, address } = connection;
  const refusedBy = new Set<string>();
  say(`waiting for experiments at ${address.shown}`);
  let idleSince = performance.now();
  let looks = 0;
  while (!signal?.aborted) {
    if (looks++ % 50 === 0) await removeOld(redis);
    const open = (await openOffers(redis)).filter(({ offer }) => !refusedBy.has(offer.id));
    const [next] = open.sort((a, b) => a.workers - b.workers);
    if (next === undefined) {
      if (idleSeconds !== undefined && performance.now() - idleSince > 1000 * idleSeconds) return;
      await pause(BEAT_MS);
      continue;
    }
    const refusal = await serve(connection, next.offer, { threads, store, signal, say });
    if (refusal !== undefined) refusedBy.add(next.offer.id);
    idleSince = performance.now();
  }
}

/** Takes part in an experiment until it ends; what it says of a worker that may not. */
async function serve(
  connection: Connection,
  offer: Offer,
  {
    threads,
    store,
    signal,
    say,
  }: {
    threads: number;
    store: StoreOptions;
    signal: AbortSignal | undefined;
    say: (line: string) => void;
  },
): Promise<string | undefined> {
  const { redis } = connection;
  const keys = keysOf(offer.id);
  let record: WorkerRecord = {
    ...{ id: randomBytes(4).toString("hex"), host: hostname(), pid: process.pid, threads, done: 0, beat: 0 },
  };
  const opened = await prepare(offer, { threads, store });
  if (typeof opened === "string") {
    say(`refused by experiment ${offer.id}: ${opened}`);
    await redis.hset(keys.workers, record.id, JSON.stringify({ ...record, refused: opened }));
    return opened;
  }
  if ((await redis.exists(keys.offer)) === 0) {
    await opened.close(); // it ended meanwhile
    return undefined;
  }
  const beat = async (): Promise<boolean> => {
    record = { ...record, beat: record.beat + 1 };
    const replies = await redis
      .multi()
      .exists(keys.offer)
      .hset(keys.workers, record.id, JSON.stringify(record))
      .exec();
    return replies?.[0]?.[1] === 1;
  };
  const work = openWork(opened, redis, keys);
  const perform = async ({ id = "", data }: { id?: string; data: JobData }): Promise<void> => {
    const outcome = await outcomeOf(id, data);
    await redis.xadd(keys.results, "MAXLEN", "~", RESULTS_KEPT, "*", id, JSON.stringify(outcome));
    record = { ...record, done: record.done + 1 };
  };
  const outcomeOf = async (id: string, data: JobData): Promise<Outcome> => {
    try {
      const bytes = pack(await work(id, data));
      await put(redis, keys.result(id), bytes);
      return { worker: record.id, hash: hashOf(bytes) };
    } catch (error) {
      if (error instanceof MissingBytes) return { worker: record.id, missing: true };
      const { message } = error as Error;
      const code = error instanceof LowlandError ? error.code : undefined;
      return { worker: record.id, failed: `${message} (on ${record.host})`, ...(code && { code }) };
    }
  };
  await beat();
  say(`working for experiment ${offer.id} (${offer.work.kind} on ${tasksOf(offer.work).join(", ")})`);
  const workers = [queueName(offer.id, record.id), queueName(offer.id)].map((name): Worker => {
    const worker = new connection.bullmq.Worker(name, perform, {
      connection: redis,
      prefix: QUEUE_PREFIX,
      concurrency: threads,
      ...LOCKS,
    });
    worker.on("error", () => {}); // locks that are lost are jobs that run again
    return worker;
  });
  let absences = 0;
  try {
    while (absences < 2 && !signal?.aborted) {
      await pause(BEAT_MS);
      absences = (await beat()) ? 0 : absences + 1;
    }
  } finally {
    const ended = absences >= 2;
    if (!ended) say("leaving after the jobs at hand");
    await Promise.all(workers.map((worker) => worker.close(ended)));
    await opened.close();
    await redis.hdel(keys.workers, record.id);
    // what a worker writes last may come after the coordinator has removed everything
    const gone = (await redis.exists(keys.offer)) === 0 ? workers : workers.slice(0, 1);
    await redis.unlink(...gone.flatMap((worker) => Object.values(worker.keys)));
    say(`left experiment ${offer.id} after ${record.done} jobs`);
  }
  return undefined;
}

/** Reads the data, proves what this worker is and starts its threads; or says why it may not work. */
async function prepare(
  { work, needs }: Offer,
  { threads, store }: { threads: number; store: StoreOptions },
): Promise<Pool<unknown, unknown> | string> {
  try {
    const thread = await prepareSetup(tasksOf(work), store);
    const refusal = refusalOf(needs, proofOf(work, store));
    if (refusal !== undefined) return refusal;
    return work.kind === "meta-train"
      ? await openPool("meta/worker", { threads, setup: { config: work.config, thread } })
      : await openPool("evaluation/worker", { threads, setup: thread });
  } catch (error) {
    if (error instanceof LowlandError) return error.message;
    throw error;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
