// A worker thread of an evaluation: does the jobs it is sent.
import { workerData } from "node:worker_threads";
import { serve } from "../threads/serve.ts";
import { receiveSetup, type ThreadSetup } from "../threads/setup.ts";
import { type Job, type JobResult, openJobRunner } from "./jobs.ts";

const setup = workerData as ThreadSetup;

await serve<Job, JobResult>(() => {
  receiveSetup(setup);
  const runner = openJobRunner(setup.options);
  return (job) => runner.run(job);
});
