import { LowlandError } from "../errors.ts";
import type { PublishedTensor } from "./published.ts";

/** What msgpack can hold, as far as flax writes it. */
type Value = number | bigint | boolean | null | string | Uint8Array | Tensor | readonly Value[] | Branch;

interface Branch {
  readonly [key: string]: Value;
}

class Tensor implements PublishedTensor {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;

  constructor(shape: readonly number[], data: ArrayLike<number>) {
    this.shape = shape;
    this.data = data;
  }
}

/** Extension types of flax: an array, and a scalar of NumPy, both packed as (shape, dtype, bytes). */
const NDARRAY = 1;
const SCALAR = 3;
/** No weights are nested like this; without an end, a hostile file would exhaust the stack. */
const DEEPEST = 100;

/**
 * The floating-point tensors of a file that `flax.serialization.to_bytes` wrote, by their paths joined with dots.
 *
 * @throws {LowlandError} E_CHECKPOINT for what is no such file, or holds types it may not
 * @see https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export function decodeFlax(bytes: Uint8Array, source: string): Map<string, PublishedTensor> {
  const tensors = new Map<string, PublishedTensor>();
  const visit = (value: Value, path: string): void => {
    if (value instanceof Tensor) tensors.set(path, value);
    else if (isBranch(value)) {
      for (const [key, below] of Object.entries(value)) visit(below, path === "" ? key : `${path}.${key}`);
    }
  };
  const root = unpack(bytes, source);
  if (!isBranch(root)) throw refused(source, "does not begin with a map");
  visit(root, "");
  return tensors;
}

function isBranch(value: Value): value is Branch {
  return Object.getPrototypeOf(value ?? 0) === null;
}

function refused(source: string, fact: string): LowlandError {
  return new LowlandError(
    "E_CHECKPOINT",
    `${source} is no msgpack file of flax: it ${fact}; give a .safetensors file, or what flax.serialization.to_bytes wrote`,
  );
}

function unpack(bytes: Uint8Array, source: string, depth = 0): Value {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let deep = depth;
  const take = (size: number): number => {
    if (at + size > bytes.length) throw refused(source, "ends too early");
    at += size;
    return at - size;
  };
  const unsigned = (size: 1 | 2 | 4): number => {
    const from = take(size);
    return size === 1 ? view.getUint8(from) : size === 2 ? view.getUint16(from) : view.getUint32(from);
  };
  const raw = (size: number): Uint8Array => {
    const from = take(size);
    return bytes.subarray(from, from + size);
  };
  const text = (size: number): string => new TextDecoder().decode(raw(size));
  const list = (count: number): Value[] => {
    const values: Value[] = [];
    for (let i = 0; i < count; i++) values.push(next());
    return values;
  };
  const map = (count: number): Branch => {
    const branch: Record<string, Value> = Object.create(null);
    for (let i = 0; i < count; i++) {
      const key = next();
      if (typeof key !== "string") throw refused(source, "holds a map whose keys are not text");
      branch[key] = next();
    }
    return branch;
  };
  const extension = (size: number): Value => {
    const type = view.getInt8(take(1));
    const inside = raw(size);
    if (type !== NDARRAY && type !== SCALAR) throw refused(source, `holds an extension of type ${type}`);
    return tensorOf(unpack(inside, source, deep), source);
  };
  const next = (): Value => {
    if (++deep > DEEPEST) throw refused(source, `is nested more than ${DEEPEST} deep`);
    const value = one(unsigned(1));
    deep--;
    return value;
  };
  const one = (tag: number): Value => {
    if (tag < 0x80) return tag;
    if (tag < 0x90) return map(tag & 15);
    if (tag < 0xa0) return list(tag & 15);
    if (tag < 0xc0) return text(tag & 31);
    if (tag >= 0xe0) return tag - 256;
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return tag === 0xc3;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return raw(unsigned(widths[tag - 0xc4]!));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return extension(unsigned(widths[tag - 0xc7]!));
      case 0xca:
        return view.getFloat32(take(4));
      case 0xcb:
        return view.getFloat64(take(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return unsigned(widths[tag - 0xcc]!);
      case 0xcf:
        return view.getBigUint64(take(8));
      case 0xd0:
        return view.getInt8(take(1));
      case 0xd1:
        return view.getInt16(take(2));
      case 0xd2:
        return view.getInt32(take(4));
      case 0xd3:
        return view.getBigInt64(take(8));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return extension(2 ** (tag - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return text(unsigned(widths[tag - 0xd9]!));
      case 0xdc:
      case 0xdd:
        return list(unsigned(tag === 0xdc ? 2 : 4));
      case 0xde:
      case 0xdf:
        return map(unsigned(tag === 0xde ? 2 : 4));
      default:
        throw refused(source, `holds the byte 0x${tag.toString(16)}, which means nothing`);
    }
  };
  const value = next();
  if (at !== bytes.length) throw refused(source, `goes on after its end, at byte ${at}`);
  return value;
}

const widths = [1, 2, 4] as const;

function isSizes(value: Value | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** An array of (shape, dtype, bytes); of other types than floating point nothing is kept. */
function tensorOf(value: Value, source: string): Value {
  const [shape, dtype, data] = Array.isArray(value) ? (value as readonly Value[]) : [];
  if (!isSizes(shape) || typeof dtype !== "string" || !(data instanceof Uint8Array)) {
    throw refused(source, "holds an array without shape, dtype and bytes");
  }
  const Type = dtype === "float32" ? Float32Array : dtype === "float64" ? Float64Array : undefined;
  if (Type === undefined) return null;
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (data.length !== size * Type.BYTES_PER_ELEMENT) {
    throw refused(source, `holds an array of shape [${shape}] in ${data.length} bytes`);
  }
  return new Tensor(shape, new Type(new Uint8Array(data).buffer));
}
