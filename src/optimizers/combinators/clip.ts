import { LowlandError } from "../../errors.ts";
import { withScratch } from "../../kernels/scratch.ts";
import type { Vector } from "../../kernels/types.ts";
import { norm, scale } from "../../kernels/vector.ts";
import { type NumberParameter, type Settings, settle } from "../../spec.ts";
import { around, type Combinator } from "./combinator.ts";

export const clipParameters: Readonly<Record<"norm" | "value", NumberParameter>> = {
  norm: { default: 0, min: 0, description: "largest norm of the whole gradient; 0: any" },
  value: { default: 0, min: 0, description: "largest size of an entry of the gradient; 0: any" },
};

/**
 * Clips gradients: g ← max(−c, min(c, g)) entry by entry, then g ← g·min(1, r/‖g‖₂). (Pascanu et al., 2013.)
 *
 * @param options `norm` r over all parameters, `value` c
 * @throws {LowlandError} E_CONFIG if neither is given
 */
export function clip(options: Partial<Settings<typeof clipParameters>> = {}): Combinator {
  const settings = settle("combinator clip", clipParameters, options);
  if (settings.norm === 0 && settings.value === 0) {
    throw new LowlandError("E_CONFIG", "combinator clip has no limit; write clip:norm=1 or clip:value=1");
  }
  return (optimizer) =>
    around(optimizer, {
      name: "clip",
      settings,
      update(inner, gradient, state, context, update) {
        withScratch(gradient, 1, ([clipped]) => {
          clipped!.set(gradient);
          limit(clipped!, settings);
          inner.update(clipped!, state, context, update);
        });
      },
    });
}

function limit(gradient: Vector, { norm: largest, value }: Settings<typeof clipParameters>): void {
  // a NaN stays one: it is neither above nor below
  if (value > 0) {
    for (let i = 0; i < gradient.length; i++) {
      if (gradient[i]! > value) gradient[i] = value;
      else if (gradient[i]! < -value) gradient[i] = -value;
    }
  }
  if (largest === 0) return;
  const length = norm(gradient);
  if (length > largest) scale(largest / length, gradient);
}
