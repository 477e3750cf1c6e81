import { LowlandError } from "../errors.ts";
import type { Observer } from "../regularizers/weighted.ts";
import type { Pool } from "../threads/seats.ts";
import { type DrawSource, drawNext } from "./draws.ts";
import { type InnerProblem, openSamples } from "./rollout.ts";
import type { Estimate, Estimator, InnerState, Instance, ScheduleState } from "./types.ts";
import { type ValidationRequest, type ValidationResult, validate } from "./validate.ts";

/** Where estimates and validations run. Results come in the order of the requests, whoever did the work. */
export interface Executor {
  estimates(
    metaParams: Float32Array,
    instances: readonly Instance[],
    schedule: ScheduleState,
  ): Promise<Estimate[]>;
  validations(metaParams: Float32Array, requests: readonly ValidationRequest[]): Promise<ValidationResult[]>;
  /**
   * The instances with their vectors, for a checkpoint. Missing where estimates have them: elsewhere only draws and steps
   * may be told, and the vectors stay where the work is done.
   */
  complete?(instances: readonly Instance[]): Promise<readonly Instance[]>;
  /** Keeps what can be told of the work while it runs in a file of the run's directory. */
  reportIn?(directory: string): void;
  close(): Promise<void>;
}

/** Does the work of meta-training in this thread: pure functions with buffers kept between calls. */
export interface MetaWorker {
  estimate(metaParams: Float32Array, instance: Instance, schedule: ScheduleState): Estimate;
  validate(metaParams: Float32Array, request: ValidationRequest): ValidationResult;
  close(): void;
}

/** What a worker is opened with, as built objects. */
export interface MetaWork {
  readonly problem: InnerProblem;
  readonly estimator: Estimator;
  readonly source: DrawSource;
}

/** Opens a worker in this thread. */
export function openMetaWorker({ problem, estimator, source }: MetaWork): MetaWorker {
  const samples = openSamples(problem);
  const seen = { added: 0, loss: 0 };
  const observe: Observer = (added, loss) => {
    seen.added += added;
    seen.loss += loss;
  };
  const observes = problem.regularization?.rule.observes === true;
  const opened = estimator.open(observes ? { ...problem, observe } : problem);
  return {
    estimate(metaParams, instance, state) {
      const { regularization } = instance.draw;
      Object.assign(seen, { added: 0, loss: 0 });
      const estimate = opened.estimate(metaParams, instance, {
        stage: source.schedule.stage(state),
        next: (index, number) => ({
          ...drawNext(source, state, index, number),
          ...(regularization && { regularization }),
        }),
      });
      const { gradient, instance: after } = estimate;
      if (gradient?.length !== metaParams.length || after === undefined) {
        throw new LowlandError(
          "E_CONFIG",
          `estimator ${estimator.name} gives no estimate: a gradient of ${metaParams.length} entries and the instance after it are needed; correct it`,
        );
      }
      return {
        ...estimate,
        gradient: own(gradient),
        ...(observes && { added: seen.added / seen.loss }),
      };
    },
    validate: (metaParams, request) => validate(problem, samples, metaParams, request),
    close: () => opened.close(),
  };
}

/** A vector with a buffer of its own: one within kernel memory would take all of it along to another thread. */
function own(vector: Float32Array): Float32Array {
  return vector.buffer.byteLength === vector.byteLength ? vector : vector.slice();
}

/** Runs everything in this thread. */
export function inlineExecutor(work: MetaWork): Executor {
  const worker = openMetaWorker(work);
  return {
    estimates: async (metaParams, instances, schedule) =>
      instances.map((instance) => worker.estimate(metaParams, instance, schedule)),
    validations: async (metaParams, requests) =>
      requests.map((request) => worker.validate(metaParams, request)),
    close: async () => worker.close(),
  };
}

/** Work for a worker elsewhere. */
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

/** Has an open worker do what a pool sends it. */
export function answerMeta(worker: MetaWorker, work: MetaRequest): MetaResult {
  return work.kind === "estimate"
    ? worker.estimate(work.metaParams, work.instance, work.schedule)
    : worker.validate(work.metaParams, work.request);
}

/** The buffers of a result, to hand over instead of copying. */
export function metaBuffers(result: MetaResult): ArrayBuffer[] {
  if (!("instance" in result)) return [];
  const { gradient, instance } = result;
  const vectors = [gradient, ...Object.values(instance.tensors), ...instance.runs.flatMap(vectorsOf)];
  return vectors.map(({ buffer }) => buffer as ArrayBuffer);
}

function vectorsOf({ params, optimizer, teacher = {}, known }: InnerState): Float32Array[] {
  return [params, ...Object.values(optimizer), ...Object.values(teacher), ...(known ? [known.gradient] : [])];
}

/** Runs everything in the workers of a pool, of Node's threads or a browser's. */
export function poolExecutor(pool: Pool<MetaRequest, MetaResult>): Executor {
  return {
    async estimates(metaParams, instances, schedule) {
      const requests = instances.map(
        (instance): MetaRequest => ({ kind: "estimate", metaParams, instance, schedule }),
      );
      return (await pool.map(requests)) as Estimate[];
    },
    async validations(metaParams, requests) {
      const work = requests.map((request): MetaRequest => ({ kind: "validate", metaParams, request }));
      return (await pool.map(work)) as ValidationResult[];
    },
    close: () => pool.close(),
  };
}
