import { Worker } from "node:worker_threads";
import { LowlandError } from "../errors.ts";
import type { Answer } from "./serve.ts";
import { workerModule } from "./worker-module.ts";

/** How often a request is tried again after its worker was lost. */
const RETRIES = 2;

/** Worker threads that take requests as they become free. */
export interface Pool<Request, Result> {
  /**
   * Results come in the order of the requests. `onResult` is called as each of them arrives. The first failure, of a
   * request or of `onResult`, is what it rejects with; what has not begun is then left out.
   */
  map(requests: readonly Request[], onResult?: (result: Result, index: number) => void): Promise<Result[]>;
  /** Ends the threads; work under way is rejected. */
  close(): Promise<void>;
}

interface Job<Request, Result> {
  readonly request: Request;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
  losses: number;
}

/** A worker's place: whether it has started, and what it is at. */
interface Seat<Request, Result> {
  ready: boolean;
  job?: Job<Request, Result> | undefined;
}

/**
 * Starts `threads` workers of one module; the module hands its work to `serve`. A worker that is lost at work is replaced
 * and its request run again: requests must be pure functions of their data.
 *
 * @param module the worker's module, seen from src/ or dist/: `meta/worker`
 * @param options `setup`: what every worker is started with
 * @throws {LowlandError} what a worker meets that cannot start, now or when one is replaced
 */
export function openPool<Request, Result>(
  module: string | URL,
  { threads, setup }: { threads: number; setup?: unknown },
): Promise<Pool<Request, Result>> {
  const file = typeof module === "string" ? workerModule(module) : module;
  let queue: Job<Request, Result>[] = [];
  const seats = new Map<Worker, Seat<Request, Result>>();
  let ended: Error | undefined;
  let onStart: (error?: Error) => void = () => {};

  function spawn(): void {
    const worker = new Worker(file, { workerData: setup });
    const seat: Seat<Request, Result> = { ready: false };
    seats.set(worker, seat);
    worker.on("message", (answer: Answer<Result>) => {
      if (ended !== undefined) return;
      const { job } = seat;
      seat.job = undefined;
      if (answer.kind === "done") job?.resolve(answer.result);
      else if (answer.kind === "failed") {
        const { code, message } = answer;
        const error = code ? new LowlandError(code, message) : new Error(message);
        if (!seat.ready) return void end(error);
        job?.reject(error);
      } else {
        seat.ready = true;
        if ([...seats.values()].every(({ ready }) => ready)) onStart();
      }
      dispatch();
    });
    worker.on("error", (error) => lost(worker, error));
    worker.on("exit", () => lost(worker, new Error("the thread ended")));
  }

  function lost(worker: Worker, { message }: Error): void {
    const seat = seats.get(worker);
    if (seat === undefined || ended !== undefined) return;
    seats.delete(worker);
    const { job, ready } = seat;
    if (!ready) {
      const fact = `a worker thread cannot start: ${message}`;
      return void end(new LowlandError("E_RUN", `${fact}; use fewer threads if memory is short`));
    }
    if (job !== undefined && ++job.losses > RETRIES) {
      const fact = `a worker thread was lost ${job.losses} times at the same work: ${message}`;
      job.reject(new LowlandError("E_RUN", `${fact}; give it more memory, or use fewer threads`));
    } else if (job !== undefined) queue.unshift(job);
    spawn();
    dispatch();
  }

  function dispatch(): void {
    for (const [worker, seat] of seats) {
      if (!seat.ready || seat.job !== undefined) continue;
      seat.job = queue.shift();
      if (seat.job === undefined) return;
      worker.postMessage(seat.job.request);
    }
  }

  async function end(error: Error): Promise<void> {
    if (ended === undefined) {
      ended = error;
      onStart(error);
      for (const job of [...queue, ...[...seats.values()].flatMap(({ job }) => job ?? [])]) job.reject(error);
      queue = [];
    }
    await Promise.all([...seats.keys()].map((worker) => worker.terminate()));
  }

  const pool: Pool<Request, Result> = {
    async map(requests, onResult) {
      if (ended !== undefined) throw ended;
      const jobs = new Set<Job<Request, Result>>();
      const results = requests.map(
        (request, index) =>
          new Promise<Result>((resolve, reject) => {
            const done = (result: Result): void => {
              try {
                onResult?.(result, index);
                resolve(result);
              } catch (error) {
                reject(error);
              }
            };
            jobs.add({ request, resolve: done, reject, losses: 0 });
          }),
      );
      queue.push(...jobs);
      dispatch();
      try {
        return await Promise.all(results);
      } finally {
        queue = queue.filter((job) => !jobs.has(job));
      }
    },
    close: () => end(new LowlandError("E_RUN", "the worker threads were closed; open them again")),
  };
  return new Promise((resolve, reject) => {
    onStart = (error) => (error === undefined ? resolve(pool) : reject(error));
    for (let i = 0; i < threads; i++) spawn();
  });
}
