import type { WeightFiles } from "./model/build-method.ts";
import type { SharpnessView } from "./model/lens.ts";
import type { Plane } from "./model/plane.ts";
import type { Probe } from "./model/probe.ts";
import type { ProblemState } from "./model/problem.ts";
import type { RunView, SessionState } from "./model/session.ts";

// Who does what. The page only draws and asks; three kinds of workers compute:
// - the trainer holds the session: the page asks it to advance, and it answers with where the runs stand;
// - lenses, a pool, look at points they are sent: landscape rows and sharpness, pure functions of the request;
// - the meta-trainer trains a learned optimizer until it is ended, and tells of it as it goes.

/** What the trainer can be asked, and what it answers. */
export interface TrainerCalls {
  /** Opens a session in place of the one before. */
  open(options: { session: SessionState; files: WeightFiles; surfaces: boolean }): Advanced & {
    readonly size: number;
    readonly bits: string;
    readonly points?: Points;
  };
  /** Takes up to `steps` steps, for as long as `budgetMs`. */
  advance(options: { steps: number; budgetMs: number; surfaces: boolean }): Advanced;
  probe(options: { run: number; coordinate: number }): Probe;
  predict(options: { input: Float32Array }): readonly Float32Array[];
}

/** Where the runs stand. */
export interface Advanced {
  readonly step: number;
  readonly runs: readonly RunView[];
}

/** Examples of a toy: x, y in [0, 1] and class. */
export interface Points {
  readonly train: readonly (readonly [x: number, y: number, label: number])[];
  readonly test: readonly (readonly [x: number, y: number, label: number])[];
}

/** What lenses are opened with, and what they are sent. */
export interface LensSetup {
  readonly problem: ProblemState;
}
export type LensRequest =
  | { readonly kind: "row"; readonly plane: Plane; readonly xs: readonly number[]; readonly y: number }
  | { readonly kind: "sharpness"; readonly params: Float32Array; readonly step: number };
export type LensResult = Float32Array | SharpnessView;

/** What the meta-trainer is started with, and what it tells. */
export interface MetaOrder {
  readonly architecture: string;
  readonly estimator: "pes" | "bptt";
  /** Toys that inner trainings are drawn from. */
  readonly data: string;
  readonly seed: number;
  readonly outerSteps: number;
}
export interface MetaNews {
  readonly outerStep: number;
  readonly metaLoss: number;
  /** The update rule so far, on a coordinate whose gradient was constant for some steps: u by g. */
  readonly gradients: readonly number[];
  readonly updates: readonly number[];
  readonly weights: Uint8Array;
  readonly done: boolean;
}

/** Functions of another thread by name: what they take and give. */
// biome-ignore lint/suspicious/noExplicitAny: any signature of one argument
type Calls<T> = { [K in keyof T]: (argument: any) => unknown };

/** The same as promises. */
export type Remote<T extends Calls<T>> = {
  [K in keyof T]: (argument: Parameters<T[K]>[0]) => Promise<ReturnType<T[K]>>;
};

interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}
interface Return {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Calls functions of a worker; what they throw is what the promise is rejected with. */
export function connect<T extends Calls<T>>(worker: Worker, names: readonly (keyof T & string)[]): Remote<T> {
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  let last = 0;
  worker.addEventListener("message", ({ data }: MessageEvent<Return>) => {
    const { id, result, error } = data;
    const { resolve, reject } = waiting.get(id)!;
    waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  });
  worker.addEventListener("error", ({ message }) => {
    for (const { reject } of waiting.values()) reject(new Error(message));
    waiting.clear();
  });
  const call =
    (name: string) =>
    (argument: unknown): Promise<unknown> =>
      new Promise((resolve, reject) => {
        last++;
        waiting.set(last, { resolve, reject });
        worker.postMessage({ id: last, name, argument } satisfies Call);
      });
  return Object.fromEntries(names.map((name) => [name, call(name)])) as unknown as Remote<T>;
}

/** The worker's side of `connect`. */
export function answer<T extends Calls<T>>(calls: T): void {
  const scope = globalThis as unknown as Pick<Worker, "postMessage" | "addEventListener">;
  scope.addEventListener("message", async ({ data }: MessageEvent<Call>) => {
    const { id, name, argument } = data;
    try {
      const result = await calls[name as keyof T](argument);
      scope.postMessage({ id, result } satisfies Return);
    } catch (error) {
      scope.postMessage({ id, error: (error as Error).message } satisfies Return);
    }
  });
}
