import type { FileHandle } from "node:fs/promises";
import { openRegular } from "./files.ts";

const CHUNK_BYTES = 1 << 18;
/** A line longer than this is not one of Lowland and is left out. */
const LONGEST_LINE = 1 << 20;
const NEWLINE = 0x0a;
/** Bytes before the place reached by which a file is known again: a metrics line ends in the milliseconds it was written at. */
const MARK_BYTES = 64;

/** A complete line and the byte offset after it. */
export interface Line {
  readonly text: string;
  readonly end: number;
}

/**
 * Reads a file of lines that another process appends to. A last line without its end is read when it has one. A file
 * that was replaced or cut, as by a resumed run, is read again from its beginning.
 */
export class LineReader {
  readonly #path: string;
  #offset: number;
  #mark: Buffer = Buffer.alloc(0);

  /** @param offset where to begin, the beginning of a line; from the start of the file where it is not one */
  constructor(path: string, offset = 0) {
    this.#path = path;
    this.#offset = offset;
    if (offset > 0) this.#mark = Buffer.from([NEWLINE]);
  }

  /** Byte offset after the last line that was read. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Gives every line that was completed since the last call to `onLine`; `onReset` is called before the first of a file that
   * was replaced. A missing file has no lines. Lets other work through between chunks.
   */
  async read(onLine: (line: Line) => void, onReset: () => void = () => {}): Promise<void> {
    const file = await openRegular(this.#path);
    if (file === undefined) return;
    try {
      if (!(await this.#knows(file))) {
        this.#offset = 0;
        this.#mark = Buffer.alloc(0);
        onReset();
      }
      await this.#readFrom(file, onLine);
    } finally {
      await file.close();
    }
  }

  async #knows(file: FileHandle): Promise<boolean> {
    if (this.#mark.length === 0) return true;
    const there = Buffer.alloc(this.#mark.length);
    const { bytesRead } = await file.read(there, 0, there.length, this.#offset - there.length);
    return bytesRead === there.length && there.equals(this.#mark);
  }

  async #readFrom(file: FileHandle, onLine: (line: Line) => void): Promise<void> {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let rest = Buffer.alloc(0);
    for (let skipping = false; ; ) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, this.#offset + rest.length);
      if (bytesRead === 0) return;
      const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        if (!skipping) onLine({ text: bytes.toString("utf8", start, end), end: this.#offset + end + 1 });
        skipping = false;
        start = end + 1;
      }
      if (bytes.length - start > LONGEST_LINE) {
        skipping = true;
        start = bytes.length;
      }
      if (start > 0) this.#mark = Buffer.from(bytes.subarray(Math.max(0, start - MARK_BYTES), start));
      this.#offset += start;
      rest = Buffer.from(bytes.subarray(start));
    }
  }
}

/** The JSON object in a line, or undefined where it holds none. */
export function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
