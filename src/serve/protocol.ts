// What the server says to the page: types only, so that the page can import them.

/**
 * `running`: a living process holds the lock. `finished`: nobody does, and the run came to its end. `crashed`: the process
 * that holds the lock is gone, or it let go of it in the middle, without a checkpoint of the last step. `waiting`: nobody
 * computes, and the run can be resumed.
 */
export type RunStatus = "running" | "finished" | "crashed" | "waiting";

/** A process that computes a run. */
export interface Computing {
  readonly pid: number;
  readonly host: string;
  readonly alive: boolean;
}

/** One run or results directory, as the list shows it. */
export interface RunSummary {
  /** Short and stable: what requests name it by. */
  readonly id: string;
  /** Folder as it was given, and the path in it. */
  readonly name: string;
  /** `meta-train`, `train`, or the kind of the results: `evaluate`, `sharpness`, `reproduce-quick` … */
  readonly kind: string;
  readonly status: RunStatus;
  /** ISO 8601. */
  readonly started?: string;
  /** Milliseconds since 1970 of the last thing written. */
  readonly updatedMs: number;
  /** Steps, or jobs of an evaluation. */
  readonly done: number;
  readonly total?: number;
  /** Of computing, pauses left out. */
  readonly seconds?: number;
  readonly etaSeconds?: number;
  /** The last of each metric within the end of `metrics.jsonl`. */
  readonly last: Readonly<Record<string, number>>;
  readonly best?: { readonly step: number; readonly loss: number };
  /** Estimates thrown away: up to the last checkpoint, and by the last records after it. */
  readonly diverged?: number;
  readonly computing: readonly Computing[];
  /** Resolved configuration; empty for results. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Files of it that can be asked for. */
  readonly files: readonly string[];
}

/** Everything about one run. */
export interface RunDetail {
  readonly summary: RunSummary;
  readonly meta: Readonly<Record<string, unknown>>;
  /** `README.md`. */
  readonly card?: string;
}

/** The whole list, or what changed in it. */
export interface RunsChanged {
  readonly runs: readonly RunSummary[];
  /** Ids of runs that are no longer there. */
  readonly gone: readonly string[];
}

/** What a request is refused with. */
export interface Refused {
  readonly error: { readonly code: string; readonly message: string };
}

export type XAxis = "step" | "time";
export type Scale = "linear" | "log";

/** One metric of one run, cut into buckets in the order of x. */
export interface Series {
  readonly run: string;
  readonly metric: string;
  /** Mean x of each bucket: outer or inner steps, or seconds. */
  readonly x: readonly number[];
  readonly mean: readonly number[];
  /** Least and greatest y; missing where every bucket holds one record. */
  readonly low?: readonly number[];
  readonly high?: readonly number[];
}

export interface SeriesReply {
  /** Metrics that any of the runs has. */
  readonly metrics: readonly string[];
  readonly series: readonly Series[];
}
