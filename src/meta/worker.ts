// A worker thread of meta-training: runs the windows and validations it is sent.
import { workerData } from "node:worker_threads";
import { serve } from "../threads/serve.ts";
import { receiveSetup, type ThreadSetup } from "../threads/setup.ts";
import type { MetaConfig } from "./config.ts";
import type { ValidationRequest } from "./executor.ts";
import type { Instance, ValidationResult, WindowResult } from "./instance.ts";
import { openRunnerOf } from "./setup.ts";

/** Work for a worker. */
export type MetaRequest =
  | { readonly kind: "window"; readonly metaParams: Float32Array; readonly instance: Instance }
  | { readonly kind: "validate"; readonly metaParams: Float32Array; readonly request: ValidationRequest };

/** What it answers. */
export type MetaResult = WindowResult | ValidationResult;

const { config, thread } = workerData as { config: MetaConfig; thread: ThreadSetup };
receiveSetup(thread);
const opening = openRunnerOf(config, thread.options);

serve<MetaRequest, MetaResult>(
  async (request) => {
    const runner = await opening;
    return request.kind === "window"
      ? runner.window(request.metaParams, request.instance)
      : runner.validate(request.metaParams, request.request);
  },
  (result) => {
    if (!("instance" in result)) return [];
    const { params, optimizer } = result.instance;
    return [params!, ...Object.values(optimizer!)].map(({ buffer }) => buffer as ArrayBuffer);
  },
);
