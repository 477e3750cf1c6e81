import { Worker } from "node:worker_threads";
import { openSeats, type Pool } from "./seats.ts";
import { workerModule } from "./worker-module.ts";

export type { Pool } from "./seats.ts";

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
  return openSeats(({ answered, lost }) => {
    const worker = new Worker(file, { workerData: setup });
    worker.on("message", answered);
    worker.on("error", lost);
    worker.on("exit", () => lost(new Error("the thread ended")));
    return { post: (request) => worker.postMessage(request), dismiss: () => worker.terminate() };
  }, threads);
}
