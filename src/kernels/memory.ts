import { LowlandError } from "../errors.ts";
import type { Kernels } from "./module.ts";

/** A set of vectors in kernel memory that are freed together, and the kernels that work on them. */
export interface Arena extends MemoryArena {
  readonly kernels: Kernels;
}

/** The vectors alone. */
export interface MemoryArena {
  /** `length` zeros, 64-byte aligned. */
  float32(length: number): Float32Array<ArrayBuffer>;
  /** `length` zeros, 64-byte aligned. */
  int32(length: number): Int32Array<ArrayBuffer>;
  /** `length` zeros, 64-byte aligned. */
  uint8(length: number): Uint8Array<ArrayBuffer>;
  /** The largest vector that can be had, in bytes. */
  readonly freeBytes: number;
  /** Has something else freed with this arena. */
  whenClosed(free: () => void): void;
  /** Frees everything this arena handed out; its vectors must not be used afterwards. */
  close(): void;
}

/** A stretch of memory: first byte and length in bytes. */
interface Block {
  at: number;
  bytes: number;
}

const LINE = 64; // a cache line, and the alignment of every vector
const KEPT_SMALL = 1 << 16; // blocks below this are cleared without asking whether they were used before

/**
 * A first-fit allocator over one linear memory of fixed size. The memory never grows, so views into it stay
 * valid for good; the operating system commits a page only when it is first touched.
 */
export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  readonly buffer: ArrayBuffer;
  readonly #free: Block[];
  #touched: number;
  #used = 0;

  /**
   * @param bytes size of the memory, rounded up to 64 KiB
   * @param base first byte that may be handed out
   */
  constructor(bytes: number, base = 1024) {
    const pages = Math.ceil(bytes / 65536);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.buffer = this.memory.buffer;
    this.#free = [{ at: base, bytes: pages * 65536 - base }];
    this.#touched = base;
  }

  /** Bytes handed out at present. */
  get usedBytes(): number {
    return this.#used;
  }

  /** The largest piece that can be handed out. */
  get freeBytes(): number {
    return this.#free.reduce((largest, { bytes }) => Math.max(largest, bytes), 0);
  }

  /** Opens a set of vectors that are freed together. */
  arena(): MemoryArena {
    const blocks: Block[] = [];
    const take = (bytes: number): number => {
      const block = this.#take(bytes);
      blocks.push(block);
      return block.at;
    };
    const free = (): number => this.freeBytes;
    const others: (() => void)[] = [];
    return {
      get freeBytes() {
        return free();
      },
      float32: (length) => new Float32Array(this.buffer, take(4 * length), length),
      int32: (length) => new Int32Array(this.buffer, take(4 * length), length),
      uint8: (length) => new Uint8Array(this.buffer, take(length), length),
      whenClosed: (other) => void others.push(other),
      close: () => {
        for (const other of others.splice(0)) other();
        for (const block of blocks.splice(0)) this.#release(block);
      },
    };
  }

  #take(wanted: number): Block {
    const bytes = Math.max(LINE, Math.ceil(wanted / LINE) * LINE);
    const index = this.#free.findIndex((block) => block.bytes >= bytes);
    const hole = this.#free[index];
    if (hole === undefined) {
      throw new LowlandError(
        "E_MEMORY",
        `kernel memory is full: ${wanted} bytes wanted, ${this.#used} of ${this.buffer.byteLength} in use; ` +
          "set LOWLAND_MEMORY_MIB, in a browser memoryMiB of useKernels, to a larger size (at most 4096), or use fewer instances, a shorter window or a smaller model",
      );
    }
    const at = hole.at;
    if (hole.bytes === bytes) this.#free.splice(index, 1);
    else {
      hole.at += bytes;
      hole.bytes -= bytes;
    }
    // memory never touched is zero already, and clearing it would make the system commit it
    const end = at + bytes;
    const dirty = bytes < KEPT_SMALL ? end : Math.min(end, this.#touched);
    if (dirty > at) new Uint8Array(this.buffer, at, dirty - at).fill(0);
    this.#touched = Math.max(this.#touched, end);
    this.#used += bytes;
    return { at, bytes };
  }

  #release(block: Block): void {
    this.#used -= block.bytes;
    let index = this.#free.findIndex((hole) => hole.at > block.at);
    if (index < 0) index = this.#free.length;
    this.#free.splice(index, 0, { ...block });
    const next = this.#free[index + 1];
    const own = this.#free[index]!;
    if (next !== undefined && own.at + own.bytes === next.at) {
      own.bytes += next.bytes;
      this.#free.splice(index + 1, 1);
    }
    const previous = this.#free[index - 1];
    if (previous !== undefined && previous.at + previous.bytes === own.at) {
      previous.bytes += own.bytes;
      this.#free.splice(index, 1);
    }
  }
}
