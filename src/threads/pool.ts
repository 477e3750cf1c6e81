import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { LowlandError } from "../errors.ts";
import type { Answer } from "./serve.ts";

/** How often a request is tried again after its worker was lost. */
const RETRIES = 2;

/** Worker threads that take requests as they become free. */
export interface Pool<Request, Result> {
  /** Results come in the order of the requests. `onResult` is called as each of them arrives. */
  map(requests: readonly Request[], onResult?: (result: Result, index: number) => void): Promise<Result[]>;
  close(): Promise<void>;
}

interface Job<Request, Result> {
  readonly request: Request;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
  losses: number;
}

/**
 * Starts `threads` workers of one module; the module hands its work to `serve`. A lost worker is replaced and its
 * request run again: requests must be pure functions of their data.
 *
 * @param name the worker's module, seen from src/ or dist/: `meta/worker`
 * @param setup what every worker is started with
 */
export function openPool<Request, Result>(
  name: string,
  { threads, setup }: { threads: number; setup: unknown },
): Pool<Request, Result> {
  const queue: Job<Request, Result>[] = [];
  const workers = new Map<Worker, Job<Request, Result> | undefined>();
  let closing = false;

  function spawn(): void {
    const worker = new Worker(workerModule(name), { workerData: setup });
    workers.set(worker, undefined);
    worker.on("message", (answer: Answer<Result>) => {
      const job = workers.get(worker);
      workers.set(worker, undefined);
      if (answer.kind === "done") job?.resolve(answer.result);
      else
        job?.reject(answer.code ? new LowlandError(answer.code, answer.message) : new Error(answer.message));
      dispatch();
    });
    worker.on("error", (error) => lost(worker, error));
    worker.on("exit", () => lost(worker, new Error("the thread ended")));
  }

  function lost(worker: Worker, cause: Error): void {
    const job = workers.get(worker);
    if (!workers.delete(worker) || closing) return;
    if (job !== undefined) {
      job.losses++;
      if (job.losses > RETRIES) {
        job.reject(
          new LowlandError(
            "E_RUN",
            `a worker thread was lost ${job.losses} times at the same work: ${cause.message}; give it more memory, or use fewer threads`,
          ),
        );
      } else queue.unshift(job);
    }
    spawn();
    dispatch();
  }

  function dispatch(): void {
    for (const [worker, busy] of workers) {
      if (busy !== undefined) continue;
      const job = queue.shift();
      if (job === undefined) return;
      workers.set(worker, job);
      worker.postMessage(job.request);
    }
  }

  for (let i = 0; i < threads; i++) spawn();

  return {
    map(requests, onResult) {
      const results = requests.map(
        (request, index) =>
          new Promise<Result>((resolve, reject) => {
            const done = (result: Result): void => {
              onResult?.(result, index);
              resolve(result);
            };
            queue.push({ request, resolve: done, reject, losses: 0 });
          }),
      );
      dispatch();
      return Promise.all(results);
    },
    async close() {
      closing = true;
      queue.length = 0;
      await Promise.all([...workers.keys()].map((worker) => worker.terminate()));
    },
  };
}

/** A worker's module: beside this folder in the build, in dist/ when this file runs from its source. */
function workerModule(name: string): URL {
  const built = new URL(`../${name}.js`, import.meta.url);
  return existsSync(fileURLToPath(built)) ? built : new URL(`../../dist/${name}.js`, import.meta.url);
}
