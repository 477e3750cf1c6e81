import { LowlandError } from "../errors.ts";
import type { Arena } from "../kernels/memory.ts";
import { kernels, openArena } from "../kernels/module.ts";
import type { Layout, Vector } from "../kernels/types.ts";
import { defineOptimizer } from "../optimizers/define.ts";
import type { OptimizerState } from "../optimizers/types.ts";
import { foldIn, truncatedNormal } from "../random/key.ts";
import { withKernelCopies } from "./kernel-copies.ts";
import type { BackpropagatingOptimizer, OpenLearnedOptimizer, Unroll } from "./types.ts";
import { sumLaterPoints } from "./unroll.ts";

/** What an optimizer of two LSTM layers over single coordinates says of itself; all else is shared. */
export interface CoordinatewiseDefinition {
  /** Prefix of its kernels, and the name of its state. */
  readonly name: "lstm" | "rnnprop";
  readonly settings: Readonly<Record<string, number>> & {
    readonly hidden: number;
    readonly outputInit: number;
  };
  readonly layout: Layout;
  /** Writes the settings of step t = 1, 2, … that kernels/lstm_ends.zig reads. */
  stepSettings(t: number, out: Float32Array): void;
}

/** Coordinates of a tile, the unit of states and records. */
const TILE = 16;
/** Tiles of a task, which has scratch and accumulators of its own. */
const CHUNK = 64;
/** Floats of the settings of one step. */
const STEP_SETTINGS = 8;
/** What the accumulators of tasks may take together. */
const TASK_BYTES = 64 * 2 ** 20;

/**
 * A learned optimizer from two LSTM layers with weights shared by all coordinates and state per coordinate.
 *
 * Initial weights and biases are truncated normal with σ = 1/√fan-in, those of the output times `outputInit`.
 *
 * @throws {LowlandError} E_CONFIG if `hidden` is no multiple of 4
 */
export function coordinatewise(definition: CoordinatewiseDefinition): BackpropagatingOptimizer {
  const { name, settings, layout, stepSettings } = definition;
  const { outputInit, ...used } = settings;
  const { hidden } = used;
  if (hidden % 4 !== 0) {
    throw new LowlandError(
      "E_CONFIG",
      `${name}: hidden is ${hidden}, which is no multiple of 4; use ${Math.ceil(hidden / 4) * 4}`,
    );
  }

  function stateSize(size: number): number {
    return Math.ceil(size / TILE) * kernels().calls[`${name}StateTile`](hidden);
  }

  /** φ packed for the kernels. */
  function openWeights(arena: Arena) {
    const kernel = kernelsOf(name, arena);
    const phi = arena.float32(layout.size);
    const packed = arena.float32(kernel.packedSize(hidden));
    const transposed = arena.float32(kernel.transposedSize(hidden));
    return {
      packed,
      transposed,
      load(metaParams: Vector): void {
        requireLength("meta-parameters", metaParams, layout.size);
        phi.set(metaParams);
        kernel.pack(phi.byteOffset, hidden, packed.byteOffset, transposed.byteOffset);
      },
    };
  }

  function requireLength(what: string, vector: Vector, expected: number): void {
    if (vector.length === expected) return;
    throw new LowlandError(
      "E_SHAPE",
      `${name}: ${what} have ${vector.length} entries, not ${expected}; hand in vectors of the layout it was opened for`,
    );
  }

  return {
    name,
    settings,
    layout,

    init(key, metaParams) {
      requireLength("meta-parameters", metaParams, layout.size);
      layout.slots.forEach((slot, i) => {
        const weights = layout.slots[i - (slot.kind === "bias" ? 1 : 0)]!;
        truncatedNormal(foldIn(key, i), metaParams.subarray(slot.offset, slot.offset + slot.size), {
          stddev: (slot.name.startsWith("linear.") ? outputInit : 1) / Math.sqrt(weights.shape[0]!),
        });
      });
    },

    open(kept = openArena()): OpenLearnedOptimizer {
      const kernel = kernelsOf(name, kept);
      const weights = openWeights(kept);
      const slots = kernel.slots();
      const scratch = kept.float32(slots * kernel.scratchSize(hidden, 0));
      const step = kept.float32(STEP_SETTINGS);

      /** target ← target + u, or target ← u. */
      const run = (gradient: Vector, state: OptimizerState, target: Vector, add: boolean): void => {
        const { size } = state.layout;
        const own = state.vectors[name]!;
        requireLength(add ? "params" : "updates", target, size);
        requireLength("gradients", gradient, size);
        requireLength("states", own, stateSize(size));
        if (!(target instanceof Float32Array && gradient instanceof Float32Array)) {
          throw new LowlandError(
            "E_SHAPE",
            `${name} runs in float32: hand in params, gradient and update as Float32Array`,
          );
        }
        state.step++;
        stepSettings(state.step, step);
        withKernelCopies(kept, [target, gradient, own], ([w, g, cells]) => {
          kernel.forward(
            w!.byteOffset,
            add ? 0 : w!.byteOffset,
            g!.byteOffset,
            size,
            cells!.byteOffset,
            weights.packed.byteOffset,
            hidden,
            step.byteOffset,
            scratch.byteOffset,
            slots,
            0,
            0,
            1,
          );
        });
      };
      return {
        load: weights.load,
        ...defineOptimizer({
          name,
          settings: used,
          init: (params, { arena = openArena(), horizon } = {}) => ({
            step: 0,
            layout: params,
            ...(horizon !== undefined && { horizon }),
            vectors: { [name]: arena.float32(stateSize(params.size)) },
          }),
          update: (gradient, state, _context, update) => run(gradient, state, update, false),
          step: (params, gradient, state) => run(gradient, state, params, true),
        }),
      };
    },

    unroll({ size, window, activations = "auto", arena }): Unroll {
      const kernel = kernelsOf(name, arena);
      const tiles = Math.ceil(size / TILE);
      const recordTile = kernel.recordTile(hidden, window);
      const scratchSize = kernel.scratchSize(hidden, window);
      const accumulatorSize = kernel.accumulatorSize(hidden);
      const slots = Math.max(
        1,
        Math.min(kernel.slots(), Math.ceil(tiles / CHUNK), Math.floor(TASK_BYTES / (4 * accumulatorSize))),
      );
      const weights = openWeights(arena);
      const steps = arena.float32(STEP_SETTINGS * window);
      const scratch = arena.float32(slots * scratchSize);
      const accumulators = arena.float32((1 + slots) * accumulatorSize);
      const sums = accumulators.subarray(0, accumulatorSize);
      const reduced = arena.float32(layout.size);
      // others need memory too
      const stored =
        activations === "stored" || (activations === "auto" && 4 * recordTile * tiles <= arena.freeBytes / 2);
      const records = arena.float32(recordTile * (stored ? tiles : slots));
      const again = stored
        ? undefined
        : { start: arena.float32(stateSize(size)), gradients: arena.float32(size * window) };
      const requireInside = (what: string, vector: Float32Array, expected: number): void => {
        requireLength(what, vector, expected);
        if (vector.buffer === arena.kernels.memory.buffer) return;
        throw new LowlandError(
          "E_SHAPE",
          `${name}: ${what} lie outside kernel memory; allocate them from an arena`,
        );
      };
      let state: OptimizerState | undefined;
      let t = 0;
      return {
        begin(metaParams, from) {
          requireInside("states", from.vectors[name]!, stateSize(size));
          weights.load(metaParams);
          state = from;
          again?.start.set(from.vectors[name]!);
          t = 0;
        },
        step(params, gradient) {
          if (state === undefined || t === window) {
            throw new LowlandError(
              "E_SHAPE",
              `${name}: a window has ${window} steps; call begin before the first`,
            );
          }
          requireInside("params", params, size);
          requireInside("gradients", gradient, size);
          state.step++;
          const own = steps.subarray(STEP_SETTINGS * t, STEP_SETTINGS * (t + 1));
          stepSettings(state.step, own);
          again?.gradients.set(gradient, t * size);
          kernel.forward(
            params.byteOffset,
            0,
            gradient.byteOffset,
            size,
            state.vectors[name]!.byteOffset,
            weights.packed.byteOffset,
            hidden,
            own.byteOffset,
            scratch.byteOffset,
            slots,
            stored ? records.byteOffset : 0,
            t,
            window,
          );
          t++;
        },
        backward(points, metaGradient, { after, before } = {}) {
          if (t !== window) {
            throw new LowlandError(
              "E_SHAPE",
              `${name}: backward after ${t} of ${window} steps of the window`,
            );
          }
          requireInside("points", points, size * window);
          requireLength("meta-gradients", metaGradient, layout.size);
          for (const adjoints of [after, before]) {
            if (adjoints === undefined) continue;
            requireInside("adjoints of params", adjoints.params, size);
            requireInside("adjoints of the state", adjoints.vectors[name]!, stateSize(size));
          }
          sumLaterPoints(points, size, after?.params);
          before?.params.set(points.subarray(0, size));
          sums.fill(0);
          kernel.backward(
            size,
            window,
            records.byteOffset,
            again?.start.byteOffset ?? 0,
            again?.gradients.byteOffset ?? 0,
            points.byteOffset,
            after?.vectors[name]?.byteOffset ?? 0,
            before?.vectors[name]?.byteOffset ?? 0,
            weights.packed.byteOffset,
            weights.transposed.byteOffset,
            hidden,
            steps.byteOffset,
            scratch.byteOffset,
            slots,
            accumulators.byteOffset,
          );
          kernel.reduce(sums.byteOffset, layout.size, reduced.byteOffset);
          metaGradient.set(reduced);
        },
        adjoints: (own) => ({
          params: own.float32(size),
          vectors: { [name]: own.float32(stateSize(size)) },
        }),
      };
    },
  };
}

/** The kernels of one architecture. */
function kernelsOf(name: CoordinatewiseDefinition["name"], { kernels: { calls } }: Arena) {
  return {
    slots: calls.lstmSlots,
    stateTile: calls[`${name}StateTile`],
    recordTile: calls[`${name}RecordTile`],
    packedSize: calls[`${name}PackedSize`],
    transposedSize: calls[`${name}TransposedSize`],
    scratchSize: calls[`${name}ScratchSize`],
    accumulatorSize: calls[`${name}AccumulatorSize`],
    pack: calls[`${name}Pack`],
    forward: calls[`${name}Forward`],
    backward: calls[`${name}Backward`],
    reduce: calls.lstmReduce,
  };
}
