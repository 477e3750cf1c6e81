import { LowlandError } from "../errors.ts";
import type { Backend, BackendName, KernelVariant, OpenedBackend } from "./backend.ts";
import type { KernelExports } from "./generated/exports.ts";
import { type Arena, LinearMemory } from "./memory.ts";
import { type KernelOptions, kernelDefaults, registered } from "./registry.ts";
import { wasmBackend } from "./wasm.ts";

export type { BackendName, KernelVariant } from "./backend.ts";
export type { KernelExports } from "./generated/exports.ts";
export type { KernelOptions } from "./registry.ts";

/** Kernels on one memory. */
export interface Kernels {
  /** Class of their bits. */
  readonly variant: KernelVariant;
  readonly backend: BackendName;
  /** What they are compiled for: "avx2", "avx512", "neon", "simd128". */
  readonly level: string;
  /** Why a faster backend was not taken; undefined if there is none. */
  readonly reason: string | undefined;
  /** The kernels themselves; a vector is its byte offset in the memory. */
  readonly calls: KernelExports;
  readonly memory: LinearMemory;
  /** Vectors that live as long as the kernels. */
  readonly permanent: Arena;
  /** Threads a kernel uses when this thread calls it. */
  readonly threads: number;
  /** Sets `threads`: to the count, or to as many as there can be. */
  useThreads(count: number): void;
  /** Opens a set of vectors that are freed together. */
  arena(): Arena;
}

const DEFAULT_MEMORY_MIB = 1024;

let current: Kernels | undefined;

/** The kernels of this thread, opened at the first call. */
export function kernels(): Kernels {
  current ??= openKernels(kernelDefaults());
  return current;
}

/**
 * Chooses the kernels of this thread; must come before the first use of any.
 *
 * @throws {LowlandError} E_CONFIG if the machine cannot run them, or others are in use
 */
export function useKernels(options: KernelOptions): void {
  if (current === undefined) {
    current = openKernels({ ...kernelDefaults(), ...options });
    return;
  }
  const { backend = current.backend, variant = current.variant } = options;
  if (backend !== current.backend || variant !== current.variant) {
    throw new LowlandError(
      "E_CONFIG",
      `kernels "${current.backend}" with bits "${current.variant}" are in use already; choose "${backend}" with "${variant}" before anything else runs, or set LOWLAND_KERNELS`,
    );
  }
  if (options.threads !== undefined) current.useThreads(options.threads);
}

/** The same by the class of bits alone. */
export function useKernelVariant(variant: KernelVariant): void {
  useKernels({ variant });
}

/** Opens an arena in this thread's kernel memory. */
export function openArena(): Arena {
  return kernels().arena();
}

/**
 * Opens kernels with a memory of their own, beside those of this thread.
 *
 * @throws {LowlandError} E_CONFIG if the machine cannot run them
 */
export function openKernels(options: KernelOptions = {}): Kernels {
  const { backend, variant, level, memoryMiB = DEFAULT_MEMORY_MIB, threads = 1 } = options;
  const memory = new LinearMemory(memoryMiB * 2 ** 20);
  const reasons: string[] = [];
  for (const candidate of [...registered(), wasmBackend]) {
    if (backend !== undefined && candidate.name !== backend) {
      reasons.push(`only "${backend}" was asked for`);
      continue;
    }
    try {
      return assemble(candidate, candidate.open(memory, { variant, level }), memory, threads, reasons[0]);
    } catch (error) {
      if (!(error instanceof LowlandError)) throw error;
      reasons.push(error.message);
    }
  }
  throw new LowlandError("E_CONFIG", `no kernels can be used: ${reasons.join("; ")}`);
}

function assemble(
  { name }: Backend,
  { calls, variant, level, useThreads }: OpenedBackend,
  memory: LinearMemory,
  threads: number,
  reason: string | undefined,
): Kernels {
  let inside = useThreads(threads);
  const arena = (): Arena => Object.assign(memory.arena(), { kernels: opened });
  const opened: Kernels = {
    ...{ variant, backend: name, level, reason, calls, memory, arena },
    get threads() {
      return inside;
    },
    useThreads(count) {
      inside = useThreads(count);
    },
    get permanent() {
      permanent ??= arena();
      return permanent;
    },
  };
  let permanent: Arena | undefined;
  return opened;
}
