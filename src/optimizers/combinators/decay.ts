import { axpy } from "../../kernels/vector.ts";
import { type NumberParameter, type Settings, settle, type TextParameter } from "../../spec.ts";
import { slotsNamed } from "../slots.ts";
import { around, type Combinator } from "./combinator.ts";

export const decayParameters: { readonly rate: NumberParameter; readonly slots: TextParameter } = {
  rate: { default: 1e-4, min: 0, description: "share of a weight that a step takes away" },
  slots: { default: "weights", description: "what decays: weights, all, or names of parameters" },
};

/**
 * Decoupled weight decay: u ← u − rate·w. Schedules around it scale it too. (Loshchilov & Hutter, 2019, algorithm 2, where
 * `rate` is λ and the schedule η_t.)
 *
 * @param options `rate`; `slots` as in `slotsNamed`, by default all weights and no bias
 */
export function decay(options: Partial<Settings<typeof decayParameters>> = {}): Combinator {
  const settings = settle("combinator decay", decayParameters, options);
  return (optimizer) =>
    around(optimizer, {
      name: "decay",
      settings,
      reads: { params: true },
      check: (layout) => void slotsNamed(settings.slots, layout),
      update(inner, gradient, state, context, update) {
        inner.update(gradient, state, context, update);
        for (const { offset, size } of slotsNamed(settings.slots, state.layout)) {
          const end = offset + size;
          axpy(-settings.rate, context.params.subarray(offset, end), update.subarray(offset, end));
        }
      },
    });
}
