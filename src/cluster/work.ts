import type { Redis } from "ioredis";
import type { Estimate, Instance } from "../meta/types.ts";
import type { Pool } from "../threads/pool.ts";
import type { InstanceSource, JobData } from "./jobs.ts";
import type { ExperimentKeys } from "./keys.ts";
import { get, unpack } from "./tensors.ts";
import type { FetchedWeights } from "./weights.ts";

/** Bytes that a job needs are not in Redis. */
export class MissingBytes extends Error {}

/**
 * Does the jobs of an experiment in a pool of threads. φ is fetched once for all jobs that read it, and an instance stays
 * here after its estimate: the next job on it carries its name only.
 */
export function openWork(
  pool: Pool<unknown, unknown>,
  redis: Redis,
  keys: ExperimentKeys,
  { local }: Pick<FetchedWeights, "local">,
): (id: string, data: JobData) => Promise<unknown> {
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

  async function instanceOf(place: number, source: InstanceSource): Promise<Instance> {
    if ("blob" in source) return blob<Instance>(source.blob);
    const here = held.get(place);
    if (here?.job === source.job) return here.instance;
    const bytes = await get(redis, keys.result(source.job), source.hash);
    if (bytes === undefined) throw new MissingBytes(`what job ${source.job} gave is gone`);
    return unpack<Estimate>(bytes).instance;
  }

  return async (id, data) => {
    if (data.kind === "run") return (await pool.map([{ ...data.job, spec: local(data.job.spec) }]))[0];
    const phi = await metaParamsOf(data.metaParams);
    if (data.kind === "validate") {
      return (await pool.map([{ kind: "validate", metaParams: phi, request: data.request }]))[0];
    }
    const { place, schedule } = data;
    const instance = await instanceOf(place, data.instance);
    const [estimate] = await pool.map([{ kind: "estimate", metaParams: phi, instance, schedule }]);
    held.set(place, { job: id, instance: (estimate as Estimate).instance });
    return estimate;
  };
}
