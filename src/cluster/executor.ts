import type { Executor } from "../meta/executor.ts";
import type { Estimate, Instance } from "../meta/types.ts";
import type { ValidationResult } from "../meta/validate.ts";
import { assign } from "./assign.ts";
import type { Coordinator } from "./coordinator.ts";
import type { JobData } from "./jobs.ts";
import { hashOf, pack, unpack } from "./tensors.ts";

/** Where an instance lies besides this process. */
interface Home {
  readonly job: string;
  readonly hash: string;
  readonly worker: string;
}

/** The executor of meta-training on a cluster. Every instance is here too, so that no worker's end loses any. */
export function clusterExecutor(coordinator: Coordinator): Executor {
  const { keys } = coordinator;
  const homes = new WeakMap<Instance, Home>();
  let shared: { readonly metaParams: Float32Array; readonly hash: string } | undefined;

  async function share(value: unknown): Promise<string> {
    const bytes = pack(value);
    const hash = hashOf(bytes);
    await coordinator.share(hash, bytes);
    return hash;
  }

  /** φ goes out once for all jobs of an outer step, the meta-validation after it included. */
  async function shareMetaParams(metaParams: Float32Array): Promise<string> {
    if (shared?.metaParams === metaParams) return shared.hash;
    const hash = await share(metaParams);
    if (shared !== undefined && shared.hash !== hash) coordinator.forget([keys.blob(shared.hash)]);
    shared = { metaParams, hash };
    return hash;
  }

  return {
    async estimates(metaParams, instances, schedule) {
      const phi = await shareMetaParams(metaParams);
      const workers = assign(
        instances.map((instance) => homes.get(instance)?.worker),
        coordinator.workers(),
      );
      const done = await Promise.all(
        instances.map(async (instance, i) => {
          const place = instance.index;
          const data = (from: Extract<JobData, { kind: "estimate" }>["instance"]): JobData => ({
            ...{ kind: "estimate", metaParams: phi, place, instance: from, schedule },
          });
          const { job, hash } = homes.get(instance) ?? {};
          return coordinator.run({
            data: data(job && hash ? { job, hash } : { blob: await share(instance) }),
            worker: workers[i],
            async restore() {
              await share(metaParams);
              return data({ blob: await share(instance) });
            },
          });
        }),
      );
      // what an instance was before its next estimate is asked for by nobody
      coordinator.forget(instances.flatMap((instance) => keysOfHome(homes.get(instance))));
      return done.map(({ bytes, ...home }): Estimate => {
        const estimate = unpack<Estimate>(bytes);
        homes.set(estimate.instance, home);
        return estimate;
      });
    },
    async validations(metaParams, requests) {
      const phi = await shareMetaParams(metaParams);
      const done = await Promise.all(
        requests.map((request) => {
          const data: JobData = { kind: "validate", metaParams: phi, request };
          return coordinator.run({
            data,
            async restore() {
              await share(metaParams);
              return data;
            },
          });
        }),
      );
      coordinator.forget(done.flatMap(keysOfHome));
      return done.map(({ bytes }) => unpack<ValidationResult>(bytes));
    },
    close: () => coordinator.close(),
  };

  function keysOfHome(home: Pick<Home, "job"> | undefined): string[] {
    return home === undefined ? [] : [keys.result(home.job)];
  }
}
