import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { StoreOptions } from "../data/datasets.ts";
import { LowlandError } from "../errors.ts";
import { openPool, type Pool } from "../threads/pool.ts";
import { prepareSetup } from "../threads/setup.ts";
import type { Connection } from "./connection.ts";
import { type Offer, openOffers, removeOld } from "./experiments.ts";
import { proofOf, refusalOf, tasksOf } from "./identity.ts";
import { keysOf } from "./keys.ts";
import { takeJobs } from "./station.ts";
import { type FetchedWeights, fetchWeights } from "./weights.ts";
import { openWork } from "./work.ts";

/** Milliseconds between looks for experiments. */
const LOOK_MS = 400;
/** Looks between two removals of what old experiments left. */
const LOOKS_TO_TIDY = 50;

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
    if (looks++ % LOOKS_TO_TIDY === 0) await removeOld(redis);
    const open = (await openOffers(redis)).filter(({ offer }) => !refusedBy.has(offer.id));
    const [next] = open.sort((a, b) => a.workers - b.workers);
    if (next === undefined) {
      if (idleSeconds !== undefined && performance.now() - idleSince > 1000 * idleSeconds) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      continue;
    }
    const { offer } = next;
    const { id } = offer;
    const self = { id: randomBytes(4).toString("hex"), host: hostname(), pid: process.pid, threads };
    const weights = await fetchWeights(redis, keysOf(id), offer.needs);
    const pool = await prepare(offer, { threads, store, weights });
    if (typeof pool === "string") {
      weights.remove();
      say(`refused by experiment ${id}: ${pool}`);
      refusedBy.add(id);
      const record = { ...self, done: 0, beat: 0, refused: pool };
      await redis.hset(keysOf(id).workers, self.id, JSON.stringify(record));
      continue;
    }
    say(`working for experiment ${id} (${offer.work.kind} on ${tasksOf(offer.work).join(", ")})`);
    const perform = openWork(pool, redis, keysOf(id), weights);
    try {
      const done = await takeJobs(connection, id, self, { perform, signal });
      say(`left experiment ${id} after ${done} jobs`);
    } finally {
      await pool.close();
      weights.remove();
    }
    idleSince = performance.now();
  }
}

/** Reads the data, proves what this worker is and starts its threads; or says why it may not work. */
async function prepare(
  { work, needs }: Offer,
  { threads, store, weights }: { threads: number; store: StoreOptions; weights: FetchedWeights },
): Promise<Pool<unknown, unknown> | string> {
  try {
    const thread = await prepareSetup(tasksOf(work), store);
    const proof = proofOf(work, store);
    const refusal = refusalOf(needs, { ...proof, files: { ...proof.files, ...weights.files } });
    if (refusal !== undefined) return refusal;
    return work.kind === "meta-train"
      ? await openPool("meta/worker", { threads, setup: { config: work.config, thread } })
      : await openPool("evaluation/worker", { threads, setup: thread });
  } catch (error) {
    if (error instanceof LowlandError) return error.message;
    throw error;
  }
}
