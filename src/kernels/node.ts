// What the kernels have on Node beyond the pure core: the native backend, settings from the environment, and threads.
import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";
import { isMainThread } from "node:worker_threads";
import { LowlandError } from "../errors.ts";
import { nativeBackend } from "./native.ts";
import { type KernelOptions, registerBackend, setKernelDefaults } from "./registry.ts";

// Node before 22 has relaxed SIMD behind a flag that can still be set before a module is compiled
if (Number(process.versions.v8.split(".")[0]) < 12) setFlagsFromString("--experimental-wasm-relaxed-simd");
registerBackend(nativeBackend);
setKernelDefaults(() => ({
  ...choice(process.env.LOWLAND_KERNELS),
  memoryMiB: memoryMiB(process.env.LOWLAND_MEMORY_MIB),
  // workers share the processor with each other
  threads: isMainThread ? availableParallelism() : 1,
}));

/** LOWLAND_KERNELS: a backend, a class of bits, or both: "wasm", "portable", "wasm-portable". */
function choice(text: string | undefined): KernelOptions {
  const options: { -readonly [K in "backend" | "variant"]?: KernelOptions[K] } = {};
  if (text === undefined || text === "" || text === "auto") return options;
  for (const word of text.split("-")) {
    if (word === "native" || word === "wasm") options.backend = word;
    else if (word === "portable" || word === "fma") options.variant = word;
    else {
      throw new LowlandError(
        "E_CONFIG",
        `LOWLAND_KERNELS is "${text}"; use auto, native, wasm, portable, or native-portable and wasm-portable`,
      );
    }
  }
  return options;
}

function memoryMiB(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const mib = Number(text);
  if (!(mib >= 16 && mib <= 4096)) {
    throw new LowlandError("E_CONFIG", `LOWLAND_MEMORY_MIB is "${text}"; use a number from 16 to 4096`);
  }
  return mib;
}
