import type { Backend, BackendName, KernelVariant } from "./backend.ts";

// What the layers above the pure core add to the kernels, without loading any.

/** Which kernels to use; what is left out is chosen for speed. */
export interface KernelOptions {
  readonly backend?: BackendName | undefined;
  readonly variant?: KernelVariant | undefined;
  /** What they are compiled for: "avx2" where "avx512" would be faster. */
  readonly level?: string | undefined;
  /** Size of the memory, from 16 to 4096. Pages that are never used cost nothing. */
  readonly memoryMiB?: number | undefined;
  /** Threads a kernel may use: default 1. */
  readonly threads?: number | undefined;
}

const backends: Backend[] = [];
let defaults: () => KernelOptions = () => ({});

/** Adds a backend that is faster than those there are. */
export function registerBackend(backend: Backend): void {
  if (!backends.includes(backend)) backends.unshift(backend);
}

/** What was added, in order of speed. */
export function registered(): readonly Backend[] {
  return backends;
}

/** Sets which kernels a thread takes that was not told. */
export function setKernelDefaults(read: () => KernelOptions): void {
  defaults = read;
}

export function kernelDefaults(): KernelOptions {
  return defaults();
}
