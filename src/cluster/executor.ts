import type { Executor } from "../meta/executor.ts";
import type { Estimate, Instance, ScheduleState } from "../meta/types.ts";
import type { ValidationResult } from "../meta/validate.ts";
import { assign } from "./assign.ts";
import type { Coordinator, Done } from "./coordinator.ts";
import type { JobData, PlaceSource } from "./jobs.ts";
import { hashOf, pack, unpack } from "./tensors.ts";

/** Age of the bytes that this process has of an instance, from which on newer ones are asked for. */
const SNAPSHOT_MS = 2000;
/** Time after which an answer to that is no longer waited for. */
const SNAPSHOT_LOST_MS = 5000;

/** Where an instance is, and how it can be made again if that is lost. */
interface Home {
  readonly worker: string;
  readonly job: string;
  readonly track: Track;
}

/** An inner training's way since its bytes were last here. */
interface Track {
  base: { readonly fresh: Instance } | { readonly bytes: Uint8Array };
  since: { readonly job: string; readonly metaParams: Float32Array; readonly schedule: ScheduleState }[];
  takenMs: number;
  askedMs?: number;
}

/**
 * The executor of meta-training on a cluster. Instances stay with the workers; what comes back after each estimate is its
 * gradient. Every two seconds the bytes of an instance follow on their own. When a worker is lost, another makes the estimates
 * since then again: an estimate is a pure function, so these are the same bits.
 */
export function clusterExecutor(coordinator: Coordinator): Executor {
  const { keys } = coordinator;
  const homes = new WeakMap<Instance, Home>();
  /** By the job that a snapshot was asked of, and the place. */
  const asked = new Map<string, Track>();
  let shared: { readonly metaParams: Float32Array; readonly hash: string } | undefined;

  coordinator.onSnapshot = (job, place, bytes) => {
    const track = asked.get(`${job}/${place}`);
    const passed = track?.since.findIndex((each) => each.job === job) ?? -1;
    asked.delete(`${job}/${place}`);
    if (track === undefined || passed < 0) return;
    track.base = { bytes };
    track.since = track.since.slice(passed + 1);
    track.takenMs = performance.now();
    delete track.askedMs;
  };

  async function share(bytes: Uint8Array): Promise<string> {
    const hash = hashOf(bytes);
    await coordinator.share(hash, bytes);
    return hash;
  }

  /** φ goes out once for all jobs of an outer step, the meta-validation after it included. */
  function shareMetaParams(metaParams: Float32Array): string {
    if (shared?.metaParams === metaParams) return shared.hash;
    const bytes = pack(metaParams);
    const hash = hashOf(bytes);
    // not waited for: commands of one connection are carried out in order, those that hand out jobs after it
    coordinator.share(hash, bytes).catch(() => {});
    if (shared !== undefined && shared.hash !== hash) coordinator.forget([keys.blob(shared.hash)]);
    shared = { metaParams, hash };
    return hash;
  }

  /** An instance by the way to it, for a worker that does not hold it. */
  async function described(place: number, { base, since }: Track): Promise<PlaceSource> {
    const way = since.map(async ({ metaParams, schedule }) => ({
      metaParams: await share(pack(metaParams)),
      schedule,
    }));
    return {
      place,
      instance: {
        base: "fresh" in base ? base : { blob: await share(base.bytes) },
        since: await Promise.all(way),
      },
    };
  }

  const trackOf = (instance: Instance): Track =>
    homes.get(instance)?.track ?? {
      base: instance.runs.length === 0 ? { fresh: instance } : { bytes: pack(instance) },
      since: [],
      takenMs: performance.now(),
    };

  /** Has a job done on instances that lie with one worker, or with none. */
  async function onInstances(
    instances: readonly Instance[],
    worker: string | undefined,
    job: (places: readonly PlaceSource[]) => Exclude<JobData, { kind: "validate" | "run" }>,
    tracks: readonly Track[],
    shareAgain: () => Promise<unknown> = async () => {},
  ): Promise<Done> {
    // the ways as they are now: snapshots that arrive meanwhile shorten them for later jobs
    const ways = tracks.map((track) => ({ ...track }));
    const describeAll = (): Promise<PlaceSource[]> =>
      Promise.all(instances.map(({ index }, i) => described(index, ways[i]!)));
    const places = await Promise.all(
      instances.map((instance, i) => {
        const home = homes.get(instance);
        if (home === undefined || home.worker !== worker) return described(instance.index, ways[i]!);
        return { place: instance.index, instance: { held: home.job } };
      }),
    );
    return coordinator.run({
      data: job(places),
      worker,
      async restore() {
        await shareAgain();
        return job(await describeAll());
      },
    });
  }

  /** Whether the bytes here have become old; then they are asked for. */
  function isDue(track: Track): boolean {
    const now = performance.now();
    if (now - track.takenMs < SNAPSHOT_MS) return false;
    if (track.askedMs !== undefined && now - track.askedMs < SNAPSHOT_LOST_MS) return false;
    track.askedMs = now;
    return true;
  }

  return {
    async estimates(metaParams, instances, schedule) {
      const phi = shareMetaParams(metaParams);
      const workers = assign(
        instances.map((instance) => homes.get(instance)?.worker),
        coordinator.workers(),
      );
      const estimates: Estimate[] = new Array(instances.length);
      const groups = groupsOf(workers).map(async (indices) => {
        const group = indices.map((i) => instances[i]!);
        const tracks = group.map(trackOf);
        const due = tracks.map(isDue);
        const done = await onInstances(
          group,
          workers[indices[0]!],
          (places) => ({
            ...{ kind: "estimates", metaParams: phi, schedule },
            places: places.map((place, i) => ({ ...place, ...(due[i] && { snapshot: true }) })),
          }),
          tracks,
          () => share(pack(metaParams)),
        );
        coordinator.forget([keys.result(done.job)]);
        for (const [i, estimate] of unpack<Estimate[]>(done.bytes).entries()) {
          const track = tracks[i]!;
          estimates[indices[i]!] = estimate;
          track.since.push({ job: done.job, metaParams, schedule });
          if (due[i]) asked.set(`${done.job}/${group[i]!.index}`, track);
          homes.set(estimate.instance, { worker: done.worker, job: done.job, track });
        }
      });
      await Promise.all(groups);
      return estimates;
    },
    async validations(metaParams, requests) {
      const phi = shareMetaParams(metaParams);
      const done = await Promise.all(
        requests.map((request) => {
          const data: JobData = { kind: "validate", metaParams: phi, request };
          return coordinator.run({ data, restore: async () => share(pack(metaParams)).then(() => data) });
        }),
      );
      coordinator.forget(done.map(({ job }) => keys.result(job)));
      return done.map(({ bytes }) => unpack<ValidationResult>(bytes));
    },
    complete: (instances) =>
      Promise.all(
        instances.map(async (instance) => {
          const home = homes.get(instance);
          if (home === undefined) return instance;
          const { worker, track } = home;
          const length = track.since.length;
          const done = await onInstances(
            [instance],
            coordinator.workers().some(({ id }) => id === worker) ? worker : undefined,
            (places) => ({ kind: "instances", places }),
            [track],
          );
          coordinator.forget([keys.result(done.job)]);
          const [whole] = unpack<Instance[]>(done.bytes);
          if (track.since.length === length) {
            track.base = { bytes: pack(whole) };
            track.since = [];
            track.takenMs = performance.now();
          }
          return whole!;
        }),
      ),
    close: () => coordinator.close(),
  };
}

/** Indices of what goes to the same worker in one job; what goes to none, each alone. */
function groupsOf(workers: readonly (string | undefined)[]): number[][] {
  const groups = new Map<string | number, number[]>();
  for (const [i, worker] of workers.entries()) {
    const key = worker ?? i;
    groups.set(key, [...(groups.get(key) ?? []), i]);
  }
  return [...groups.values()];
}
