import { LowlandError } from "../errors.ts";

export type TensorData = Float64Array | Float32Array | Uint32Array | Int32Array | Uint8Array;

export type Dtype = "F64" | "F32" | "U32" | "I32" | "U8";

/** A tensor to be stored: row-major data and their shape. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** A tensor as it was read. */
export interface DecodedTensor extends Tensor {
  readonly dtype: Dtype;
}

/** What a `.safetensors` file holds. */
export interface Safetensors {
  readonly tensors: Map<string, DecodedTensor>;
  readonly metadata: Record<string, string>;
}

/** In the order the reference library lays dtypes out: wide ones first, so that all data stay aligned. */
const dtypes = {
  F64: Float64Array,
  F32: Float32Array,
  U32: Uint32Array,
  I32: Int32Array,
  U8: Uint8Array,
} as const;
const dtypeNames = Object.keys(dtypes) as Dtype[];

/** The reference library's own limit on a header. */
const maxHeaderBytes = 100_000_000;
const prefixBytes = 8;
const metadataKey = "__metadata__";

/**
 * Encodes named tensors as a safetensors file. The same tensors always give the same bytes: ordered by dtype, then
 * by name, header padded with spaces to a multiple of 8 bytes, as the reference library does.
 *
 * Source: https://huggingface.co/docs/safetensors
 *
 * @param tensors shape (sizes of the axes, row-major) and data of each name
 * @throws E_SHAPE when a shape does not hold its data; E_CHECKPOINT when a tensor takes the reserved name.
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries = Object.entries(tensors)
    .map(([name, tensor]) => ({ name, ...tensor, dtype: dtypeOf(tensor.data) }))
    .sort(
      (a, b) => dtypeNames.indexOf(a.dtype) - dtypeNames.indexOf(b.dtype) || compareStrings(a.name, b.name),
    );
  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) {
    const pairs = Object.entries(metadata).sort(([a], [b]) => compareStrings(a, b));
    const body = pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",");
    fields.push(`"${metadataKey}":{${body}}`);
  }
  let end = 0;
  for (const { name, shape, data, dtype } of entries) {
    if (name === metadataKey) {
      throw new LowlandError("E_CHECKPOINT", `a tensor cannot be named "${metadataKey}"; rename it`);
    }
    if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0) || product(shape) !== data.length) {
      throw new LowlandError(
        "E_SHAPE",
        `tensor ${quote(name)} has shape [${shape}] and ${data.length} elements; give it a shape that holds them`,
      );
    }
    const begin = end;
    end += data.byteLength;
    fields.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${begin},${end}]}`,
    );
  }
  const header = new TextEncoder().encode(`{${fields.join(",")}}`);
  const headerBytes = Math.ceil(header.length / 8) * 8;
  const bytes = new Uint8Array(prefixBytes + headerBytes + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(header, prefixBytes);
  bytes.fill(0x20, prefixBytes + header.length, prefixBytes + headerBytes);
  let offset = prefixBytes + headerBytes;
  for (const { data } of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return bytes;
}

/**
 * Decodes a safetensors file. Everything the header says is checked against the bytes before any tensor is
 * allocated; the data are copied, so `bytes` may be reused.
 *
 * @param options.source name of the file, for messages
 * @throws E_CHECKPOINT when the bytes are not a complete, consistent file of dtypes F64, F32, U32, I32, U8.
 */
export function decodeSafetensors(bytes: Uint8Array, options: { readonly source: string }): Safetensors {
  const refuse = refusalOf(options.source);
  const header = readHeader(bytes, refuse);
  const dataStart = prefixBytes + header.length;
  const fields = parseHeader(header, refuse);
  const metadata = parseMetadata(fields.get(metadataKey), refuse);
  fields.delete(metadataKey);

  const entries = [...fields].map(([name, field]) => parseEntry(name, field, refuse));
  const byOffset = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const entry of byOffset) {
    if (entry.begin !== end) {
      const what = entry.begin < end ? "overlaps the tensor before it" : "leaves a gap before it";
      refuse(`tensor ${quote(entry.name)} at byte ${entry.begin} ${what}, which ends at ${end}`);
    }
    end = entry.end;
  }
  const present = bytes.length - dataStart;
  if (present < end) refuse(`truncated: tensors need ${end} bytes, ${present} are there`);
  if (present > end) refuse(`tensors end at byte ${end}, but ${present - end} more bytes follow`);

  const tensors = new Map<string, DecodedTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    // not slice(), which for a Node Buffer shares memory
    const copy = new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end));
    tensors.set(name, { dtype, shape, data: new dtypes[dtype](copy.buffer) });
  }
  return { tensors, metadata };
}

/**
 * The metadata of a safetensors file, of which only the beginning need be there: the header's length and the header.
 *
 * @param options.source name of the file, for messages
 * @throws E_CHECKPOINT when the header is cut off or damaged
 */
export function decodeMetadata(
  bytes: Uint8Array,
  { source }: { readonly source: string },
): Record<string, string> {
  const refuse = refusalOf(source);
  return parseMetadata(parseHeader(readHeader(bytes, refuse), refuse).get(metadataKey), refuse);
}

type Refuse = (fact: string, next?: string) => never;

function refusalOf(source: string): Refuse {
  return (fact, next = "restore or rewrite the file") => {
    throw new LowlandError("E_CHECKPOINT", `${source} is not a usable safetensors file: ${fact}; ${next}`);
  };
}

interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function readHeader(bytes: Uint8Array, refuse: Refuse): Uint8Array {
  if (bytes.length < prefixBytes) {
    return refuse(`truncated: ${bytes.length} bytes, fewer than the ${prefixBytes} of the length field`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    return refuse(`header length ${length} exceeds ${maxHeaderBytes}`, "check that it is a safetensors file");
  }
  const present = bytes.length - prefixBytes;
  if (length > BigInt(present))
    return refuse(`truncated: header needs ${length} bytes, ${present} are there`);
  return bytes.subarray(prefixBytes, prefixBytes + Number(length));
}

function parseHeader(header: Uint8Array, refuse: Refuse): Map<string, unknown> {
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header);
    parsed = JSON.parse(text);
  } catch {
    return refuse("header is not valid JSON");
  }
  if (!isRecord(parsed)) return refuse("header is not a JSON object");
  const twice = repeatedKey(text);
  if (twice !== undefined) return refuse(`header names ${quote(twice)} twice`);
  return new Map(Object.entries(parsed));
}

function parseMetadata(field: unknown, refuse: Refuse): Record<string, string> {
  if (field === undefined) return {};
  if (!isRecord(field)) return refuse("its metadata is not an object");
  const wrong = Object.entries(field).find(([, value]) => typeof value !== "string");
  if (wrong) return refuse(`metadata ${quote(wrong[0])} is not a string`);
  return field as Record<string, string>;
}

function parseEntry(name: string, field: unknown, refuse: Refuse): Entry {
  const tensor = `tensor ${quote(name)}`;
  if (!isRecord(field)) return refuse(`${tensor} is not described by an object`);
  const { dtype, shape, data_offsets: offsets, ...others } = field;
  const extra = Object.keys(others)[0];
  if (extra !== undefined) return refuse(`${tensor} has the unknown field ${quote(extra)}`);
  if (typeof dtype !== "string" || !Object.hasOwn(dtypes, dtype)) {
    return refuse(`${tensor} has dtype ${quote(dtype)}`, `convert it to one of ${dtypeNames.join(", ")}`);
  }
  if (!isSizes(shape)) return refuse(`${tensor} has shape ${quote(shape)}, not a list of sizes`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    return refuse(`${tensor} has data_offsets ${quote(offsets)}, not [begin, end]`);
  }
  const [begin, end] = offsets as [number, number];
  const needed = product(shape) * dtypes[dtype as Dtype].BYTES_PER_ELEMENT;
  if (needed !== end - begin) {
    return refuse(
      `${tensor} of shape ${quote(shape)} and dtype ${dtype} needs ${needed} bytes, has ${end - begin}`,
    );
  }
  return { name, dtype: dtype as Dtype, shape, begin, end };
}

/** The first key that occurs twice in one object of valid JSON text; `JSON.parse` would keep the last silently. */
function repeatedKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (const [token, key] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (key !== undefined) {
      const name = JSON.parse(key) as string;
      const seen = open.at(-1);
      if (seen?.has(name)) return name;
      seen?.add(name);
    }
  }
  return undefined;
}

function dtypeOf(data: TensorData): Dtype {
  return dtypeNames.find((name) => data instanceof dtypes[name])!;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function product(shape: readonly number[]): number {
  return shape.reduce((total, size) => total * size, 1);
}

function compareStrings(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A value from a file as it may appear in a one-line message: escaped and cut short. */
function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
