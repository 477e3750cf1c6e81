import { LowlandError } from "../errors.ts";
import { type Layout, layoutOf, type Slot } from "../kernels/types.ts";
import { type MethodSpec, makeOptimizer, parseMethod } from "../optimizers/method.ts";
import type { Optimizer, OptimizerState } from "../optimizers/types.ts";
import { makeRegularizer, noRegularizer } from "../regularizers/registry.ts";
import type { Regularizer } from "../regularizers/types.ts";

/** A tensor of another framework, as rules for tensors see it. */
export interface TensorInfo {
  /** Its path in a tree (`dense.0.w`) or the name of its variable (`dense_Dense1/kernel`). */
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * Where a tensor's axes stand: outputs last, as in TensorFlow.js and JAX (positions …, inputs, outputs), or first, as in
 * PyTorch (outputs, inputs, positions …).
 */
export type AxisOrder = "outputs-last" | "outputs-first";

/** What the tensors of another framework mean to an optimizer that looks at their shapes. */
export interface TensorOptions {
  /** Default `outputs-last`. */
  readonly axes?: AxisOrder | ((tensor: TensorInfo) => AxisOrder);
  /**
   * What counts as a bias: `celo2` leaves it to Adam, ASAM unscaled; say it of embeddings too. By default tensors with one axis
   * or none.
   */
  readonly isBias?: (tensor: TensorInfo) => boolean;
}

/** Tensors of another framework as one flat vector of Lowland's, whose weights are [outputs, positions …, inputs]. */
export interface Tensors {
  readonly layout: Layout;
  /** The tensors' own shapes. */
  readonly shapes: readonly (readonly number[])[];
  /** Writes the tensors' entries, in their own order, to a flat vector. */
  gather(parts: readonly ArrayLike<number>[], into: Float32Array): void;
  /** The entries of a flat vector as one fresh array a tensor, in their own order. */
  scatter(vector: Float32Array): Float32Array<ArrayBuffer>[];
}

/** Blocks of rows × columns whose transposition leads to Lowland's order. */
interface Turn {
  readonly blocks: number;
  readonly rows: number;
  readonly columns: number;
}

/** Lays the tensors of another framework out as Lowland has them. */
export function tensorsOf(infos: readonly TensorInfo[], options: TensorOptions = {}): Tensors {
  const { axes = "outputs-last", isBias = ({ shape }) => shape.length < 2 } = options;
  const described = infos.map((info) => {
    const order = typeof axes === "function" ? axes(info) : axes;
    return {
      info,
      kind: isBias(info) ? ("bias" as const) : ("weight" as const),
      ...turned(info.shape, order),
    };
  });
  const layout = layoutOf(described.map(({ info: { name }, kind, shape }) => ({ name, kind, shape })));
  const slots = layout.slots.map((slot, i) => ({ slot, turn: described[i]!.turn }));
  return {
    layout,
    shapes: infos.map(({ shape }) => shape),
    gather(parts, into) {
      slots.forEach(({ slot, turn }, i) => {
        requireSize(slot, parts[i]!);
        transpose(parts[i]!, turn, into.subarray(slot.offset, slot.offset + slot.size));
      });
    },
    scatter: (vector) =>
      slots.map(({ slot: { offset, size }, turn: { blocks, rows, columns } }) => {
        const part = new Float32Array(size);
        transpose(vector.subarray(offset, offset + size), { blocks, rows: columns, columns: rows }, part);
        return part;
      }),
  };
}

function turned(shape: readonly number[], order: AxisOrder): { shape: readonly number[]; turn: Turn } {
  if (shape.length < 2) return { shape, turn: { blocks: 1, rows: 1, columns: product(shape) } };
  if (order === "outputs-last") {
    const outputs = shape.at(-1)!;
    const others = shape.slice(0, -1);
    return {
      shape: [outputs, ...others],
      turn: { blocks: 1, rows: product(others), columns: outputs },
    };
  }
  const [outputs, inputs, ...positions] = shape as readonly [number, number, ...number[]];
  return {
    shape: [outputs, ...positions, inputs],
    turn: { blocks: outputs, rows: inputs, columns: product(positions) },
  };
}

function transpose(from: ArrayLike<number>, { blocks, rows, columns }: Turn, to: Float32Array): void {
  if (rows === 1 || columns === 1) {
    to.set(from);
    return;
  }
  for (let block = 0; block < blocks; block++) {
    const base = block * rows * columns;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        to[base + column * rows + row] = from[base + row * columns + column]!;
      }
    }
  }
}

function product(extents: readonly number[]): number {
  return extents.reduce((size, extent) => size * extent, 1);
}

function requireSize({ name, shape, size }: Slot, part: ArrayLike<number>): void {
  if (part.length === size) return;
  throw new LowlandError(
    "E_SHAPE",
    `tensor ${name} has ${part.length} entries where its first call had ${size} (Lowland's shape [${shape}]); make a new optimizer for other tensors`,
  );
}

/** An optimizer as the adapters take it: an object, or the spec string of a hand-designed one. */
export type OptimizerOrSpec = Optimizer | string;

/**
 * The optimizer and the regularizer that an adapter was given.
 *
 * @throws {LowlandError} E_CONFIG for a spec string of a learned optimizer, which is loaded first, and for two regularizers
 */
export function methodOf(
  given: OptimizerOrSpec,
  regularizer: Regularizer | string = noRegularizer,
): { readonly optimizer: Optimizer; readonly regularizer: Regularizer } {
  const own = typeof regularizer === "string" ? makeRegularizer(regularizer) : regularizer;
  if (typeof given !== "string") return { optimizer: given, regularizer: own };
  const parts: MethodSpec = parseMethod(given);
  const name = parts.optimizer.split(":", 1)[0]!;
  if (name === "zoo" || name === "learned") {
    throw new LowlandError(
      "E_CONFIG",
      `${given} is in a file, which an adapter does not read; hand in the optimizer: loadZoo("…"), loadLearned("…") or (await loadMethod("${given}")).optimizer from "lowland"`,
    );
  }
  if (parts.regularizer !== "none" && own !== noRegularizer) {
    throw new LowlandError(
      "E_CONFIG",
      `${given} has a regularizer, and ${own.name} was handed in; keep one of them`,
    );
  }
  return {
    optimizer: makeOptimizer([parts.optimizer, ...parts.combinators].join("+")),
    regularizer: parts.regularizer === "none" ? own : makeRegularizer(parts.regularizer),
  };
}

/**
 * Sets a fresh state's vectors to saved ones.
 *
 * @throws {LowlandError} with this code, where they are not those of this optimizer and these parameters
 */
export function restore(
  optimizer: string,
  { vectors }: OptimizerState,
  saved: ReadonlyMap<string, ArrayLike<number>>,
  code: "E_CHECKPOINT" | "E_SHAPE",
): void {
  const written = (entries: Iterable<readonly [string, ArrayLike<number>]>): string =>
    [...entries].map(([name, { length }]) => `${name} (${length})`).join(", ") || "no vectors";
  const own = Object.entries(vectors);
  if (own.length !== saved.size || own.some(([name, { length }]) => saved.get(name)?.length !== length)) {
    throw new LowlandError(
      code,
      `the state has ${written(saved)}, but ${optimizer} keeps ${written(own)} for these parameters; hand in the state of this optimizer and these parameters`,
    );
  }
  for (const [name, vector] of own) vector.set(saved.get(name)!);
}

/** Says in one line that a library is missing that an adapter is for. */
export function missingPeer(library: string, adapter: string, cause: unknown): LowlandError {
  return new LowlandError(
    "E_CONFIG",
    `${adapter} needs ${library}, which cannot be loaded (${cause instanceof Error ? cause.message.split("\n", 1)[0] : cause}); npm install ${library}`,
    { cause },
  );
}
