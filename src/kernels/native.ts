import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { LowlandError } from "../errors.ts";
import { type Backend, variantOf } from "./backend.ts";
import { type AddonFunctions, INTERFACE, nativeCalls } from "./generated/native-calls.ts";

/** What addons/<platform>.node exports. */
interface Addon {
  /** The best level this processor can run, or "" if it can run none. */
  readonly level: string;
  /** The kernels and their parameters. */
  readonly interface: string;
  open(memory: ArrayBuffer, level: string): AddonFunctions & { useThreads(count: number): number };
}

/** Where the addon looks for the arguments of a kernel: below what the memory hands out. */
const BLOCK = 512;
const MOST_ARGUMENTS = 32;

/** The kernels compiled for the vectors of this processor, on several threads. */
export const nativeBackend: Backend = {
  name: "native",
  open({ buffer }, { variant = "fma", level: wanted }) {
    const addon = loaded();
    const level = wanted ?? (variant === "fma" ? addon.level : PORTABLE_LEVELS[addon.level]!);
    const functions = opened(addon, buffer, level);
    const calls = nativeCalls(functions, new Float64Array(buffer, BLOCK, MOST_ARGUMENTS));
    return { calls, variant: variantOf(calls), level, useThreads: (count) => functions.useThreads(count) };
  },
};

/** The level with the bits of class `portable` for every level of class `fma`. */
const PORTABLE_LEVELS: Readonly<Record<string, string>> = {
  avx512: "avx2_portable",
  avx2: "avx2_portable",
  neon: "neon_portable",
};

function opened(addon: Addon, buffer: ArrayBuffer, level: string): ReturnType<Addon["open"]> {
  try {
    return addon.open(buffer, level);
  } catch (error) {
    const { message } = error as Error;
    throw new LowlandError("E_CONFIG", `native kernels of level "${level}": ${message}`, { cause: error });
  }
}

function loaded(): Addon {
  const platform = `${process.platform}-${process.arch}`;
  const path = fileURLToPath(new URL(`../../addons/${platform}.node`, import.meta.url));
  if (!existsSync(path)) throw new LowlandError("E_CONFIG", `there are no native kernels for ${platform}`);
  let addon: Addon;
  try {
    addon = createRequire(import.meta.url)(path) as Addon;
  } catch (error) {
    throw new LowlandError("E_CONFIG", `the native kernels cannot be loaded: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (addon.interface !== INTERFACE) {
    throw new LowlandError(
      "E_CONFIG",
      `${path} is of another version of the kernels: run npm run build:kernels`,
    );
  }
  if (addon.level === "") {
    throw new LowlandError("E_CONFIG", "this processor has no AVX2 with FMA, which the native kernels need");
  }
  return addon;
}
