import { join } from "node:path";
import { writeFileAtomic } from "../runs/files.ts";
import type { Coordinator } from "./coordinator.ts";

/** File of a run or results directory that says how its cluster fares. */
export const CLUSTER_FILE = "cluster.json";

/** What it holds. */
export interface ClusterStatus {
  readonly schemaVersion: 1;
  readonly experiment: string;
  /** `ended` where the command tidied up; a command that was killed leaves `running` and an old time. */
  readonly state: "running" | "ended";
  /** ISO 8601, UTC: rewritten every two seconds. */
  readonly updated: string;
  /** Jobs done, under way or waiting, and given out again, by this command. */
  readonly jobs: { readonly done: number; readonly waiting: number; readonly again: number };
  readonly workers: readonly {
    readonly id: string;
    readonly host: string;
    readonly pid: number;
    readonly threads: number;
    readonly done: number;
  }[];
  readonly refused: readonly { readonly id: string; readonly host: string; readonly reason: string }[];
}

const EVERY_MS = 2000;

/** Writes the status into a directory now, every two seconds, and once more when it is closed. */
export function keepStatus(
  directory: string,
  experiment: string,
  coordinator: Pick<Coordinator, "workers" | "refused" | "counts">,
): { close(): void } {
  const write = (state: ClusterStatus["state"]): void => {
    const status: ClusterStatus = {
      schemaVersion: 1,
      experiment,
      state,
      updated: new Date().toISOString(),
      jobs: coordinator.counts(),
      workers: coordinator
        .workers()
        .map(({ id, host, pid, threads, done }) => ({ id, host, pid, threads, done })),
      refused: coordinator.refused().map(({ id, host, refused = "" }) => ({ id, host, reason: refused })),
    };
    writeFileAtomic(join(directory, CLUSTER_FILE), `${JSON.stringify(status, null, 2)}\n`);
  };
  const timer = setInterval(() => write("running"), EVERY_MS);
  write("running");
  return {
    close() {
      clearInterval(timer);
      write("ended");
    },
  };
}

/** Workers and threads, for a line of progress. */
export function sizeOf(workers: readonly { readonly threads: number }[]): string {
  const threads = workers.reduce((sum, worker) => sum + worker.threads, 0);
  const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
  return `${plural(workers.length, "worker")}, ${plural(threads, "thread")}`;
}
