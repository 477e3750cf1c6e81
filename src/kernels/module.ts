import { LowlandError } from "../errors.ts";
import { type Arena, LinearMemory } from "./memory.ts";
import { fma } from "./wasm/fma.ts";
import { portable } from "./wasm/portable.ts";

/** `portable` gives the same bits on every machine; `fma` fuses multiply-adds where the processor can. */
export type KernelVariant = "portable" | "fma";

type Pointer = number;

/** Exports of the WebAssembly module, as assembly/ declares them. */
export interface KernelExports {
  sigmoid(x: Pointer, y: Pointer, n: number): void;
  sigmoidBackward(y: Pointer, d: Pointer, n: number): void;
  tanh(x: Pointer, y: Pointer, n: number): void;
  tanhBackward(y: Pointer, d: Pointer, n: number): void;
  relu(x: Pointer, y: Pointer, n: number): void;
  reluBackward(y: Pointer, d: Pointer, n: number): void;
  exp(x: Pointer, y: Pointer, n: number): void;
  log(x: Pointer, y: Pointer, n: number): void;
  dot(x: Pointer, y: Pointer, n: number): number;
  addScaled(x: Pointer, a: number, y: Pointer, out: Pointer, n: number): void;
  scale(a: number, x: Pointer, n: number): void;
  unpackPixels(pixels: Pointer, n: number, out: Pointer): void;
  gemmDot(
    M: number,
    N: number,
    K: number,
    A: Pointer,
    lda: number,
    B: Pointer,
    ldb: number,
    C: Pointer,
    ldc: number,
    bias: Pointer,
  ): void;
  gemmLanes(
    M: number,
    N: number,
    K: number,
    A: Pointer,
    am: number,
    ak: number,
    B: Pointer,
    ldb: number,
    C: Pointer,
    ldc: number,
    accumulate: boolean,
  ): void;
  columnSums(M: number, N: number, A: Pointer, lda: number, out: Pointer, accumulate: boolean): void;
  softmaxCrossEntropy(
    logits: Pointer,
    labels: Pointer,
    rows: number,
    classes: number,
    scale: number,
    correct: Pointer,
  ): number;
  convPack(w: Pointer, Co: number, K: number, packed: Pointer): void;
  convForward(
    batch: number,
    H: number,
    W: number,
    Ci: number,
    kh: number,
    kw: number,
    Ho: number,
    Wo: number,
    Co: number,
    x: Pointer,
    packed: Pointer,
    bias: Pointer,
    y: Pointer,
  ): void;
  convScratchBytes(
    H: number,
    W: number,
    Ci: number,
    kh: number,
    kw: number,
    Ho: number,
    Wo: number,
    Co: number,
  ): number;
  convBackwardWeights(
    batch: number,
    H: number,
    W: number,
    Ci: number,
    kh: number,
    kw: number,
    Ho: number,
    Wo: number,
    Co: number,
    x: Pointer,
    dy: Pointer,
    dw: Pointer,
    dbias: Pointer,
    scratch: Pointer,
  ): void;
  convBackwardInput(
    batch: number,
    H: number,
    W: number,
    Ci: number,
    kh: number,
    kw: number,
    Ho: number,
    Wo: number,
    Co: number,
    dy: Pointer,
    w: Pointer,
    dx: Pointer,
    scratch: Pointer,
  ): void;
  maxPool(batch: number, H: number, W: number, C: number, x: Pointer, y: Pointer, at: Pointer): void;
  maxPoolBackward(
    batch: number,
    H: number,
    W: number,
    C: number,
    dy: Pointer,
    at: Pointer,
    dx: Pointer,
  ): void;
  batchNormStatistics(
    rows: number,
    C: number,
    x: Pointer,
    mean: Pointer,
    variance: Pointer,
    scratch: Pointer,
  ): void;
  batchNormForward(
    rows: number,
    C: number,
    x: Pointer,
    gamma: Pointer,
    beta: Pointer,
    mean: Pointer,
    variance: Pointer,
    eps: number,
    y: Pointer,
    scratch: Pointer,
  ): void;
  batchNormBackward(
    rows: number,
    C: number,
    x: Pointer,
    dy: Pointer,
    gamma: Pointer,
    mean: Pointer,
    variance: Pointer,
    eps: number,
    dgamma: Pointer,
    dbeta: Pointer,
    dx: Pointer,
    frozen: boolean,
    scratch: Pointer,
  ): void;
  momentumStep(
    w: Pointer,
    g: Pointer,
    v: Pointer,
    n: number,
    lr: number,
    mu: number,
    nesterov: boolean,
  ): void;
  rmspropStep(w: Pointer, g: Pointer, s: Pointer, n: number, lr: number, decay: number, eps: number): void;
  adamStep(
    w: Pointer,
    g: Pointer,
    m: Pointer,
    v: Pointer,
    n: number,
    lr: number,
    b1: number,
    b2: number,
    eps: number,
    c1: number,
    c2: number,
    shrink: number,
  ): void;
  lstmStateTile(H: number): number;
  lstmRecordTile(H: number, steps: number): number;
  lstmPackedSize(H: number): number;
  lstmPackedTransposedSize(H: number): number;
  lstmScratchSize(H: number): number;
  lstmAccumulatorSize(H: number): number;
  lstmPack(phi: Pointer, H: number, packed: Pointer, transposed: Pointer): void;
  lstmForward(
    w: Pointer,
    g: Pointer,
    n: number,
    state: Pointer,
    packed: Pointer,
    H: number,
    scratch: Pointer,
    expK: number,
    threshold: number,
    inverse: number,
    scale: number,
    records: Pointer,
    t: number,
    steps: number,
  ): void;
  lstmBackward(
    n: number,
    steps: number,
    records: Pointer,
    cotangents: Pointer,
    packed: Pointer,
    transposed: Pointer,
    H: number,
    scratch: Pointer,
    scale: number,
    acc: Pointer,
  ): void;
  lstmBackwardRecompute(
    n: number,
    steps: number,
    state: Pointer,
    gradients: Pointer,
    cotangents: Pointer,
    packed: Pointer,
    transposed: Pointer,
    H: number,
    scratch: Pointer,
    record: Pointer,
    expK: number,
    threshold: number,
    inverse: number,
    scale: number,
    acc: Pointer,
  ): void;
  lstmReduce(acc: Pointer, count: number, gradient: Pointer): void;
  registerPeak(iterations: number): number;
}

/** The kernels of this thread: one module, one memory. */
export interface Kernels {
  readonly variant: KernelVariant;
  readonly wasm: KernelExports;
  readonly memory: LinearMemory;
  /** Vectors that live as long as the thread. */
  readonly permanent: Arena;
}

const DEFAULT_MEMORY_MIB = 1024;
let current: Kernels | undefined;

/** The kernels of this thread, compiled and instantiated at the first call. */
export function kernels(): Kernels {
  current ??= instantiate(requestedVariant());
  return current;
}

/**
 * Chooses the variant for this thread; must come before the first use of any kernel.
 *
 * @throws {LowlandError} E_CONFIG if the machine cannot run it, or another variant is in use
 */
export function useKernelVariant(variant: KernelVariant): void {
  if (current !== undefined) {
    if (current.variant === variant) return;
    throw new LowlandError(
      "E_CONFIG",
      `kernel variant "${current.variant}" is in use already; choose "${variant}" before anything else runs, or set LOWLAND_KERNELS=${variant}`,
    );
  }
  current = instantiate(variant);
}

/** Opens an arena in this thread's kernel memory. */
export function openArena(): Arena {
  return kernels().memory.arena();
}

function environment(name: string): string | undefined {
  return typeof process === "undefined" ? undefined : process.env[name];
}

function requestedVariant(): KernelVariant | undefined {
  const wanted = environment("LOWLAND_KERNELS");
  if (wanted === undefined || wanted === "" || wanted === "auto") return undefined;
  if (wanted === "portable" || wanted === "fma") return wanted;
  throw new LowlandError("E_CONFIG", `LOWLAND_KERNELS is "${wanted}"; use portable, fma or auto`);
}

function memoryBytes(): number {
  const text = environment("LOWLAND_MEMORY_MIB");
  if (text === undefined || text === "") return DEFAULT_MEMORY_MIB * 2 ** 20;
  const mib = Number(text);
  if (!(mib >= 16 && mib <= 4096)) {
    throw new LowlandError("E_CONFIG", `LOWLAND_MEMORY_MIB is "${text}"; use a number from 16 to 4096`);
  }
  return mib * 2 ** 20;
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  if (typeof Buffer !== "undefined") return new Uint8Array(Buffer.from(base64, "base64"));
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

/** Node before 22 has relaxed SIMD behind a flag that can still be set before the module is compiled. */
function enableRelaxedSimd(): void {
  if (typeof process === "undefined" || Number(process.versions?.v8?.split(".")[0]) >= 12) return;
  process.getBuiltinModule?.("node:v8")?.setFlagsFromString("--experimental-wasm-relaxed-simd");
}

function instantiate(variant: KernelVariant | undefined): Kernels {
  let chosen = variant ?? "portable";
  let bytes = bytesOf(portable);
  if (variant !== "portable") {
    enableRelaxedSimd();
    const fused = bytesOf(fma);
    if (WebAssembly.validate(fused)) {
      chosen = "fma";
      bytes = fused;
    } else if (variant === "fma") {
      throw new LowlandError(
        "E_CONFIG",
        "this JavaScript engine cannot run the fma kernels (no relaxed SIMD); use the portable ones",
      );
    }
  }
  const memory = new LinearMemory(memoryBytes());
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: {
      memory: memory.memory,
      abort: () => {
        throw new LowlandError("E_MEMORY", "a kernel aborted; this is a bug in Lowland, please report it");
      },
    },
  });
  return {
    variant: chosen,
    wasm: instance.exports as unknown as KernelExports,
    memory,
    permanent: memory.arena(),
  };
}
