// Calls of every kernel on vectors of any extents, for what holds between backends: see bits.test.ts.
import fc from "fast-check";
import type { KernelExports } from "../../src/kernels/generated/exports.ts";
import type { Arena } from "../../src/kernels/memory.ts";
import { key, normal } from "../../src/random/key.ts";

/** Vectors for one call: drawn from one seed, the same in every memory. */
export interface Draw {
  /** Normal entries, at a place that is not aligned. */
  values(length: number): number;
  /** Normal entries of which many are zero. */
  sparse(length: number): number;
  /** Bytes below `limit`. */
  bytes(length: number, limit?: number): number;
  /** Zeros, aligned to a cache line. */
  scratch(bytes: number): number;
}

/** A call of one kernel with extents that were drawn; what it returns is compared with the memory. */
export type Case = (calls: KernelExports, draw: Draw) => number | undefined;

/** `draw` on an arena, and every vector it handed out with the guard behind it. */
export function drawing(arena: Arena, seed: number): { draw: Draw; vectors: Uint8Array[] } {
  const vectors: Uint8Array[] = [];
  let count = 0;
  const floats = (length: number): Float32Array => {
    const lead = count % 4;
    const whole = arena.float32(lead + length + 24).fill(GUARD);
    vectors.push(new Uint8Array(whole.buffer, whole.byteOffset, whole.byteLength));
    const view = whole.subarray(lead, lead + length);
    normal(key(seed + count++), view);
    return view;
  };
  return {
    vectors,
    draw: {
      values: (length) => floats(length).byteOffset,
      sparse(length) {
        const view = floats(length);
        for (let i = 0; i < length; i++) if (Math.abs(view[i]!) < 0.8) view[i] = 0;
        return view.byteOffset;
      },
      bytes(length, limit = 256) {
        const view = arena.uint8(length);
        for (let i = 0; i < length; i++) view[i] = (seed + 31 * i * i) % limit;
        vectors.push(view);
        return view.byteOffset;
      },
      scratch: (bytes) => arena.uint8(bytes).byteOffset,
    },
  };
}

const GUARD = 12345.5;
const length = fc.oneof(fc.integer({ min: 1, max: 80 }), fc.constantFrom(1000, 70_001));
const extent = fc.integer({ min: 1, max: 40 });
const seed = fc.nat(1000);

/** Elementwise functions of x into y. */
function elementwise(name: "sigmoid" | "tanh" | "relu" | "exp"): fc.Arbitrary<Case> {
  return length.map((n) => (calls, draw) => {
    calls[name](draw.values(n), draw.values(n), n);
    return undefined;
  });
}

function backward(name: "sigmoidBackward" | "tanhBackward" | "reluBackward"): fc.Arbitrary<Case> {
  return length.map((n) => (calls, draw) => {
    calls[name](draw.values(n), draw.values(n), n);
    return undefined;
  });
}

const dense = fc
  .tuple(
    fc.oneof(extent, fc.constant(128)),
    fc.oneof(extent, fc.constantFrom(20, 64)),
    fc.oneof(extent, fc.constantFrom(64, 784)),
  )
  .map(([M, N, K]) => ({ M, N, K }));

const images = fc
  .record({
    batch: fc.constantFrom(1, 2, 5, 24),
    H: fc.integer({ min: 1, max: 12 }),
    W: fc.integer({ min: 1, max: 12 }),
    Ci: fc.constantFrom(1, 2, 3, 5, 16),
    kh: fc.integer({ min: 1, max: 5 }),
    kw: fc.integer({ min: 1, max: 5 }),
    Co: fc.constantFrom(1, 3, 4, 16, 21, 32, 39),
  })
  .map(({ kh, kw, ...s }) => ({ ...s, kh: Math.min(kh, s.H), kw: Math.min(kw, s.W) }))
  .map((s) => ({ ...s, Ho: s.H - s.kh + 1, Wo: s.W - s.kw + 1 }))
  .map((s) => ({
    ...s,
    all: [s.batch, s.H, s.W, s.Ci, s.kh, s.kw, s.Ho, s.Wo, s.Co] as const,
    weights: s.Co * s.kh * s.kw * s.Ci,
    inputs: s.batch * s.H * s.W * s.Ci,
    outputs: s.batch * s.Ho * s.Wo * s.Co,
  }));

function convScratch(calls: KernelExports, draw: Draw, s: { readonly all: readonly number[] }): number {
  const [, ...rest] = s.all as [number, number, number, number, number, number, number, number, number];
  return draw.scratch(calls.convScratchBytes(...rest));
}

const pooled = fc.record({
  batch: fc.constantFrom(1, 3),
  H: fc.integer({ min: 2, max: 9 }),
  W: fc.integer({ min: 2, max: 9 }),
  C: fc.constantFrom(1, 3, 4, 6, 16, 21),
});

const normalized = fc.record({
  rows: fc.integer({ min: 1, max: 600 }),
  C: fc.constantFrom(1, 3, 4, 7, 16, 37),
  frozen: fc.boolean(),
});

/** Optimizer steps, applied and stored. */
const update = fc.tuple(length, fc.boolean());

/** Calls of every kernel but those of learned optimizers, whose tests have their own, and the benchmark's. */
export const cases: Readonly<Record<string, fc.Arbitrary<Case>>> = {
  sigmoid: elementwise("sigmoid"),
  tanh: elementwise("tanh"),
  relu: elementwise("relu"),
  exp: elementwise("exp"),
  log: length.map((n) => (calls, draw) => {
    const x = draw.values(n);
    calls.exp(x, x, n);
    calls.log(x, draw.values(n), n);
    return undefined;
  }),
  sigmoidBackward: backward("sigmoidBackward"),
  tanhBackward: backward("tanhBackward"),
  reluBackward: backward("reluBackward"),
  dot: length.map((n) => (calls, draw) => calls.dot(draw.values(n), draw.values(n), n)),
  addScaled: length.map((n) => (calls, draw) => {
    calls.addScaled(draw.values(n), -0.3, draw.values(n), draw.values(n), n);
    return undefined;
  }),
  scale: length.map((n) => (calls, draw) => {
    calls.scale(0.7, draw.values(n), n);
    return undefined;
  }),
  unpackPixels: length.map((n) => (calls, draw) => {
    calls.unpackPixels(draw.bytes(n), n, draw.values(n));
    return undefined;
  }),
  gemmDot: fc.tuple(dense, fc.boolean()).map(([{ M, N, K }, bias]) => (calls, draw) => {
    const b = draw.values(N);
    calls.gemmDot(M, N, K, draw.values(M * K), K, draw.values(N * K), K, draw.values(M * N), N, bias ? b : 0);
    return undefined;
  }),
  gemmLanes: fc
    .tuple(dense, fc.boolean(), fc.boolean())
    .map(([{ M, N: K, K: N }, transposed, accumulate]) => (calls, draw) => {
      const a = draw.values(M * K);
      const [am, ak] = transposed ? [1, M] : [K, 1];
      calls.gemmLanes(M, N, K, a, am, ak, draw.values(N * K), N, draw.values(M * N), N, accumulate);
      return undefined;
    }),
  columnSums: fc.tuple(dense, fc.boolean()).map(([{ M, N }, accumulate]) => (calls, draw) => {
    calls.columnSums(M, N, draw.values(M * N), N, draw.values(N), accumulate);
    return undefined;
  }),
  softmaxCrossEntropy: fc.tuple(extent, extent).map(([rows, classes]) => (calls, draw) => {
    const labels = draw.bytes(rows, classes);
    return calls.softmaxCrossEntropy(
      draw.values(rows * classes),
      labels,
      rows,
      classes,
      0.01,
      draw.values(1),
    );
  }),
  convPack: images.map((s) => (calls, draw) => {
    const K = s.kh * s.kw * s.Ci;
    calls.convPack(draw.values(s.weights), s.Co, K, draw.values(16 * Math.ceil(s.Co / 16) * K));
    return undefined;
  }),
  convForward: images.map((s) => (calls, draw) => {
    const K = s.kh * s.kw * s.Ci;
    const panels = draw.values(16 * Math.ceil(s.Co / 16) * K);
    calls.convPack(draw.values(s.weights), s.Co, K, panels);
    calls.convForward(...s.all, draw.values(s.inputs), panels, draw.values(s.Co), draw.values(s.outputs));
    return undefined;
  }),
  convScratchBytes: images.map(({ all }) => (calls) => {
    const [, H, W, Ci, kh, kw, Ho, Wo, Co] = all;
    return calls.convScratchBytes(H, W, Ci, kh, kw, Ho, Wo, Co);
  }),
  convBackwardWeights: images.map((s) => (calls, draw) => {
    const [x, dy] = [draw.values(s.inputs), draw.sparse(s.outputs)];
    const scratch = convScratch(calls, draw, s);
    calls.convBackwardWeights(...s.all, x, dy, draw.values(s.weights), draw.values(s.Co), scratch);
    return undefined;
  }),
  convBackwardInput: images.map((s) => (calls, draw) => {
    const [dy, w] = [draw.sparse(s.outputs), draw.values(s.weights)];
    calls.convBackwardInput(...s.all, dy, w, draw.values(s.inputs), convScratch(calls, draw, s));
    return undefined;
  }),
  maxPool: pooled.map(({ batch, H, W, C }) => (calls, draw) => {
    const pooledSize = batch * (H >> 1) * (W >> 1) * C;
    calls.maxPool(
      batch,
      H,
      W,
      C,
      draw.sparse(batch * H * W * C),
      draw.values(pooledSize),
      draw.bytes(pooledSize),
    );
    return undefined;
  }),
  maxPoolBackward: pooled.map(({ batch, H, W, C }) => (calls, draw) => {
    const pooledSize = batch * (H >> 1) * (W >> 1) * C;
    const at = draw.bytes(pooledSize, 4);
    calls.maxPoolBackward(batch, H, W, C, draw.values(pooledSize), at, draw.values(batch * H * W * C));
    return undefined;
  }),
  batchNormStatistics: normalized.map(({ rows, C }) => (calls, draw) => {
    const x = draw.values(rows * C);
    calls.batchNormStatistics(rows, C, x, draw.values(C), draw.values(C), draw.scratch(28 * C));
    return undefined;
  }),
  batchNormForward: normalized.map(({ rows, C }) => (calls, draw) => {
    const [x, gamma, beta, mean, variance] = [rows * C, C, C, C, C].map(draw.values) as Five;
    calls.exp(variance, variance, C);
    const y = draw.values(rows * C);
    calls.batchNormForward(rows, C, x, gamma, beta, mean, variance, 1e-5, y, draw.scratch(28 * C));
    return undefined;
  }),
  batchNormBackward: normalized.map(({ rows, C, frozen }) => (calls, draw) => {
    const [x, dy, gamma, mean, variance] = [rows * C, rows * C, C, C, C].map(draw.values) as Five;
    calls.exp(variance, variance, C);
    const [dgamma, dbeta, dx] = [C, C, rows * C].map(draw.values) as [number, number, number];
    const scratch = draw.scratch(28 * C);
    calls.batchNormBackward(rows, C, x, dy, gamma, mean, variance, 1e-5, dgamma, dbeta, dx, frozen, scratch);
    return undefined;
  }),
  gradientStep: update.map(([n, stored]) => (calls, draw) => {
    const u = draw.values(n);
    calls.gradientStep(draw.values(n), stored ? u : 0, draw.values(n), n, 0.1);
    return undefined;
  }),
  momentumStep: fc.tuple(update, fc.boolean()).map(([[n, stored], nesterov]) => (calls, draw) => {
    const u = draw.values(n);
    calls.momentumStep(draw.values(n), stored ? u : 0, draw.values(n), draw.values(n), n, 0.1, 0.9, nesterov);
    return undefined;
  }),
  rmspropStep: update.map(([n, stored]) => (calls, draw) => {
    const [u, s] = [draw.values(n), draw.values(n)];
    calls.exp(s, s, n);
    calls.rmspropStep(draw.values(n), stored ? u : 0, draw.values(n), s, n, 0.1, 0.9, 1e-8);
    return undefined;
  }),
  adamStep: update.map(([n, stored]) => (calls, draw) => {
    const [w, u, g, m, v] = [n, n, n, n, n].map(draw.values) as Five;
    calls.exp(v, v, n);
    calls.adamStep(w, stored ? u : 0, g, m, v, n, 0.01, 0.9, 0.999, 1e-8, 0.2, 0.1, 0.001);
    return undefined;
  }),
  lionStep: update.map(([n, stored]) => (calls, draw) => {
    const u = draw.values(n);
    calls.lionStep(draw.values(n), stored ? u : 0, draw.sparse(n), draw.sparse(n), n, 0.01, 0.9, 0.99, 0.001);
    return undefined;
  }),
  multiplyAdd: fc.tuple(fc.float({ noNaN: true }), fc.float({ noNaN: true })).map(
    ([a, b]) =>
      (calls) =>
        calls.multiplyAdd(a, b, -a),
  ),
};

type Five = [number, number, number, number, number];

/** A call and the seed of its vectors. */
export function caseOf(name: string): fc.Arbitrary<{ run: Case; seed: number }> {
  return fc.record({ run: cases[name]!, seed });
}
