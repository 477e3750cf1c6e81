import { LowlandError } from "../errors.ts";
import type { Arena } from "../kernels/memory.ts";
import { openArena } from "../kernels/module.ts";
import type { Layout, Vector } from "../kernels/types.ts";
import { requireLength } from "../kernels/vector.ts";
import { defineOptimizer } from "../optimizers/define.ts";
import type { OptimizerReads, OptimizerState } from "../optimizers/types.ts";
import { foldIn, truncatedNormal } from "../random/key.ts";
import { withKernelCopies } from "./kernel-copies.ts";
import { type TensorPlan, tensorPlan } from "./tensor-plan.ts";
import type { LearnedOptimizer, OpenLearnedOptimizer } from "./types.ts";

/** Rows of the first layer's weights that an input is multiplied with: several where it stands for as many inputs. */
type Rows = readonly (number | readonly [number, number])[];

/** What a per-tensor learned optimizer says of itself; all else is shared. */
export interface TensorwiseDefinition {
  readonly name: string;
  readonly settings: Readonly<Record<string, number>>;
  /** Settings that a run may start from weights of another value of. */
  readonly free?: readonly string[];
  /** Slots of φ, `mlp.0.w` … `mlp.2.b` among them. */
  readonly layout: Layout;
  readonly kernel: "Mlp" | "Adafac" | "Celo" | "Celo2";
  /** Hidden units, and outputs that are of use. */
  readonly hidden: number;
  readonly outputs: number;
  /** Decays of momenta, second moment and factored second moments, as 1 − β. */
  decays(metaParams: Vector): readonly number[];
  /** Where the kernels' inputs stand in the first layer, in the order of kernels/tensor_columns.zig. */
  readonly inputs: {
    readonly matrix: Rows;
    readonly rows: Rows;
    readonly cols: Rows;
    readonly vector: Rows;
    readonly time: Rows;
  };
  /** Momenta. */
  readonly momenta: number;
  readonly factored: boolean;
  readonly groups: "tensor" | "matrix";
  readonly orthogonal: boolean;
  /** Factor of the step, or learning rate. */
  readonly lr: number;
  readonly decay: number;
  readonly reads?: OptimizerReads;
  /** More state, and a factor of the step that is learned too. */
  readonly schedule?: Schedule;
}

/** A learned schedule: one number a step. */
export interface Schedule {
  /** Name of its vector in the state, and its length. */
  readonly vector: string;
  readonly size: number;
  open(arena: Arena): {
    load(metaParams: Vector): void;
    /** The factor of the step that follows `state.step` steps. */
    rate(state: OptimizerState, loss: number): number;
  };
}

/** Name of the state's vector. */
const ACCUMULATORS = "accumulators";

/**
 * A learned optimizer whose network sees each coordinate of a tensor with moments that the tensor shares.
 *
 * Initial weights are truncated normal with σ = 1/√fan-in, biases and decays zero.
 */
export function tensorwise(definition: TensorwiseDefinition): LearnedOptimizer {
  const { name, settings, layout, kernel, hidden, momenta, factored, groups, orthogonal, schedule } =
    definition;
  const planOptions = {
    ...{ groups, adamBiases: orthogonal, hidden, factored },
    rows: { matrix: momenta + (factored ? 1 : 0), vector: momenta + (factored ? 4 : 0) },
  };
  const pack = packing(definition);

  return {
    name,
    settings,
    ...(definition.free && { free: definition.free }),
    layout,

    init(key, metaParams) {
      requireLength(`${name}: the vector of meta-parameters`, metaParams, layout.size);
      layout.slots.forEach((slot, i) => {
        const part = metaParams.subarray(slot.offset, slot.offset + slot.size);
        if (slot.shape.length < 2) part.fill(0);
        else truncatedNormal(foldIn(key, i), part, { stddev: 1 / Math.sqrt(slot.shape[0]!) });
      });
    },

    open(arena = openArena()): OpenLearnedOptimizer {
      const { calls } = arena.kernels;
      const weights = arena.float32(calls[`tensor${kernel}PackedSize`]());
      const own = arena.float32(4);
      const plans = new Map<string, TensorPlan & { readonly at: number }>();
      const known = new WeakMap<Layout, TensorPlan & { readonly at: number }>();
      const opened = schedule?.open(arena);
      let work = new Float32Array(0);

      const planOf = (params: Layout): TensorPlan & { readonly at: number } => {
        const found = known.get(params);
        if (found !== undefined) return found;
        const id = JSON.stringify(params.slots.map(({ shape, kind }) => [shape, kind]));
        let plan = plans.get(id);
        if (plan === undefined) {
          const laid = tensorPlan(params, planOptions);
          const words = arena.int32(laid.words.length);
          words.set(laid.words);
          plan = { ...laid, at: words.byteOffset };
          plans.set(id, plan);
          const needed = laid.workSize + calls.tensorWork();
          if (needed > work.length) work = arena.float32(needed);
        }
        known.set(params, plan);
        return plan;
      };

      /** params ← params + u, or update ← u. */
      const run = (
        params: Vector,
        gradient: Vector,
        state: OptimizerState,
        loss?: number,
        update?: Vector,
      ): void => {
        const plan = planOf(state.layout);
        const accumulators = state.vectors[ACCUMULATORS]!;
        requireLength(`${name}: the vector of params`, params, state.layout.size);
        requireLength(`${name}: the gradient`, gradient, state.layout.size);
        if (update) requireLength(`${name}: the update`, update, state.layout.size);
        requireLength(`${name}: the state`, accumulators, plan.stateSize);
        for (const vector of [params, gradient, update ?? params]) {
          if (vector instanceof Float32Array) continue;
          throw new LowlandError(
            "E_SHAPE",
            `${name} runs in float32: hand in params, gradient and update as Float32Array`,
          );
        }
        if (opened !== undefined && loss === undefined) {
          throw new LowlandError(
            "E_CONFIG",
            `${name} reads the loss, but none was handed in; give it at every step`,
          );
        }
        const rate = opened === undefined ? 1 : opened.rate(state, loss!);
        own.set([definition.lr * rate, definition.decay, state.step, orthogonal ? 1 : 0]);
        state.step++;
        const vectors = [params, gradient, accumulators, ...(update ? [update] : [])] as Float32Array[];
        withKernelCopies(arena, vectors, ([w, g, cells, u]) => {
          calls[`tensor${kernel}Step`](
            plan.at,
            weights.byteOffset,
            own.byteOffset,
            w!.byteOffset,
            u?.byteOffset ?? 0,
            g!.byteOffset,
            cells!.byteOffset,
            work.byteOffset,
          );
        });
      };

      return {
        load(metaParams) {
          requireLength(`${name}: the vector of meta-parameters`, metaParams, layout.size);
          pack(metaParams, weights);
          opened?.load(metaParams);
        },
        ...defineOptimizer({
          name,
          settings,
          reads: { params: true, shapes: true, ...definition.reads },
          init(params, { arena: kept = openArena(), horizon } = {}) {
            if (definition.reads?.horizon && horizon === undefined) {
              throw new LowlandError(
                "E_CONFIG",
                `${name} goes by the length of the training, which was not given; call init with { horizon }`,
              );
            }
            return {
              step: 0,
              layout: params,
              ...(horizon !== undefined && { horizon }),
              vectors: {
                [ACCUMULATORS]: kept.float32(planOf(params).stateSize),
                ...(schedule && { [schedule.vector]: kept.float32(schedule.size) }),
              },
            };
          },
          update: (gradient, state, { params, loss }, update) => run(params, gradient, state, loss, update),
          step: (params, gradient, state, { loss } = {}) => run(params, gradient, state, loss),
        }),
      };
    },
  };
}

/** Packs φ as kernels/tensor_step.zig reads it. */
function packing({ layout, hidden, outputs, decays, inputs }: TensorwiseDefinition) {
  const offsetOf = new Map(layout.slots.map(({ name, offset }) => [name, offset]));
  const at = (slot: string): number => offsetOf.get(slot)!;
  const written = layout.slots.find(({ name }) => name === "mlp.2.b")!.size;
  const units = Array.from({ length: hidden }, (_, h) => h);
  const used = Array.from({ length: outputs }, (_, o) => o);
  const rowsAt = (rows: Rows, which: 0 | 1): number[] =>
    rows.flatMap((row) => {
      const number = typeof row === "number" ? (which === 0 ? row : -1) : row[which];
      return units.map((h) => (number < 0 ? -1 : at("mlp.0.w") + number * hidden + h));
    });
  const first = [inputs.matrix, inputs.rows, inputs.cols, inputs.vector, inputs.time];
  // where every packed number comes from, and what is added to it, or −1
  const sources = Int32Array.from([
    ...first.flatMap((rows) => rowsAt(rows, 0)),
    ...units.map((h) => at("mlp.0.b") + h),
    ...units.flatMap((from) => units.map((to) => at("mlp.1.w") + from * hidden + to)),
    ...units.map((h) => at("mlp.1.b") + h),
    ...units.flatMap((h) => used.map((o) => at("mlp.2.w") + h * written + o)),
    ...used.map((o) => at("mlp.2.b") + o),
  ]);
  const added = Int32Array.from(first.flatMap((rows) => rowsAt(rows, 1)));
  return (metaParams: Vector, packed: Float32Array): void => {
    let to = 0;
    for (const rest of decays(metaParams)) {
      packed[to++] = 1 - rest;
      packed[to++] = rest;
    }
    for (let i = 0; i < sources.length; i++) packed[to + i] = metaParams[sources[i]!]!;
    for (let i = 0; i < added.length; i++) {
      if (added[i]! >= 0) packed[to + i] = packed[to + i]! + metaParams[added[i]!]!;
    }
  };
}

/** Slots of a network of three layers. */
export function perceptronSlots(
  inputs: number,
  hidden: number,
  outputs: number,
): { readonly name: string; readonly shape: readonly number[]; readonly kind?: "bias" }[] {
  const sizes = [inputs, hidden, hidden, outputs];
  return [0, 1, 2].flatMap((layer) => [
    { name: `mlp.${layer}.w`, shape: [sizes[layer]!, sizes[layer + 1]!] },
    { name: `mlp.${layer}.b`, shape: [sizes[layer + 1]!], kind: "bias" as const },
  ]);
}

/** first, first + 1, …: `count` numbers. */
export function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}
