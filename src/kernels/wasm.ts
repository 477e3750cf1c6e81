import { LowlandError } from "../errors.ts";
import { type Backend, type KernelVariant, variantOf } from "./backend.ts";
import type { KernelExports } from "./generated/exports.ts";
import { fma } from "./generated/fma.ts";
import { portable } from "./generated/portable.ts";
import type { LinearMemory } from "./memory.ts";

const LEVEL = "simd128";

/** The kernels in WebAssembly with vectors of 128 bits: everywhere, on one thread. */
export const wasmBackend: Backend = {
  name: "wasm",
  open(memory, { variant, level = LEVEL }) {
    if (level !== LEVEL) {
      throw new LowlandError("E_CONFIG", `WebAssembly has no kernels of level "${level}", only "${LEVEL}"`);
    }
    if (variant !== "portable") {
      const module = bytesOf(fma);
      if (WebAssembly.validate(module)) {
        const calls = instantiate(module, memory);
        if (variant === undefined || variantOf(calls) === variant) return opened(calls);
      }
      if (variant === "fma") {
        throw new LowlandError(
          "E_CONFIG",
          "this JavaScript engine does not fuse multiplications with additions (no relaxed SIMD, or no such instruction); use the portable kernels",
        );
      }
    }
    return opened(instantiate(bytesOf(portable), memory));
  },
};

function opened(calls: KernelExports): {
  calls: KernelExports;
  variant: KernelVariant;
  level: string;
  useThreads(): number;
} {
  return { calls, variant: variantOf(calls), level: LEVEL, useThreads: () => 1 };
}

function instantiate(bytes: Uint8Array<ArrayBuffer>, { memory }: LinearMemory): KernelExports {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  return instance.exports as unknown as KernelExports;
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
