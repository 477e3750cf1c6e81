import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ioError, listDirectory } from "./files.ts";

const prefix = "events.out.tfevents.";

/**
 * Writes scalars as a TensorBoard event file. A new writer never touches older files of the directory; its own sorts
 * after them, which is the order TensorBoard reads them in.
 *
 * Source: TensorFlow's `event.proto`, `summary.proto` and the record format of `record_writer.cc`.
 *
 * @example
 * const events = new EventWriter("runs/plain", { now: () => Date.now() / 1000 });
 * events.scalars(1, { "meta/loss": 2.3 });
 */
export class EventWriter {
  readonly path: string;
  readonly #file: number;
  readonly #now: () => number;

  /**
   * @param options.now seconds since 1970, the wall time of events and part of the file's name
   * @param options.resumeStep first step that is written again: TensorBoard drops it and later ones from older files
   * @throws E_IO
   */
  constructor(directory: string, options: { readonly now: () => number; readonly resumeStep?: number }) {
    this.#now = options.now;
    const newest = listDirectory(directory)
      .filter((name) => name.startsWith(prefix))
      .map((name) => Number.parseInt(name.slice(prefix.length), 10) || 0)
      .reduce((a, b) => Math.max(a, b), -1);
    const stamp = Math.max(Math.floor(this.#now()), newest + 1);
    this.path = join(directory, `${prefix}${String(stamp).padStart(10, "0")}.lowland`);
    try {
      this.#file = openSync(this.path, "wx");
    } catch (error) {
      throw ioError("create", this.path, error);
    }
    this.#write(0, field(3, utf8("brain.Event:2")));
    if (options.resumeStep !== undefined) {
      const sessionStart = varintField(1, 1); // SessionLog.status = START
      this.#write(options.resumeStep, field(7, sessionStart));
    }
  }

  /** Writes one event with a scalar for each tag, as float32. Throws E_IO. */
  scalars(step: number, values: Readonly<Record<string, number>>): void {
    const summary = Object.entries(values).flatMap(([tag, value]) =>
      field(1, [...field(1, utf8(tag)), (2 << 3) | 5, ...float32(value)]),
    );
    this.#write(step, field(5, summary));
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(step: number, content: readonly number[]): void {
    const event = [(1 << 3) | 1, ...float64(this.#now()), ...varintField(2, step), ...content];
    try {
      writeFileSync(this.#file, frameRecord(Uint8Array.from(event)));
    } catch (error) {
      throw ioError("write", this.path, error);
    }
  }
}

/** One record: length (uint64), its masked CRC, data, their masked CRC; all little-endian. */
export function frameRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(8 + 4 + data.length + 4);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return record;
}

/** CRC-32C (Castagnoli) of bytes. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** 0x82f63b78 is the Castagnoli polynomial, bits reversed. */
const crcTable: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** TensorFlow rotates a CRC by 15 bits and adds a constant, so that a CRC of data that hold CRCs stays strong. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** A protobuf field that holds bytes: text or a message. */
function field(number: number, bytes: readonly number[]): number[] {
  return [(number << 3) | 2, ...varint(bytes.length), ...bytes];
}

function varintField(number: number, value: number): number[] {
  return [number << 3, ...varint(value)];
}

/** A non-negative safe integer, seven bits a byte. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

function utf8(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

function float32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return bytes;
}

function float64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return bytes;
}
