import { LowlandError } from "../errors.ts";
import { openArena } from "../kernels/module.ts";
import type { Layout } from "../kernels/types.ts";
import type { LearnedOptimizer } from "../learned/types.ts";
import type { OptimizerState } from "../optimizers/types.ts";
import { keyFromString, keyToString } from "../random/key.ts";
import { readBytes } from "../runs/files.ts";
import { findCheckpoint } from "../runs/run-directory.ts";
import { decodeSafetensors, encodeSafetensors, type Safetensors, type Tensor } from "../runs/safetensors.ts";
import { lowlandVersion } from "../runs/version.ts";
import { formatSpec } from "../spec.ts";
import { type MetaConfig, resolveMetaConfig } from "./config.ts";
import type { TrainerState } from "./outer-loop.ts";
import { learnedOf, outerOptimizerOf } from "./setup.ts";

const FORMAT = "lowland-meta-training-1";
const WEIGHTS_FORMAT = "lowland-learned-optimizer-1";

/** The metadata entry that holds everything that is not a tensor. */
interface Bookkeeping {
  readonly outerStep: number;
  readonly updates: number;
  readonly drawn: number;
  readonly diverged: number;
  readonly fruitless: number;
  readonly gradientEvaluations: number;
  readonly best?: { readonly outerStep: number; readonly loss: number };
  readonly instances: readonly { readonly task: number; readonly key: string; readonly step: number }[];
}

/** Writes a vector as one tensor a slot: `<prefix><slot>`. */
function slotTensors(prefix: string, layout: Layout, vector: Float32Array): [string, Tensor][] {
  return layout.slots.map(({ name, shape, offset, size }) => [
    `${prefix}${name}`,
    { shape, data: vector.slice(offset, offset + size) },
  ]);
}

/** Everything meta-training goes on from, as a safetensors file: φ, the outer optimizer's state, and every instance under way. */
export function encodeCheckpoint(state: TrainerState, config: MetaConfig): Uint8Array {
  const { layout } = learnedOf(config);
  const tensors = slotTensors("", layout, state.metaParams);
  const prefix = `outer.${outerOptimizerOf(config).name}.`;
  for (const [name, data] of Object.entries(state.outer.vectors)) {
    if (data.length === layout.size) tensors.push(...slotTensors(`${prefix}${name}.`, layout, data));
    else tensors.push([`${prefix}${name}`, { shape: [data.length], data }]);
  }
  state.instances.forEach(({ params, optimizer }, i) => {
    if (params === undefined) return;
    tensors.push([`instance.${i}.params`, { shape: [params.length], data: params }]);
    for (const [name, data] of Object.entries(optimizer!)) {
      tensors.push([`instance.${i}.optimizer.${name}`, { shape: [data.length], data }]);
    }
  });
  const bookkeeping: Bookkeeping = {
    outerStep: state.outerStep,
    updates: state.outer.step,
    drawn: state.drawn,
    diverged: state.diverged,
    fruitless: state.fruitless,
    gradientEvaluations: state.gradientEvaluations,
    ...(state.best && { best: state.best }),
    instances: state.instances.map(({ task, key, step }) => ({ task, key: keyToString(key), step })),
  };
  return encodeSafetensors(Object.fromEntries(tensors), {
    format: FORMAT,
    version: lowlandVersion(),
    learned: learnedSpec(config),
    config: JSON.stringify(config),
    state: JSON.stringify(bookkeeping),
  });
}

/**
 * Reads a checkpoint back, to go on from it.
 *
 * @throws {LowlandError} E_CHECKPOINT if it is damaged, of another kind, or of another architecture
 */
export function decodeCheckpoint(
  bytes: Uint8Array,
  source: string,
): { readonly state: TrainerState; readonly config: MetaConfig } {
  const file = decodeSafetensors(bytes, { source });
  if (file.metadata.format !== FORMAT) {
    throw new LowlandError(
      "E_CHECKPOINT",
      `${source} is no checkpoint of a meta-training run (format ${JSON.stringify(file.metadata.format ?? "none")}); give one written by lowland meta-train`,
    );
  }
  const config = resolveMetaConfig(parseEntry(file, "config", source), `${source}, config`);
  const { layout } = learnedOf(config);
  const saved = parseEntry(file, "state", source) as Bookkeeping;
  return {
    config,
    state: {
      outerStep: saved.outerStep,
      metaParams: readSlots(file, "", layout, source),
      outer: readOuter(file, config, layout, saved.updates, source),
      instances: saved.instances.map(({ task, key, step }, i) => {
        const started = { task, key: keyFromString(key), step };
        if (step === 0) return started;
        const prefix = `instance.${i}.optimizer.`;
        const optimizer = [...file.tensors.keys()]
          .filter((name) => name.startsWith(prefix))
          .map((name) => [name.slice(prefix.length), float32(file, name, source)] as const);
        return {
          ...started,
          params: float32(file, `instance.${i}.params`, source),
          optimizer: Object.fromEntries(optimizer),
        };
      }),
      drawn: saved.drawn,
      diverged: saved.diverged,
      fruitless: saved.fruitless,
      gradientEvaluations: saved.gradientEvaluations,
      best: saved.best,
    },
  };
}

function readOuter(
  file: Safetensors,
  config: MetaConfig,
  layout: Layout,
  step: number,
  source: string,
): OptimizerState {
  const arena = openArena();
  try {
    const optimizer = outerOptimizerOf(config);
    const vectors = Object.entries(optimizer.init(layout, { arena }).vectors).map(([name, { length }]) => {
      const prefix = `outer.${optimizer.name}.${name}`;
      const data =
        length === layout.size
          ? readSlots(file, `${prefix}.`, layout, source)
          : float32(file, prefix, source, length);
      return [name, data] as const;
    });
    return { step, layout, vectors: Object.fromEntries(vectors) };
  } finally {
    arena.close();
  }
}

/** Only the learned optimizer: φ with its architecture, for `learned:PATH` and the zoo. */
export function encodeWeights(
  learned: string,
  layout: Layout,
  metaParams: Float32Array,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  return encodeSafetensors(Object.fromEntries(slotTensors("", layout, metaParams)), {
    ...metadata,
    format: WEIGHTS_FORMAT,
    version: lowlandVersion(),
    learned,
  });
}

/**
 * Reads the learned optimizer out of a checkpoint or a weights file.
 *
 * @throws {LowlandError} E_CHECKPOINT if it is damaged or holds no learned optimizer of this program
 */
export function decodeWeights(
  bytes: Uint8Array,
  source: string,
): {
  readonly learned: LearnedOptimizer;
  readonly metaParams: Float32Array;
  readonly metadata: Readonly<Record<string, string>>;
} {
  const file = decodeSafetensors(bytes, { source });
  const { format, learned: spec } = file.metadata;
  if ((format !== FORMAT && format !== WEIGHTS_FORMAT) || spec === undefined) {
    throw new LowlandError(
      "E_CHECKPOINT",
      `${source} holds no learned optimizer of Lowland (format ${JSON.stringify(format ?? "none")}); give a run directory or a file written by lowland meta-train`,
    );
  }
  const learned = learnedOf({ learned: spec });
  return { learned, metaParams: readSlots(file, "", learned.layout, source), metadata: file.metadata };
}

/**
 * Reads the learned optimizer of a run directory, its best checkpoint, or of a `.safetensors` file.
 *
 * @throws {LowlandError} E_RUN if there is none, E_IO if it cannot be read, E_CHECKPOINT if it is damaged or not ours
 */
export function readWeights(path: string): ReturnType<typeof decodeWeights> & { readonly file: string } {
  const file = findCheckpoint(path);
  return { ...decodeWeights(readBytes(file), file), file };
}

/**
 * The φ that `config.init` names.
 *
 * @throws {LowlandError} E_RUN or E_IO if it cannot be read, E_CHECKPOINT if it is damaged or of another architecture
 */
export function readInit(config: MetaConfig): Float32Array | undefined {
  if (config.init === undefined) return undefined;
  const { learned, metaParams, file } = readWeights(config.init);
  const [found, wanted] = [formatSpec(learned), learnedSpec(config)];
  if (found === wanted) return metaParams;
  throw new LowlandError(
    "E_CHECKPOINT",
    `${file} holds ${found}, the configuration is of ${wanted}; give --learned ${found}, or another --init`,
  );
}

/** The architecture of a configuration with all its settings, so that later defaults cannot change it. */
export function learnedSpec(config: Pick<MetaConfig, "learned">): string {
  const { name, settings } = learnedOf(config);
  return formatSpec({ name, settings });
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

function float32(file: Safetensors, name: string, source: string, length?: number): Float32Array {
  const tensor = file.tensors.get(name);
  if (!(tensor?.data instanceof Float32Array)) {
    const fact = tensor === undefined ? "is missing" : `is ${tensor.dtype}, not F32`;
    throw new LowlandError("E_CHECKPOINT", `${source}: tensor "${name}" ${fact}; use another checkpoint`);
  }
  if (length !== undefined && tensor.data.length !== length) {
    throw new LowlandError(
      "E_CHECKPOINT",
      `${source}: tensor "${name}" has ${tensor.data.length} entries, not ${length}; it belongs to another architecture`,
    );
  }
  return tensor.data;
}

function readSlots(file: Safetensors, prefix: string, layout: Layout, source: string): Float32Array {
  const vector = new Float32Array(layout.size);
  for (const { name, shape, offset, size } of layout.slots) {
    const data = float32(file, `${prefix}${name}`, source, size);
    const found = file.tensors.get(`${prefix}${name}`)!.shape;
    if (found.join() !== shape.join()) {
      throw new LowlandError(
        "E_CHECKPOINT",
        `${source}: tensor "${prefix}${name}" has shape [${found}], not [${shape}]; it belongs to another architecture`,
      );
    }
    vector.set(data, offset);
  }
  return vector;
}
