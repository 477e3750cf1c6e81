import type { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { LowlandError } from "../errors.ts";
import { another, type Connection } from "./connection.ts";
import {
  announce,
  type Offer,
  removeExperiment,
  removeMatching,
  removeOld,
  type WorkerRecord,
} from "./experiments.ts";
import type { JobData, Outcome } from "./jobs.ts";
import { type ExperimentKeys, keysOf, QUEUE_PREFIX, queueName } from "./keys.ts";
import { Roster } from "./roster.ts";
import { get, put } from "./tensors.ts";

/** How often a job is given out anew before it counts as one that takes its workers down. */
const RETRIES = 10;
/** Milliseconds between looks at workers and queues. */
const LOOK_MS = 500;

/** A job to be done somewhere. */
export interface Task {
  readonly data: JobData;
  /** The worker it should go to; any, if missing or lost. */
  readonly worker?: string | undefined;
  /** Shares again the bytes it needs, where they are gone from Redis, and says where they are. */
  restore?(): Promise<JobData>;
}

/** What came of it. */
export interface Done {
  readonly job: string;
  readonly worker: string;
  readonly hash: string;
  readonly bytes: Uint8Array;
}

/** Counts for people and pages. */
export interface ClusterCounts {
  readonly done: number;
  readonly waiting: number;
  /** Jobs that were given out again, after their worker or their bytes were lost. */
  readonly again: number;
}

/** The side of a cluster that has the work. */
export interface Coordinator {
  readonly keys: ExperimentKeys;
  readonly redis: Redis;
  /** Workers that take part now. */
  workers(): readonly WorkerRecord[];
  refused(): readonly WorkerRecord[];
  counts(): ClusterCounts;
  /**
   * Has a job done. Workers and Redis may come and go meanwhile.
   *
   * @throws {LowlandError} what the job throws; E_RUN for one that takes its workers down
   */
  run(task: Task): Promise<Done>;
  /** Stores bytes by their hash for the jobs to come. */
  share(hash: string, bytes: Uint8Array): Promise<void>;
  /** Is told of the bytes of an instance as a job left it. */
  onSnapshot?: (job: string, place: number, bytes: Uint8Array) => void;
  /** Forgets bytes that no job will ask for. */
  forget(keys: readonly string[]): void;
  /** Ends the experiment: its workers go, its keys are removed. */
  close(): Promise<void>;
}

interface Pending {
  /** Its names in queues, one for each time it was given out; an answer under any of them counts. */
  readonly ids: string[];
  readonly task: Task;
  data: JobData;
  readonly resolve: (done: Done) => void;
  readonly reject: (reason: unknown) => void;
  /** Whose queue it lies in; undefined: the common one. */
  worker: string | undefined;
  /** Whether the last look found it nowhere. */
  missed: boolean;
}

/**
 * Announces an experiment and hands its jobs to the workers that come.
 *
 * @param options `say` is told of workers that come, go and are refused, one line each; a `signal` ends the wait for workers
 */
export async function openCoordinator(
  connection: Connection,
  offer: Offer,
  { say = () => {}, signal }: { say?: (line: string) => void; signal?: AbortSignal | undefined } = {},
): Promise<Coordinator> {
  const { redis, bullmq } = connection;
  const keys = keysOf(offer.id);
  const reader = another(connection);
  const roster = new Roster();
  const queues = new Map<string | undefined, Queue>();
  const pending = new Map<string, Pending>();
  const counts = { done: 0, again: 0 };
  let number = 0;
  let closed = false;

  const queueOf = (worker?: string): Queue => {
    const known = queues.get(worker);
    if (known !== undefined) return known;
    const queue = new bullmq.Queue(queueName(offer.id, worker), {
      connection: redis,
      prefix: QUEUE_PREFIX,
      skipMetasUpdate: true,
    });
    queue.on("error", () => {}); // the connection comes back on its own
    queues.set(worker, queue);
    return queue;
  };

  /** Jobs under way, each once. */
  const under = (which: (job: Pending) => boolean = () => true): Pending[] =>
    [...new Set(pending.values())].filter(which);

  const isLive = (worker: string | undefined): boolean => roster.live.some(({ id }) => id === worker);

  async function submit(job: Pending): Promise<void> {
    const id = `j${++number}`;
    job.ids.push(id);
    pending.set(id, job);
    job.missed = false;
    job.worker = isLive(job.task.worker) ? job.task.worker : undefined;
    const options = { jobId: id, removeOnComplete: true, removeOnFail: true };
    await queueOf(job.worker).add("job", job.data, options);
  }

  function settle({ ids }: Pending): void {
    for (const id of ids) pending.delete(id);
  }

  /** Gives a job out again. */
  async function retry(job: Pending): Promise<void> {
    counts.again++;
    if (job.ids.length <= RETRIES) return submit(job);
    settle(job);
    const fact = `a job was lost ${job.ids.length} times, each time with its worker`;
    job.reject(new LowlandError("E_RUN", `${fact}; give workers more memory, or fewer threads`));
  }

  async function take(id: string, outcome: Outcome): Promise<void> {
    if ("snapshot" in outcome) {
      const key = keys.snapshot(id, outcome.snapshot);
      const bytes = await get(redis, key, outcome.hash);
      if (bytes !== undefined) coordinator.onSnapshot?.(id, outcome.snapshot, bytes);
      redis.unlink(key).catch(() => {});
      return;
    }
    const job = pending.get(id);
    // a second answer: the job was given out again while its worker was only slow
    if (job === undefined) return;
    if ("failed" in outcome) {
      settle(job);
      const { code, failed } = outcome;
      job.reject(code ? new LowlandError(code, failed) : new Error(failed));
    } else if ("missing" in outcome) {
      if (job.task.restore) job.data = await job.task.restore();
      if (pending.has(id)) await retry(job);
    } else {
      const bytes = await get(redis, keys.result(id), outcome.hash);
      if (!pending.has(id)) return;
      if (bytes === undefined) return retry(job);
      settle(job);
      counts.done++;
      job.resolve({ job: id, ...outcome, bytes });
    }
  }

  /** Reads what comes of jobs, from the first on: nothing is skipped when the connection is lost. */
  async function read(): Promise<void> {
    let last = "0";
    while (!closed) {
      const reply = await reader.xread("COUNT", 256, "BLOCK", 1000, "STREAMS", keys.results, last);
      for (const [id, fields] of reply?.[0]?.[1] ?? []) {
        last = id;
        take(fields[0]!, JSON.parse(fields[1]!) as Outcome).catch(() => {}); // given out again by the next look
      }
    }
  }

  async function lookAtWorkers(): Promise<void> {
    const texts = Object.values(await redis.hgetall(keys.workers));
    const change = roster.look(
      texts.map((text) => JSON.parse(text) as WorkerRecord),
      performance.now(),
    );
    for (const { id, host, pid, threads } of change.joined) {
      say(
        `worker ${id} joined: process ${pid} on ${host}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
      );
    }
    for (const { id, host, pid, refused } of change.refused) {
      say(`worker ${id} (process ${pid} on ${host}) is refused: ${refused}`);
    }
    for (const { id, host, pid } of change.lost) {
      const jobs = under(({ worker }) => worker === id);
      say(`worker ${id} left (process ${pid} on ${host}); ${jobs.length} jobs it had run again elsewhere`);
      queues.delete(id);
      await redis.hdel(keys.workers, id);
      await removeMatching(redis, `${QUEUE_PREFIX}:${queueName(offer.id, id)}:*`);
      await Promise.all(jobs.map(retry));
    }
  }

  /** Gives out again what two looks in a row found in no queue: a Redis that forgot, or a job that stalled too often. */
  async function lookForJobs(): Promise<void> {
    const jobs = under();
    const asked = jobs.map(({ ids }) => ids.at(-1)!);
    const pipeline = redis.pipeline();
    for (const [i, { worker }] of jobs.entries()) pipeline.exists(queueOf(worker).toKey(asked[i]!));
    const found = (await pipeline.exec()) ?? [];
    for (const [i, job] of jobs.entries()) {
      const gone = found[i]?.[1] === 0 && pending.has(asked[i]!) && job.ids.at(-1) === asked[i];
      if (gone && job.missed) await retry(job);
      else job.missed = gone;
    }
  }

  function rejectAll(reason: unknown): void {
    for (const { reject } of pending.values()) reject(reason);
    pending.clear();
  }

  async function look(): Promise<void> {
    let looks = 0;
    while (!closed) {
      try {
        if (looks % 2 === 0) await announce(redis, offer);
        await lookAtWorkers();
        if (looks++ % 4 === 0) await lookForJobs();
        if (signal?.aborted && roster.live.length === 0) rejectAll(signal.reason);
      } catch {
        // the next look is soon
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  await removeOld(redis);
  await announce(redis, offer);
  const loops = [read(), look()].map((loop) => loop.catch(() => {}));
  const coordinator: Coordinator = {
    keys,
    redis,
    workers: () => roster.live,
    refused: () => roster.refused,
    counts: () => ({ ...counts, waiting: under().length }),
    run: (task) =>
      new Promise((resolve, reject) => {
        const { data } = task;
        submit({ ids: [], task, data, resolve, reject, worker: undefined, missed: false }).catch(reject);
      }),
    share: (hash, bytes) => put(redis, keys.blob(hash), bytes),
    forget: (names) => {
      if (names.length > 0) redis.unlink(...names).catch(() => {});
    },
    async close() {
      closed = true;
      rejectAll(new LowlandError("E_RUN", "the cluster was closed; open it again"));
      await Promise.all(loops);
      reader.disconnect();
      await Promise.all([...queues.values()].map((queue) => queue.close()));
      await removeExperiment(redis, offer.id);
      redis.disconnect();
    },
  };
  return coordinator;
}
