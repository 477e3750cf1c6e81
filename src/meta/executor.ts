import type { Key } from "../random/key.ts";
import type { Instance, ValidationResult, WindowResult } from "./instance.ts";
import type { WindowRunner } from "./window.ts";

/** A validation run to do. */
export interface ValidationRequest {
  readonly task: number;
  readonly key: Key;
  readonly steps: number;
}

/** Where windows and validations run. Results come in the order of the requests, whoever did the work. */
export interface Executor {
  windows(metaParams: Float32Array, instances: readonly Instance[]): Promise<WindowResult[]>;
  validations(metaParams: Float32Array, requests: readonly ValidationRequest[]): Promise<ValidationResult[]>;
  close(): Promise<void>;
}

/** Runs everything in this thread. */
export function inlineExecutor(runner: WindowRunner): Executor {
  return {
    windows: async (metaParams, instances) =>
      instances.map((instance) => runner.window(metaParams, instance)),
    validations: async (metaParams, requests) =>
      requests.map((request) => runner.validate(metaParams, request)),
    close: async () => runner.close(),
  };
}
