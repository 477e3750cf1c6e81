import { LowlandError } from "../errors.ts";
import type { Layout } from "../kernels/types.ts";
import { decodeSafetensors, encodeSafetensors, type Safetensors, type Tensor } from "../runs/safetensors.ts";
import { buildSpec, formatSpec, parseSpec } from "../spec.ts";
import { LOWLAND_VERSION } from "../version.ts";
import { learnedOptimizers } from "./registry.ts";
import type { LearnedOptimizer } from "./types.ts";

/** Format of a meta-training checkpoint of version 0.1.0, and of today's: both hold weights. */
export const CHECKPOINT_FORMATS = ["lowland-meta-training-1", "lowland-meta-training-2"] as const;
const WEIGHTS_FORMAT = "lowland-learned-optimizer-1";

/** A learned optimizer with its weights, as read. */
export interface Weights {
  readonly learned: LearnedOptimizer;
  /** Spec string of the architecture. */
  readonly spec: string;
  readonly metaParams: Float32Array;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A file that holds a learned optimizer, before its architecture is built. */
export interface WeightsFile {
  readonly spec: string;
  readonly file: Safetensors;
  readonly source: string;
}

/** Writes a vector as one tensor a slot: `<prefix><slot>`. */
export function slotTensors(prefix: string, layout: Layout, vector: Float32Array): [string, Tensor][] {
  return layout.slots.map(({ name, shape, offset, size }) => [
    `${prefix}${name}`,
    { shape, data: vector.slice(offset, offset + size) },
  ]);
}

/** Only the learned optimizer: φ with its architecture, for `learned:PATH` and the zoo. */
export function encodeWeights(
  spec: string,
  layout: Layout,
  metaParams: Float32Array,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  return encodeSafetensors(Object.fromEntries(slotTensors("", layout, metaParams)), {
    ...metadata,
    format: WEIGHTS_FORMAT,
    version: LOWLAND_VERSION,
    learned: spec,
  });
}

/**
 * Opens a weights file or a checkpoint.
 *
 * @throws {LowlandError} E_CHECKPOINT if it is damaged or holds no learned optimizer of this program
 */
export function openWeights(bytes: Uint8Array, source: string): WeightsFile {
  const file = decodeSafetensors(bytes, { source });
  const { format, learned: spec } = file.metadata;
  const formats: readonly (string | undefined)[] = [WEIGHTS_FORMAT, ...CHECKPOINT_FORMATS];
  if (!formats.includes(format) || spec === undefined) {
    throw new LowlandError(
      "E_CHECKPOINT",
      `${source} holds no learned optimizer of Lowland (format ${JSON.stringify(format ?? "none")}); give a run directory or a file written by lowland meta-train`,
    );
  }
  return { spec, file, source };
}

/** The weights in a file, for an architecture that was built from its spec. */
export function weightsIn({ spec, file, source }: WeightsFile, learned: LearnedOptimizer): Weights {
  return { learned, spec, metaParams: readSlots(file, "", learned.layout, source), metadata: file.metadata };
}

/**
 * Reads the learned optimizer out of a checkpoint or a weights file of a built-in architecture.
 *
 * @throws {LowlandError} E_CHECKPOINT if it is damaged, holds no learned optimizer of this program, or one whose
 * architecture is a module of the user's own
 */
export function decodeWeights(bytes: Uint8Array, source: string): Weights {
  const opened = openWeights(bytes, source);
  if (parseSpec(opened.spec).path !== undefined) {
    throw new LowlandError(
      "E_CHECKPOINT",
      `${source} is of the architecture ${opened.spec}, a module; load it with loadWeights`,
    );
  }
  return weightsIn(opened, buildSpec(opened.spec, "learned optimizer", learnedOptimizers));
}

/** The spec string of an architecture with all its settings, so that later defaults cannot change it. */
export function architectureSpec(written: string, { name, settings }: LearnedOptimizer): string {
  return parseSpec(written).path === undefined ? formatSpec({ name, settings }) : written;
}

/** A float32 tensor of a file. */
export function float32In(file: Safetensors, name: string, source: string, length?: number): Float32Array {
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

/** A vector from one tensor a slot. */
export function readSlots(file: Safetensors, prefix: string, layout: Layout, source: string): Float32Array {
  const vector = new Float32Array(layout.size);
  for (const { name, shape, offset, size } of layout.slots) {
    const data = float32In(file, `${prefix}${name}`, source, size);
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
