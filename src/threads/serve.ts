import { parentPort } from "node:worker_threads";
import { type ErrorCode, LowlandError } from "../errors.ts";

/** What a worker answers to a request. */
export type Answer<Result> =
  | { readonly kind: "done"; readonly result: Result }
  | { readonly kind: "failed"; readonly message: string; readonly code?: ErrorCode };

/**
 * Answers the requests a worker thread is sent, one at a time.
 *
 * @param transfer buffers of a result to hand over instead of copying
 */
export function serve<Request, Result>(
  work: (request: Request) => Result | Promise<Result>,
  transfer: (result: Result) => ArrayBuffer[] = () => [],
): void {
  const port = parentPort;
  if (port === null) throw new Error("this module runs in a worker thread only");
  port.on("message", async (request: Request) => {
    let answer: Answer<Result>;
    try {
      answer = { kind: "done", result: await work(request) };
    } catch (error) {
      const { message } = error as Error;
      answer = { kind: "failed", message, ...(error instanceof LowlandError && { code: error.code }) };
    }
    port.postMessage(answer, answer.kind === "done" ? transfer(answer.result) : []);
  });
}
