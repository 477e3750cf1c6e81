import type { Redis } from "ioredis";
import type { Identity } from "../evaluation/identity.ts";
import type { Work } from "./identity.ts";
import { EXPERIMENTS, EXPIRY, keysOf, patternsOf } from "./keys.ts";

/** An experiment as workers find it. */
export interface Offer {
  readonly id: string;
  readonly work: Work;
  /** What a worker has to prove. */
  readonly needs: Identity;
}

/** What is known of a worker in an experiment: it writes this itself, again and again. */
export interface WorkerRecord {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly threads: number;
  /** Jobs it has done here. */
  readonly done: number;
  /** Counts on as long as it lives. */
  readonly beat: number;
  /** Why it does not take part; missing if it does. */
  readonly refused?: string;
}

/** Announces an experiment, or says that it is still there. */
export async function announce(redis: Redis, offer: Offer): Promise<void> {
  const { offer: key, keep, weights } = keysOf(offer.id);
  await redis
    .multi()
    .sadd(EXPERIMENTS, offer.id)
    .set(key, JSON.stringify(offer), "EX", EXPIRY.offer)
    .set(keep, "", "EX", EXPIRY.keep)
    .expire(weights, EXPIRY.keep)
    .exec();
}

/** The experiments that are under way, and how many workers each has. */
export async function openOffers(redis: Redis): Promise<{ offer: Offer; workers: number }[]> {
  const ids = (await redis.smembers(EXPERIMENTS)).sort();
  if (ids.length === 0) return [];
  const texts = await redis.mget(ids.map((id) => keysOf(id).offer));
  const open = texts.flatMap((text) => (text === null ? [] : [JSON.parse(text) as Offer]));
  return Promise.all(
    open.map(async (offer) => ({ offer, workers: await redis.hlen(keysOf(offer.id).workers) })),
  );
}

/** Removes what is left of experiments whose coordinators are long gone. */
export async function removeOld(redis: Redis): Promise<string[]> {
  const removed: string[] = [];
  for (const id of await redis.smembers(EXPERIMENTS)) {
    if ((await redis.exists(keysOf(id).keep)) === 1) continue;
    await removeExperiment(redis, id);
    removed.push(id);
  }
  return removed;
}

/** Removes an experiment with all its keys. */
export async function removeExperiment(redis: Redis, id: string): Promise<void> {
  await redis.unlink(keysOf(id).offer, keysOf(id).keep);
  for (const pattern of patternsOf(id)) await removeMatching(redis, pattern);
  await redis.srem(EXPERIMENTS, id);
}

/** Removes all keys that match a pattern, without holding the server up. */
export async function removeMatching(redis: Redis, pattern: string): Promise<void> {
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, "MATCH", pattern, "COUNT", 1000);
    if (keys.length > 0) await redis.unlink(...keys);
    cursor = next;
  } while (cursor !== "0");
}
