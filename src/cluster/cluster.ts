import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import type { StoreOptions } from "../data/datasets.ts";
import type { Job, JobResult } from "../evaluation/jobs.ts";
import type { Executor } from "../meta/executor.ts";
import type { MetaTraining } from "../meta/outer-loop.ts";
import { loadFamily } from "../tasks/load.ts";
import type { Pool } from "../threads/pool.ts";
import { redisAddress } from "./address.ts";
import { connect } from "./connection.ts";
import { type Coordinator, openCoordinator } from "./coordinator.ts";
import { clusterExecutor } from "./executor.ts";
import { clusterPool } from "./grid.ts";
import { proofOf, tasksOf, type Work } from "./identity.ts";
import { keysOf } from "./keys.ts";
import { keepStatus, sizeOf } from "./status.ts";
import { hashOf } from "./tensors.ts";
import { shareWeights } from "./weights.ts";

/** Milliseconds after which somebody is told that nobody works. */
const LONELY_MS = 3000;

/** What `--cluster` opens: in place of threads, for meta-training and for grids. */
export interface Cluster {
  /** For `MetaRunOptions.open`. */
  executor(training: MetaTraining): Promise<Executor>;
  /** For `GridOptions.open`. */
  pool(jobs: readonly Job[], journal: string | undefined): Promise<Pool<Job, JobResult>>;
  /** Workers and threads at work now, for a line of progress; empty where nothing is under way. */
  size(): string;
}

/**
 * Work on the machines that run `lowland worker` at a Redis. Bits are those of one thread.
 *
 * @param address `redis://…`; empty: from the environment
 * @throws {LowlandError} E_USAGE for what is no address
 */
export function openCluster(
  address: string,
  {
    say,
    signal,
    ...store
  }: StoreOptions & { readonly say: (line: string) => void; readonly signal?: AbortSignal },
): Cluster {
  const where = redisAddress(address);
  let current: Coordinator | undefined;

  async function begin(work: Work): Promise<{ coordinator: Coordinator; reportIn(directory: string): void }> {
    const connection = await connect(where);
    for (const name of new Set(tasksOf(work))) (await loadFamily(name, store)).close();
    const needs = proofOf(work, store);
    // two runs of the same experiment are two experiments here
    const id = `${hashOf(JSON.stringify({ work, needs })).slice(0, 8)}-${randomBytes(4).toString("hex")}`;
    await shareWeights(connection.redis, keysOf(id), needs);
    const coordinator = await openCoordinator(connection, { id, work, needs }, { say, signal });
    const lonely = setTimeout(() => {
      if (coordinator.workers().length === 0) {
        say(`no worker yet at ${where.shown}; start some: lowland worker ${where.shown}`);
      }
    }, LONELY_MS);
    let status: { close(): void } | undefined;
    const { close } = coordinator;
    current = Object.assign(coordinator, {
      async close() {
        clearTimeout(lonely);
        status?.close();
        current = undefined;
        await close();
      },
    });
    return {
      coordinator,
      reportIn(directory) {
        status ??= keepStatus(directory, id, coordinator);
      },
    };
  }

  return {
    async executor({ config }) {
      const { coordinator, reportIn } = await begin({ kind: "meta-train", config });
      return { ...clusterExecutor(coordinator), reportIn };
    },
    async pool(jobs, journal) {
      const distinct = (of: (job: Job) => string): string[] => [...new Set(jobs.map(of))];
      const tasks = distinct(({ task }) => task);
      const { coordinator, reportIn } = await begin({
        ...{ kind: "evaluate", tasks, specs: distinct(({ spec }) => spec) },
      });
      if (journal !== undefined) reportIn(dirname(journal));
      return clusterPool(coordinator);
    },
    size: () => (current === undefined ? "" : sizeOf(current.workers())),
  };
}
