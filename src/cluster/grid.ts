import type { Job, JobResult } from "../evaluation/jobs.ts";
import type { Pool } from "../threads/pool.ts";
import type { Coordinator } from "./coordinator.ts";
import { unpack } from "./tensors.ts";

/** Jobs in the queue for every thread at work: enough that none waits, few enough that a queue stays short. */
const AHEAD = 3;
/** Jobs in it before any worker is there. */
const FIRST = 8;

/** The pool of an evaluation's jobs on a cluster. */
export function clusterPool(coordinator: Coordinator): Pool<Job, JobResult> {
  return {
    async map(jobs, onResult) {
      const results: JobResult[] = new Array(jobs.length);
      const running = new Set<Promise<void>>();
      const room = (): number =>
        AHEAD * coordinator.workers().reduce((sum, { threads }) => sum + threads, FIRST);
      for (const [i, job] of jobs.entries()) {
        while (running.size >= room()) await Promise.race(running);
        const work = coordinator.run({ data: { kind: "run", job } }).then(({ bytes, ...done }) => {
          coordinator.forget([coordinator.keys.result(done.job)]);
          // the job as it is named here: a worker may have copies of its weights elsewhere
          results[i] = { ...unpack<JobResult>(bytes), job };
          onResult?.(results[i]!, i);
          running.delete(work);
        });
        work.catch(() => {}); // it rejects below
        running.add(work);
      }
      await Promise.all(running);
      return results;
    },
    close: () => coordinator.close(),
  };
}
