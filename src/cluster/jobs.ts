import type { ErrorCode } from "../errors.ts";
import type { Job } from "../evaluation/jobs.ts";
import type { Instance, ScheduleState } from "../meta/types.ts";
import type { ValidationRequest } from "../meta/validate.ts";

/** One estimate that an instance has gone through: with its φ, by hash, it can be made again to the bit. */
export interface Passed {
  readonly metaParams: string;
  readonly schedule: ScheduleState;
}

/** Where an instance is: with the worker that did `held`, or at the end of estimates from a base that others have too. */
export interface InstanceSource {
  /** The job that left it. */
  readonly held?: string;
  /** An instance without tensors yet, or the SHA-256 of its bytes. */
  readonly base?: { readonly fresh: Instance } | { readonly blob: string };
  /** What it has gone through since. */
  readonly since?: readonly Passed[];
}

/** An instance in a job, by its place in the run. */
export interface PlaceSource {
  readonly place: number;
  readonly instance: InstanceSource;
  /** Send its bytes after the estimate, without making anybody wait. */
  readonly snapshot?: boolean;
}

/** Work as it lies in a queue: numbers, names, keys and hashes, no tensors. */
export type JobData =
  | ({ readonly kind: "estimates"; readonly places: readonly PlaceSource[] } & Passed)
  | { readonly kind: "instances"; readonly places: readonly PlaceSource[] }
  | { readonly kind: "validate"; readonly metaParams: string; readonly request: ValidationRequest }
  | { readonly kind: "run"; readonly job: Job };

/** What a worker says of a job: the hash of what it gave, that bytes it needs are gone, or that it failed. */
export type Outcome =
  | { readonly worker: string; readonly hash: string }
  | { readonly worker: string; readonly missing: true }
  | { readonly worker: string; readonly failed: string; readonly code?: ErrorCode }
  /** The bytes of an instance as this job left it. */
  | { readonly worker: string; readonly snapshot: number; readonly hash: string };
