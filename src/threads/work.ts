import { type ErrorCode, LowlandError } from "../errors.ts";

/** What a worker does with a request: a pure function of it. */
export type Work<Request, Result> = (request: Request) => Result | Promise<Result>;

/** What a worker says: once that it is ready, then what comes of each request; or that it failed at either. */
export type Answer<Result> =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly result: Result }
  | { readonly kind: "failed"; readonly message: string; readonly code?: ErrorCode };

/** Whatever comes of `doing`, as an answer: errors too. */
export async function answerOf<Result>(doing: () => Promise<Answer<Result>>): Promise<Answer<Result>> {
  try {
    return await doing();
  } catch (error) {
    const { message } = error as Error;
    return { kind: "failed", message, ...(error instanceof LowlandError && { code: error.code }) };
  }
}

/** A worker's side of its channel: where it takes requests from and sends answers to. */
export interface Channel<Request, Result> {
  listen(onRequest: (request: Request) => Promise<void>): void;
  answer(answer: Answer<Result>, transfer: ArrayBuffer[]): void;
}

/**
 * Opens the work, says how that went, and answers requests one at a time.
 *
 * @param transfer buffers of a result to hand over instead of copying
 */
export async function work<Request, Result>(
  open: () => Work<Request, Result> | Promise<Work<Request, Result>>,
  channel: Channel<Request, Result>,
  transfer: (result: Result) => ArrayBuffer[],
): Promise<void> {
  const opened = await answerOf<Result>(async () => {
    const ready = await open();
    channel.listen(async (request) => {
      const answer = await answerOf<Result>(async () => ({ kind: "done", result: await ready(request) }));
      channel.answer(answer, answer.kind === "done" ? transfer(answer.result) : []);
    });
    return { kind: "ready" };
  });
  channel.answer(opened, []);
}
