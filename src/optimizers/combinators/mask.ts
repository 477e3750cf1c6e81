import { LowlandError } from "../../errors.ts";
import { withScratch } from "../../kernels/scratch.ts";
import type { Layout, Slot, Vector } from "../../kernels/types.ts";
import { type Settings, settle, type TextParameter } from "../../spec.ts";
import { slotsNamed } from "../slots.ts";
import { around, type Combinator } from "./combinator.ts";

export const maskParameters: Readonly<Record<"train" | "freeze", TextParameter>> = {
  train: {
    default: "all",
    description: "parameters that are trained: all, weights, biases, or names (dense1.*)",
  },
  freeze: { default: "none", description: "of these, parameters that are not" },
};

/**
 * Trains some parameters and leaves the others: g_i = 0 and u_i = 0 for those that are frozen.
 *
 * @param options `train`, `freeze` as in `slotsNamed`
 */
export function mask(options: Partial<Settings<typeof maskParameters>> = {}): Combinator {
  const settings = settle("combinator mask", maskParameters, options);
  return (optimizer) =>
    around(optimizer, {
      name: "mask",
      settings,
      check(layout) {
        if (frozen(layout, settings).length < layout.slots.length) return;
        throw new LowlandError(
          "E_CONFIG",
          `combinator mask with train=${settings.train} and freeze=${settings.freeze} leaves nothing to train; freeze less`,
        );
      },
      update(inner, gradient, state, context, update) {
        const slots = frozen(state.layout, settings);
        withScratch(gradient, 1, ([masked]) => {
          masked!.set(gradient);
          clear(masked!, slots);
          inner.update(masked!, state, context, update);
          clear(update, slots);
        });
      },
    });
}

function frozen(layout: Layout, { train, freeze }: Settings<typeof maskParameters>): readonly Slot[] {
  const trained = new Set(slotsNamed(train, layout));
  const excepted = new Set(freeze === "none" ? [] : slotsNamed(freeze, layout));
  return layout.slots.filter((slot) => !trained.has(slot) || excepted.has(slot));
}

function clear(vector: Vector, slots: readonly Slot[]): void {
  for (const { offset, size } of slots) vector.fill(0, offset, offset + size);
}
