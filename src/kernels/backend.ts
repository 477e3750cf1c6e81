import type { KernelExports } from "./generated/exports.ts";
import type { LinearMemory } from "./memory.ts";

/**
 * Class of bits. `portable`: every product and every sum is rounded, the same bits on every machine. `fma`: a·b + c is
 * rounded once, the same bits on every machine that can.
 */
export type KernelVariant = "portable" | "fma";

/** What runs the kernels: an addon compiled for the processor, or WebAssembly. */
export type BackendName = "native" | "wasm";

/** What may be asked of a backend. */
export interface Wanted {
  readonly variant?: KernelVariant | undefined;
  /** What the kernels are compiled for: see `OpenedBackend`. */
  readonly level?: string | undefined;
}

/** A way to run the kernels. */
export interface Backend {
  readonly name: BackendName;
  /**
   * Opens the kernels on a memory: the fastest with what is asked for.
   *
   * @throws {LowlandError} E_CONFIG, saying why they cannot run here
   */
  open(memory: LinearMemory, wanted: Wanted): OpenedBackend;
}

/** Kernels that work in one memory. */
export interface OpenedBackend {
  readonly calls: KernelExports;
  readonly variant: KernelVariant;
  /** What they are compiled for: "avx2", "avx512", "neon", "simd128". */
  readonly level: string;
  /** Lets a kernel use this many threads when this thread calls it; returns how many it will. */
  useThreads(count: number): number;
}

/** 1 + 2^-11 + 2^-24 is between two float32: rounded before the sum, the last term is lost. */
const X = 1 + 2 ** -12;
const MINUS_SQUARE = -(1 + 2 ** -11);

/** The class of bits of kernels, by trying: whether an engine fuses a multiplication with an addition is its choice. */
export function variantOf(calls: KernelExports): KernelVariant {
  return calls.multiplyAdd(X, X, MINUS_SQUARE) === 2 ** -24 ? "fma" : "portable";
}
