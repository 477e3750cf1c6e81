import type { ErrorCode } from "../errors.ts";
import type { Job } from "../evaluation/jobs.ts";
import type { ScheduleState } from "../meta/types.ts";
import type { ValidationRequest } from "../meta/validate.ts";

/** Where an instance is: within what an earlier job gave, or in bytes of its own. */
export type InstanceSource = { readonly job: string; readonly hash: string } | { readonly blob: string };

/** Work as it lies in a queue: numbers, names, keys and hashes, no tensors. */
export type JobData =
  | {
      readonly kind: "estimate";
      /** SHA-256 of the bytes of φ. */
      readonly metaParams: string;
      readonly place: number;
      readonly instance: InstanceSource;
      readonly schedule: ScheduleState;
    }
  | { readonly kind: "validate"; readonly metaParams: string; readonly request: ValidationRequest }
  | { readonly kind: "run"; readonly job: Job };

/** What a worker says of a job: the hash of what it gave, that bytes it needs are gone, or that it failed. */
export type Outcome =
  | { readonly worker: string; readonly hash: string }
  | { readonly worker: string; readonly missing: true }
  | { readonly worker: string; readonly failed: string; readonly code?: ErrorCode };
