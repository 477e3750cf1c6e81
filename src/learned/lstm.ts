import { LowlandError } from "../errors.ts";
import type { Arena } from "../kernels/memory.ts";
import { kernels, openArena } from "../kernels/module.ts";
import { type Layout, layoutOf, type Vector } from "../kernels/types.ts";
import { inKernelMemory } from "../kernels/vector.ts";
import { defineOptimizer, requireLength } from "../optimizers/define.ts";
import { power } from "../optimizers/reference.ts";
import type { OptimizerState } from "../optimizers/types.ts";
import { foldIn, truncatedNormal } from "../random/key.ts";
import { type Settings, settle } from "../spec.ts";
import type { BackpropagatingOptimizer, OpenLearnedOptimizer, Unroll } from "./types.ts";
import { sumLaterPoints } from "./unroll.ts";

/** Settings of the LSTM optimizer, with the defaults of the literature. */
export const lstmParameters = {
  hidden: {
    default: 20,
    min: 4,
    max: 256,
    integer: true,
    description: "units in each of the two LSTM layers, a multiple of 4",
  },
  // At k = 5 the first gradients of a small network lie in the linear branch, far below 1, and meta-training stood
  // still for hundreds of updates; at 10 it learns within tens.
  k: {
    default: 10,
    min: 1,
    max: 20,
    integer: true,
    description:
      "LogAndSign: gradients below e^-k are passed linearly (10 as in the 2016 paper; its code has 5)",
  },
  scale: { default: 0.01, exclusiveMin: 0, description: "factor of the output" },
  outputInit: {
    default: 1,
    min: 0,
    description: "factor of the output layer's initial weights (1 as published, 0: starts by doing nothing)",
  },
} as const;

/** Records up to this size are kept under `activations: "auto"`. */
const STORED_BYTES = 400e6;

/** Slots of φ for `hidden` units: gates in the order i, j, f, o. */
export function lstmLayout(hidden: number): Layout {
  return layoutOf([
    { name: "lstm.0.w_gates", shape: [2 + hidden, 4 * hidden] },
    { name: "lstm.0.b_gates", shape: [4 * hidden], kind: "bias" },
    { name: "lstm.1.w_gates", shape: [2 * hidden, 4 * hidden] },
    { name: "lstm.1.b_gates", shape: [4 * hidden], kind: "bias" },
    { name: "linear.w", shape: [hidden, 1] },
    { name: "linear.b", shape: [1], kind: "bias" },
  ]);
}

/**
 * The coordinate-wise LSTM optimizer: LogAndSign(g; k) → LSTM(H) → LSTM(H) → linear → × scale, with weights shared by
 * all coordinates and state per coordinate.
 *
 * x = (log|g|/k, sign g) if |g| ≥ e^−k, else (−1, e^k·g); in each layer, gates (i, j, f, o) = [x, h]·W + b,
 * c' = σ(f+1)·c + σ(i)·tanh(j), h' = σ(o)·tanh(c'); u = scale·(h₂·w + b); w ← w + u.
 *
 * Initial weights and biases are truncated normal with σ = 1/√(fan-in); H = 20 has 5,141 weights.
 *
 * @throws {LowlandError} E_CONFIG if a setting is out of range, or `hidden` not a multiple of 4
 * @see Andrychowicz et al., "Learning to learn by gradient descent by gradient descent", 2016
 * @see Sahoo & Krishnan, "Learning Regularizers: Learning Optimizers that can Regularize", 2025
 */
export function lstm(options: Partial<Settings<typeof lstmParameters>> = {}): BackpropagatingOptimizer {
  const { hidden, k, scale, outputInit } = settle("learned optimizer lstm", lstmParameters, options);
  if (hidden % 4 !== 0) {
    throw new LowlandError(
      "E_CONFIG",
      `lstm: hidden is ${hidden}, which is no multiple of 4; use ${Math.ceil(hidden / 4) * 4}`,
    );
  }
  const layout = lstmLayout(hidden);
  const expK = power(Math.E, k);
  const threshold = 1 / expK;

  /** φ prepared for the kernels, and the scratch of one call. */
  function openWeights(arena: Arena): {
    load(metaParams: Vector): void;
    packed: Float32Array;
    transposed: Float32Array;
    scratch: Float32Array;
  } {
    const { wasm } = kernels();
    const phi = arena.float32(layout.size);
    const packed = arena.float32(wasm.lstmPackedSize(hidden));
    const transposed = arena.float32(wasm.lstmPackedTransposedSize(hidden));
    const scratch = arena.float32(wasm.lstmScratchSize(hidden));
    return {
      packed,
      transposed,
      scratch,
      load(metaParams) {
        checkLength("meta-parameters", metaParams, layout.size);
        phi.set(metaParams);
        wasm.lstmPack(phi.byteOffset, hidden, packed.byteOffset, transposed.byteOffset);
      },
    };
  }

  function forward(
    params: Float32Array,
    gradient: Float32Array,
    state: Float32Array,
    weights: { packed: Float32Array; scratch: Float32Array },
    { records = 0, t = 0, steps = 1 }: { records?: number; t?: number; steps?: number } = {},
  ): void {
    kernels().wasm.lstmForward(
      params.byteOffset,
      gradient.byteOffset,
      params.length,
      state.byteOffset,
      weights.packed.byteOffset,
      hidden,
      weights.scratch.byteOffset,
      expK,
      threshold,
      1 / k,
      scale,
      records,
      t,
      steps,
    );
  }

  function stateSize(size: number): number {
    return Math.ceil(size / 16) * kernels().wasm.lstmStateTile(hidden);
  }

  return {
    name: "lstm",
    settings: { hidden, k, scale, outputInit },
    layout,

    init(key, metaParams) {
      layout.slots.forEach((slot, i) => {
        const weights = layout.slots[i - (slot.kind === "bias" ? 1 : 0)]!;
        truncatedNormal(foldIn(key, i), metaParams.subarray(slot.offset, slot.offset + slot.size), {
          stddev: (slot.name.startsWith("linear.") ? outputInit : 1) / Math.sqrt(weights.shape[0]!),
        });
      });
    },

    open(kept = openArena()): OpenLearnedOptimizer {
      const weights = openWeights(kept);
      const take = (params: Vector, gradient: Vector, state: OptimizerState): void => {
        const own = state.vectors.lstm!;
        requireLength("lstm", gradient, params.length, "gradient has");
        checkLength("state", own, stateSize(params.length));
        if (!(params instanceof Float32Array && gradient instanceof Float32Array)) {
          throw new LowlandError(
            "E_SHAPE",
            "learned optimizers run in float32: hand in params and gradient as Float32Array",
          );
        }
        state.step++;
        if (inKernelMemory(params) && inKernelMemory(gradient)) {
          forward(params, gradient, own, weights);
          return;
        }
        const borrowed = openArena();
        try {
          const inside = borrowed.float32(params.length);
          const seen = borrowed.float32(params.length);
          inside.set(params);
          seen.set(gradient);
          forward(inside, seen, own, weights);
          params.set(inside);
        } finally {
          borrowed.close();
        }
      };
      return {
        load: weights.load,
        ...defineOptimizer({
          name: "lstm",
          settings: { hidden, k, scale },
          init: (layout, { arena = openArena(), horizon } = {}) => ({
            step: 0,
            layout,
            ...(horizon !== undefined && { horizon }),
            vectors: { lstm: arena.float32(stateSize(layout.size)) },
          }),
          update(gradient, state, _context, update) {
            update.fill(0);
            take(update, gradient, state);
          },
          step: take,
        }),
      };
    },

    unroll({ size, window, activations = "auto", arena }): Unroll {
      const { wasm } = kernels();
      const recordTile = wasm.lstmRecordTile(hidden, window);
      const tiles = Math.ceil(size / 16);
      const stored =
        activations === "stored" || (activations === "auto" && 4 * recordTile * tiles <= STORED_BYTES);
      const weights = openWeights(arena);
      const records = arena.float32(stored ? recordTile * tiles : recordTile);
      const accumulators = arena.float32(wasm.lstmAccumulatorSize(hidden));
      // what the window is run again from
      const start = stored ? undefined : arena.float32(stateSize(size));
      const gradients = stored ? undefined : arena.float32(size * window);
      let state: OptimizerState | undefined;
      let t = 0;
      return {
        begin(metaParams, from) {
          weights.load(metaParams);
          state = from;
          start?.set(from.vectors.lstm!);
          t = 0;
        },
        step(params, gradient) {
          state!.step++;
          gradients?.set(gradient, t * size);
          forward(params, gradient, state!.vectors.lstm!, weights, {
            records: stored ? records.byteOffset : 0,
            t,
            steps: window,
          });
          t++;
        },
        adjoints: () => {
          throw new LowlandError("E_CONFIG", "lstm: adjoints across windows are not there yet; use bptt");
        },
        backward(cotangents, metaGradient) {
          if (t !== window) {
            throw new LowlandError("E_SHAPE", `lstm: backward after ${t} of ${window} steps of the window`);
          }
          sumLaterPoints(cotangents, size);
          accumulators.fill(0);
          if (start === undefined || gradients === undefined) {
            wasm.lstmBackward(
              size,
              window,
              records.byteOffset,
              cotangents.byteOffset,
              weights.packed.byteOffset,
              weights.transposed.byteOffset,
              hidden,
              weights.scratch.byteOffset,
              scale,
              accumulators.byteOffset,
            );
          } else {
            wasm.lstmBackwardRecompute(
              size,
              window,
              start.byteOffset,
              gradients.byteOffset,
              cotangents.byteOffset,
              weights.packed.byteOffset,
              weights.transposed.byteOffset,
              hidden,
              weights.scratch.byteOffset,
              records.byteOffset,
              expK,
              threshold,
              1 / k,
              scale,
              accumulators.byteOffset,
            );
          }
          wasm.lstmReduce(accumulators.byteOffset, layout.size, metaGradient.byteOffset);
        },
      };
    },
  };
}

function checkLength(what: string, vector: Vector, expected: number): void {
  if (vector.length !== expected) {
    throw new LowlandError("E_SHAPE", `lstm: ${what} has ${vector.length} entries, not ${expected}`);
  }
}
