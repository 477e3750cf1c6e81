// A worker thread of meta-training: makes the estimates and validations it is sent.
import { workerData } from "node:worker_threads";
import { serve } from "../threads/serve.ts";
import { receiveSetup, type ThreadSetup } from "../threads/setup.ts";
import { buildMetaTraining } from "./build.ts";
import type { MetaConfig } from "./config.ts";
import { answerMeta, type MetaRequest, type MetaResult, metaBuffers, openMetaWorker } from "./executor.ts";

const { config, thread } = workerData as { config: MetaConfig; thread: ThreadSetup };

await serve<MetaRequest, MetaResult>(async () => {
  receiveSetup(thread);
  const worker = openMetaWorker(await buildMetaTraining(config, thread.options));
  return (request) => answerMeta(worker, request);
}, metaBuffers);
