// A worker thread of meta-training: makes the estimates and validations it is sent.
import { workerData } from "node:worker_threads";
import { serve } from "../threads/serve.ts";
import { receiveSetup, type ThreadSetup } from "../threads/setup.ts";
import { buildMetaTraining } from "./build.ts";
import type { MetaConfig } from "./config.ts";
import { openWorker } from "./executor.ts";
import type { Estimate, InnerState, Instance, ScheduleState } from "./types.ts";
import type { ValidationRequest, ValidationResult } from "./validate.ts";

/** Work for a worker. */
export type MetaRequest =
  | {
      readonly kind: "estimate";
      readonly metaParams: Float32Array;
      readonly instance: Instance;
      readonly schedule: ScheduleState;
    }
  | { readonly kind: "validate"; readonly metaParams: Float32Array; readonly request: ValidationRequest };

/** What it answers. */
export type MetaResult = Estimate | ValidationResult;

const { config, thread } = workerData as { config: MetaConfig; thread: ThreadSetup };

await serve<MetaRequest, MetaResult>(
  async () => {
    receiveSetup(thread);
    const worker = openWorker(await buildMetaTraining(config, thread.options));
    return (request) =>
      request.kind === "estimate"
        ? worker.estimate(request.metaParams, request.instance, request.schedule)
        : worker.validate(request.metaParams, request.request);
  },
  (result) => {
    if (!("instance" in result)) return [];
    const { gradient, instance } = result;
    const vectors = [gradient, ...Object.values(instance.tensors), ...instance.runs.flatMap(vectorsOf)];
    return vectors.map(({ buffer }) => buffer as ArrayBuffer);
  },
);

function vectorsOf({ params, optimizer, teacher = {}, known }: InnerState): Float32Array[] {
  return [params, ...Object.values(optimizer), ...Object.values(teacher), ...(known ? [known.gradient] : [])];
}
