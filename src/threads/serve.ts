import { parentPort } from "node:worker_threads";
import { type ErrorCode, LowlandError } from "../errors.ts";

/** What a worker says: once that it is ready, then what comes of each request; or that it failed at either. */
export type Answer<Result> =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly result: Result }
  | { readonly kind: "failed"; readonly message: string; readonly code?: ErrorCode };

/**
 * Answers the requests a worker thread is sent, one at a time.
 *
 * @param open prepares the work; what it throws ends the pool
 * @param transfer buffers of a result to hand over instead of copying
 */
export async function serve<Request, Result>(
  open: () => Work<Request, Result> | Promise<Work<Request, Result>>,
  transfer: (result: Result) => ArrayBuffer[] = () => [],
): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error("this module runs in a worker thread only");
  const answerOf = async (doing: () => Promise<Answer<Result>>): Promise<Answer<Result>> => {
    try {
      return await doing();
    } catch (error) {
      const { message } = error as Error;
      return { kind: "failed", message, ...(error instanceof LowlandError && { code: error.code }) };
    }
  };
  let work: Work<Request, Result> | undefined;
  const opened = await answerOf(async () => {
    work = await open();
    return { kind: "ready" };
  });
  if (work !== undefined) {
    const ready = work;
    port.on("message", async (request: Request) => {
      const answer = await answerOf(async () => ({ kind: "done", result: await ready(request) }));
      port.postMessage(answer, answer.kind === "done" ? transfer(answer.result) : []);
    });
  }
  port.postMessage(opened);
}

/** What a worker does with a request: a pure function of it. */
export type Work<Request, Result> = (request: Request) => Result | Promise<Result>;
