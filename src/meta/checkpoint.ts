import { LowlandError } from "../errors.ts";
import { openArena } from "../kernels/module.ts";
import type { Layout } from "../kernels/types.ts";
import type { LearnedOptimizer } from "../learned/types.ts";
import {
  architectureSpec,
  CHECKPOINT_FORMATS,
  float32In,
  readSlots,
  slotTensors,
} from "../learned/weights.ts";
import type { Optimizer, OptimizerState } from "../optimizers/types.ts";
import { keyFromString, keyToString } from "../random/key.ts";
import { decodeSafetensors, encodeSafetensors, type Safetensors, type Tensor } from "../runs/safetensors.ts";
import { LOWLAND_VERSION } from "../version.ts";
import { META_CONFIG_VERSION, type MetaConfig } from "./config.ts";
import type { TrainerState } from "./outer-loop.ts";
import type { RegularizationState } from "./regularization/types.ts";
import type { InnerState, Instance, ScheduleState } from "./types.ts";

const [, FORMAT] = CHECKPOINT_FORMATS;

/** The parts of a meta-training run that its checkpoints depend on. */
export interface CheckpointOwner {
  readonly config: MetaConfig;
  readonly learned: LearnedOptimizer;
  readonly outerOptimizer: Optimizer;
}

/** The metadata entry that holds everything that is not a tensor. */
interface Bookkeeping {
  readonly outerStep: number;
  readonly updates: number;
  readonly stopped: boolean;
  readonly diverged: number;
  readonly fruitless: number;
  readonly gradientEvaluations: number;
  readonly innerSteps: number;
  readonly schedule: ScheduleState;
  readonly regularization?: RegularizationState;
  readonly best?: { readonly outerStep: number; readonly loss: number };
  readonly instances: readonly {
    readonly number: number;
    readonly task: number;
    readonly key: string;
    readonly horizon: number;
    readonly start: number;
    readonly runs: readonly { readonly step: number; readonly knownLoss?: number }[];
  }[];
}

/** Everything meta-training goes on from, as a safetensors file: φ, the outer optimizer's state, and every instance under way. */
export function encodeCheckpoint(
  state: TrainerState,
  { config, learned, outerOptimizer }: CheckpointOwner,
): Uint8Array {
  const { layout } = learned;
  const tensors = slotTensors("", layout, state.metaParams);
  const add = (name: string, data: Float32Array): void => {
    tensors.push([name, { shape: [data.length], data } satisfies Tensor]);
  };
  const addAll = (prefix: string, vectors: Readonly<Record<string, Float32Array>>): void => {
    for (const [name, data] of Object.entries(vectors)) add(`${prefix}${name}`, data);
  };
  const prefix = outerPrefix(outerOptimizer);
  for (const [name, data] of Object.entries(state.outer.vectors)) {
    if (data.length === layout.size) tensors.push(...slotTensors(`${prefix}${name}.`, layout, data));
    else add(`${prefix}${name}`, data);
  }
  const { best } = state;
  if (best?.metaParams !== undefined) tensors.push(...slotTensors("best.", layout, best.metaParams));
  state.instances.forEach(({ runs, tensors: own }, i) => {
    addAll(`instance.${i}.tensor.`, own);
    runs.forEach(({ params, optimizer, teacher = {}, known }, j) => {
      const at = `instance.${i}.run.${j}.`;
      add(`${at}params`, params);
      addAll(`${at}optimizer.`, optimizer);
      addAll(`${at}teacher.`, teacher);
      if (known !== undefined) add(`${at}gradient`, known.gradient);
    });
  });
  const bookkeeping: Bookkeeping = {
    outerStep: state.outerStep,
    updates: state.outer.step,
    stopped: state.stopped,
    diverged: state.diverged,
    fruitless: state.fruitless,
    gradientEvaluations: state.gradientEvaluations,
    innerSteps: state.innerSteps,
    schedule: state.schedule,
    ...(state.regularization && { regularization: state.regularization }),
    ...(best && { best: { outerStep: best.outerStep, loss: best.loss } }),
    instances: state.instances.map(({ number, draw: { task, key, horizon, start }, runs }) => ({
      number,
      task,
      key: keyToString(key),
      horizon,
      start,
      runs: runs.map(({ step, known }) => ({ step, ...(known && { knownLoss: known.loss }) })),
    })),
  };
  return encodeSafetensors(Object.fromEntries(tensors), {
    format: FORMAT,
    version: LOWLAND_VERSION,
    learned: architectureSpec(config.learned, learned),
    config: JSON.stringify({ version: META_CONFIG_VERSION, ...config }),
    state: JSON.stringify(bookkeeping),
  });
}

/**
 * Reads a checkpoint back, to go on from it.
 *
 * @throws {LowlandError} E_CHECKPOINT if it is damaged, of another kind or version, or of another architecture
 */
export function decodeCheckpoint(
  bytes: Uint8Array,
  source: string,
  { config, learned, outerOptimizer }: CheckpointOwner,
): TrainerState {
  const file = decodeSafetensors(bytes, { source });
  const { format, version } = file.metadata;
  if (format === CHECKPOINT_FORMATS[0]) {
    throw new LowlandError(
      "E_CHECKPOINT",
      `${source} was written by Lowland ${version}, whose runs this version cannot go on with to the same bits; use it as learned:PATH, or start a new run from it with --init`,
    );
  }
  if (format !== FORMAT) {
    throw new LowlandError(
      "E_CHECKPOINT",
      `${source} is no checkpoint of a meta-training run (format ${JSON.stringify(format ?? "none")}); give one written by lowland meta-train`,
    );
  }
  const { layout } = learned;
  const saved = parseEntry(file, "state", source) as Bookkeeping;
  const bestParams =
    saved.best && hasSlots(file, "best.", layout) && readSlots(file, "best.", layout, source);
  return {
    outerStep: saved.outerStep,
    metaParams: readSlots(file, "", layout, source),
    outer: readOuter(file, { config, outerOptimizer }, layout, saved.updates, source),
    stopped: saved.stopped,
    diverged: saved.diverged,
    fruitless: saved.fruitless,
    gradientEvaluations: saved.gradientEvaluations,
    innerSteps: saved.innerSteps,
    schedule: saved.schedule,
    ...(saved.regularization && { regularization: saved.regularization }),
    best: saved.best && { ...saved.best, ...(bestParams && { metaParams: bestParams }) },
    instances: saved.instances.map(({ number, task, key, horizon, start, runs }, index): Instance => {
      const at = `instance.${index}.`;
      return {
        index,
        number,
        draw: { task, key: keyFromString(key), horizon, start },
        runs: runs.map((run, j): InnerState => readRun(file, `${at}run.${j}.`, run, source)),
        tensors: vectorsIn(file, `${at}tensor.`, source),
      };
    }),
  };
}

function readRun(
  file: Safetensors,
  prefix: string,
  { step, knownLoss }: { readonly step: number; readonly knownLoss?: number },
  source: string,
): InnerState {
  const teacher = vectorsIn(file, `${prefix}teacher.`, source);
  return {
    step,
    params: float32In(file, `${prefix}params`, source),
    optimizer: vectorsIn(file, `${prefix}optimizer.`, source),
    ...(Object.keys(teacher).length > 0 && { teacher }),
    ...(knownLoss !== undefined && {
      known: { loss: knownLoss, gradient: float32In(file, `${prefix}gradient`, source) },
    }),
  };
}

function outerPrefix({ name }: Optimizer): string {
  return `outer.${name}.`;
}

function readOuter(
  file: Safetensors,
  { config, outerOptimizer: optimizer }: Pick<CheckpointOwner, "config" | "outerOptimizer">,
  layout: Layout,
  step: number,
  source: string,
): OptimizerState {
  const arena = openArena();
  try {
    const fresh = optimizer.init(layout, { arena, horizon: config.outerSteps });
    const vectors = Object.entries(fresh.vectors).map(([name, { length }]) => {
      const prefix = `${outerPrefix(optimizer)}${name}`;
      const data =
        length === layout.size
          ? readSlots(file, `${prefix}.`, layout, source)
          : float32In(file, prefix, source, length);
      return [name, data] as const;
    });
    return { ...fresh, step, vectors: Object.fromEntries(vectors) };
  } finally {
    arena.close();
  }
}

/** All tensors whose names begin with a prefix, by the rest of their names. */
function vectorsIn(file: Safetensors, prefix: string, source: string): Record<string, Float32Array> {
  const names = [...file.tensors.keys()].filter((name) => name.startsWith(prefix));
  return Object.fromEntries(names.map((name) => [name.slice(prefix.length), float32In(file, name, source)]));
}

function hasSlots(file: Safetensors, prefix: string, { slots }: Layout): boolean {
  return slots.every(({ name }) => file.tensors.has(`${prefix}${name}`));
}

function parseEntry(file: Safetensors, entry: string, source: string): unknown {
  try {
    return JSON.parse(file.metadata[entry] ?? "");
  } catch {
    throw new LowlandError(
      "E_CHECKPOINT",
      `${source}: metadata entry "${entry}" is missing or damaged; use another checkpoint`,
    );
  }
}
