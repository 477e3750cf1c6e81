import { LowlandError } from "../errors.ts";
import { openArena } from "../kernels/module.ts";
import { withScratch } from "../kernels/scratch.ts";
import type { Layout, Vector } from "../kernels/types.ts";
import { axpy } from "../kernels/vector.ts";
import type { Optimizer, OptimizerStart, OptimizerState } from "./types.ts";

/** What an optimizer has to say; `step` follows from `update` where there is no faster way. */
export type OptimizerDefinition = Omit<Optimizer, "reads" | "step" | "settings"> &
  Partial<Pick<Optimizer, "reads" | "settings">> & { readonly step?: Optimizer["step"] | undefined };

/**
 * Makes an optimizer from `init` and `update`.
 *
 * @example
 * const signDescent = defineOptimizer({
 *   name: "sign",
 *   init: (layout, start) => zeros(layout, [], start),
 *   update(gradient, state, _context, update) {
 *     state.step++;
 *     for (let i = 0; i < update.length; i++) update[i] = -0.001 * Math.sign(gradient[i]!);
 *   },
 * });
 */
export function defineOptimizer(definition: OptimizerDefinition): Optimizer {
  const { name, settings = {}, reads = {}, init, update } = definition;
  const step: Optimizer["step"] = (params, gradient, state, { loss } = {}) => {
    requireLength(name, params, state.layout.size, "params have");
    requireLength(name, gradient, state.layout.size, "gradient has");
    withScratch(params, 1, ([change]) => {
      update(gradient, state, { params, loss }, change!);
      axpy(1, change!, params);
    });
  };
  return { name, settings, reads, init, update, step: definition.step ?? step };
}

/** Fresh state: `names` vectors of zeros, as long as the parameters. */
export function zeros(
  layout: Layout,
  names: readonly string[],
  { arena = openArena(), horizon }: OptimizerStart = {},
): OptimizerState {
  const vectors = Object.fromEntries(names.map((name) => [name, arena.float32(layout.size)]));
  return { step: 0, layout, ...(horizon !== undefined && { horizon }), vectors };
}

/** The same state in memory of its own: what a run goes on from later. */
export function copyState(state: OptimizerState): OptimizerState {
  const copies = Object.entries(state.vectors).map(([name, vector]) => [name, vector.slice()] as const);
  return { ...state, vectors: Object.fromEntries(copies) };
}

/** Throws E_SHAPE where a vector of an optimizer's caller has not the length of the parameters it was opened for. */
export function requireLength(name: string, vector: Vector, length: number, what: string): void {
  if (vector.length === length) return;
  throw new LowlandError(
    "E_SHAPE",
    `${name}: ${what} ${vector.length} entries, but the state is of a layout of ${length}; call init with the layout of these params`,
  );
}
