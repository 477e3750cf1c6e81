import { LowlandError } from "../errors.ts";
import type { Answer } from "./work.ts";

/** How often a request is tried again after its worker was lost. */
const RETRIES = 2;

/** Workers that take requests as they become free. */
export interface Pool<Request, Result> {
  /**
   * Results come in the order of the requests. `onResult` is called as each of them arrives. The first failure, of a
   * request or of `onResult`, is what it rejects with; what has not begun is then left out.
   */
  map(requests: readonly Request[], onResult?: (result: Result, index: number) => void): Promise<Result[]>;
  /** Ends the workers; work under way is rejected. */
  close(): Promise<void>;
}

/** A worker as its pool sees it, whatever runs it. */
export interface Hired<Request> {
  post(request: Request): void;
  dismiss(): unknown;
}

/** What a worker tells its pool. */
export interface WorkerEvents<Result> {
  answered(answer: Answer<Result>): void;
  lost(error: Error): void;
}

interface Job<Request, Result> {
  readonly request: Request;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
  losses: number;
}

/** A worker's place: who sits there, whether it has started, and what it is at. */
interface Seat<Request, Result> {
  worker?: Hired<Request>;
  ready: boolean;
  job?: Job<Request, Result> | undefined;
}

/**
 * Opens a pool of `count` workers. One that is lost at work is replaced and its request run again: requests must be pure
 * functions of their data.
 *
 * @param hire starts a worker
 * @throws {LowlandError} what a worker meets that cannot start, now or when one is replaced
 */
export function openSeats<Request, Result>(
  hire: (events: WorkerEvents<Result>) => Hired<Request>,
  count: number,
): Promise<Pool<Request, Result>> {
  let queue: Job<Request, Result>[] = [];
  const seats = new Set<Seat<Request, Result>>();
  let ended: Error | undefined;
  let onStart: (error?: Error) => void = () => {};

  function spawn(): void {
    const seat: Seat<Request, Result> = { ready: false };
    seats.add(seat);
    seat.worker = hire({
      answered(answer) {
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
          if ([...seats].every(({ ready }) => ready)) onStart();
        }
        dispatch();
      },
      lost: (error) => lose(seat, error),
    });
  }

  function lose(seat: Seat<Request, Result>, { message }: Error): void {
    if (!seats.has(seat) || ended !== undefined) return;
    seats.delete(seat);
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
    for (const seat of seats) {
      if (!seat.ready || seat.job !== undefined) continue;
      seat.job = queue.shift();
      if (seat.job === undefined) return;
      seat.worker?.post(seat.job.request);
    }
  }

  async function end(error: Error): Promise<void> {
    if (ended === undefined) {
      ended = error;
      onStart(error);
      for (const job of [...queue, ...[...seats].flatMap(({ job }) => job ?? [])]) job.reject(error);
      queue = [];
    }
    await Promise.all([...seats].map(({ worker }) => worker?.dismiss()));
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
    for (let i = 0; i < count; i++) spawn();
  });
}
