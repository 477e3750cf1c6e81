import { parentPort } from "node:worker_threads";
import { type Work, work } from "./work.ts";

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
  const channel = {
    listen: (onRequest: (request: Request) => Promise<void>) => void port.on("message", onRequest),
    answer: (answer: unknown, buffers: ArrayBuffer[]) => port.postMessage(answer, buffers),
  };
  await work(open, channel, transfer);
}
