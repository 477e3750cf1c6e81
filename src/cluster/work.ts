import type { Redis } from "ioredis";
import type { Estimate, Instance, ScheduleState } from "../meta/types.ts";
import type { Pool } from "../threads/pool.ts";
import type { InstanceSource, JobData, PlaceSource } from "./jobs.ts";
import type { ExperimentKeys } from "./keys.ts";
import { get, pack, unpack } from "./tensors.ts";
import type { FetchedWeights } from "./weights.ts";

/** Bytes that a job needs are not in Redis. */
export class MissingBytes extends Error {}

/** What a job gave: its result, and instances whose bytes are to follow it. */
export interface Performed {
  readonly bytes: Uint8Array;
  readonly snapshots: readonly { readonly place: number; readonly bytes: () => Uint8Array }[];
}

/**
 * Does the jobs of an experiment in a pool of threads. φ is fetched once for all jobs that read it. An instance stays here
 * after its estimate: the answer has its gradient only, and the next job on it its name.
 */
export function openWork(
  pool: Pool<unknown, unknown>,
  redis: Redis,
  keys: ExperimentKeys,
  { local }: Pick<FetchedWeights, "local">,
): (id: string, data: JobData) => Promise<Performed> {
  /** The last φ that was asked for. */
  let metaParams: { readonly hash: string; readonly value: Promise<Float32Array> } | undefined;
  /** The instance of each place as the last job here left it. */
  const held = new Map<number, { readonly job: string; readonly instance: Instance }>();

  async function blob<T>(hash: string): Promise<T> {
    const bytes = await get(redis, keys.blob(hash), hash);
    if (bytes === undefined) throw new MissingBytes(`bytes ${hash} are gone`);
    return unpack<T>(bytes);
  }

  function metaParamsOf(hash: string): Promise<Float32Array> {
    if (metaParams?.hash === hash) return metaParams.value;
    const value = blob<Float32Array>(hash);
    value.catch(() => {
      if (metaParams?.value === value) metaParams = undefined;
    });
    metaParams = { hash, value };
    return value;
  }

  async function estimate(
    phi: Float32Array,
    instances: readonly Instance[],
    schedule: ScheduleState,
  ): Promise<Estimate[]> {
    const requests = instances.map((instance) => ({ kind: "estimate", metaParams: phi, instance, schedule }));
    return (await pool.map(requests)) as Estimate[];
  }

  async function instanceOf({ place, instance: source }: PlaceSource): Promise<Instance> {
    const here = held.get(place);
    if (here !== undefined && here.job === source.held) return here.instance;
    let instance = await baseOf(source);
    for (const { metaParams, schedule } of source.since ?? []) {
      const [again] = await estimate(await blob<Float32Array>(metaParams), [instance], schedule);
      instance = again!.instance;
    }
    return instance;
  }

  function baseOf({ base }: InstanceSource): Promise<Instance> | Instance {
    if (base === undefined) throw new MissingBytes("the instance is with another worker");
    return "fresh" in base ? base.fresh : blob<Instance>(base.blob);
  }

  const result = (value: unknown): Performed => ({ bytes: pack(value), snapshots: [] });

  return async (id, data) => {
    if (data.kind === "run") {
      const [done] = await pool.map([{ ...data.job, spec: local(data.job.spec) }]);
      return result(done);
    }
    if (data.kind === "instances") return result(await Promise.all(data.places.map(instanceOf)));
    const phi = await metaParamsOf(data.metaParams);
    if (data.kind === "validate") {
      const [done] = await pool.map([{ kind: "validate", metaParams: phi, request: data.request }]);
      return result(done);
    }
    const { places, schedule } = data;
    const estimates = await estimate(phi, await Promise.all(places.map(instanceOf)), schedule);
    for (const [i, { place }] of places.entries())
      held.set(place, { job: id, instance: estimates[i]!.instance });
    return {
      bytes: pack(estimates.map((each) => ({ ...each, instance: withoutTensors(each.instance) }))),
      snapshots: places.flatMap(({ place, snapshot }, i) =>
        snapshot ? [{ place, bytes: () => pack(estimates[i]!.instance) }] : [],
      ),
    };
  };
}

/** What can be told of an instance without its vectors. */
function withoutTensors({ index, number, draw, runs }: Instance): Instance {
  const params = new Float32Array();
  return {
    index,
    number,
    draw,
    runs: runs.map(({ step }) => ({ step, params, optimizer: {} })),
    tensors: {},
  };
}
