/** Prefix of the queues' own keys, which BullMQ names `lowland:QUEUE:…`. */
export const QUEUE_PREFIX = "lowland";

/** Set of the experiments that were announced. */
export const EXPERIMENTS = "lowland/experiments";

/** Seconds after which what nobody renews is gone. */
export const EXPIRY = {
  /** Of an experiment's announcement: its coordinator renews it every second. */
  offer: 5,
  /** Of the mark that keeps what is left of an experiment: long enough for a coordinator that stands still. */
  keep: 60,
  /** Of tensors: longer than anything waits for them. */
  tensors: 900,
} as const;

/** The keys of one experiment. */
export interface ExperimentKeys {
  readonly offer: string;
  readonly keep: string;
  /** Hash of the workers' records, by worker. */
  readonly workers: string;
  /** Hash of the files of weights, by SHA-256. */
  readonly weights: string;
  /** Stream of what came of jobs. */
  readonly results: string;
  /** What a job gave. */
  result(job: string): string;
  /** An instance as a job left it. */
  snapshot(job: string, place: number): string;
  /** Bytes by their SHA-256. */
  blob(hash: string): string;
}

/** Names of an experiment's keys. No two experiments share any. */
export function keysOf(experiment: string): ExperimentKeys {
  const own = (name: string): string => `lowland/${experiment}/${name}`;
  return {
    offer: own("offer"),
    keep: own("keep"),
    workers: own("workers"),
    weights: own("weights"),
    results: own("results"),
    result: (job) => own(`result/${job}`),
    snapshot: (job, place) => own(`snapshot/${job}/${place}`),
    blob: (hash) => own(`blob/${hash}`),
  };
}

/** The queue that any worker of an experiment takes from, or that of one worker. */
export function queueName(experiment: string, worker?: string): string {
  return worker === undefined ? experiment : `${experiment}.${worker}`;
}

/** Patterns of all keys of an experiment, those of its queues included. */
export function patternsOf(experiment: string): string[] {
  return [`lowland/${experiment}/*`, `${QUEUE_PREFIX}:${experiment}:*`, `${QUEUE_PREFIX}:${experiment}.*`];
}
