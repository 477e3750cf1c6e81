import { openSeats, type Pool } from "./seats.ts";
import { type Answer, type Work, work } from "./work.ts";

/** What this file needs of a Web Worker, on its outside. */
interface WebWorker {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  terminate(): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "error", listener: (event: { readonly message?: string }) => void): void;
}

/** The same on its inside: its global scope. */
interface WebWorkerScope {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
}

/**
 * A pool of Web Workers with the interface of Node's threads; the module hands its work to `serveWeb`. Datasets are part
 * of `setup`, which each worker gets a copy of: memory is shared by pages with special headers only.
 *
 * @param start starts a worker; bundlers find its module where it is written like this
 * @param options `setup`: what every worker is started with, structured-cloneable
 * @throws {LowlandError} what a worker meets that cannot start, now or when one is replaced
 * @example
 * const start = () => new Worker(new URL("./estimates.ts", import.meta.url), { type: "module" });
 * const pool = await openWebPool<MetaRequest, Estimate>(start, { threads: navigator.hardwareConcurrency, setup });
 */
export function openWebPool<Request, Result>(
  start: () => WebWorker,
  { threads, setup }: { threads: number; setup?: unknown },
): Promise<Pool<Request, Result>> {
  return openSeats(({ answered, lost }) => {
    const worker = start();
    worker.addEventListener("message", ({ data }) => answered(data as Answer<Result>));
    worker.addEventListener("error", ({ message }) => {
      // it may live on, but what it was at is lost
      worker.terminate();
      lost(new Error(message || "its script cannot be loaded"));
    });
    worker.postMessage(setup);
    return { post: (request) => worker.postMessage(request), dismiss: () => worker.terminate() };
  }, threads);
}

/**
 * Answers the requests a Web Worker is sent by `openWebPool`, one at a time.
 *
 * @param open prepares the work from the pool's `setup`; what it throws ends the pool
 * @param transfer buffers of a result to hand over instead of copying
 * @example
 * serveWeb((setup: Setup) => (request: Request) => estimate(setup, request));
 */
export function serveWeb<Setup, Request, Result>(
  open: (setup: Setup) => Work<Request, Result> | Promise<Work<Request, Result>>,
  transfer: (result: Result) => ArrayBuffer[] = () => [],
): void {
  const scope = globalThis as unknown as WebWorkerScope;
  let onMessage = ({ data }: { readonly data: unknown }): void => {
    void work<Request, Result>(
      () => open(data as Setup),
      {
        listen(onRequest) {
          onMessage = (event) => void onRequest(event.data as Request);
        },
        answer: (answer, buffers) => scope.postMessage(answer, buffers),
      },
      transfer,
    );
  };
  scope.addEventListener("message", (event) => onMessage(event));
}
