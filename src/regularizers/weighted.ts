import { withScratch } from "../kernels/scratch.ts";
import { axpy, scale } from "../kernels/vector.ts";
import type { NumberParameter } from "../spec.ts";
import { passOn, plainAt } from "./ascent.ts";
import { type Cost, PLAIN_COST, type Regularizer } from "./types.ts";

/** What every regularizer can be given beside its own settings. */
export const WEIGHT: NumberParameter = {
  default: 1,
  min: 0,
  description: "weight of what it adds to the loss: L + weight·(R − L)",
};

/** Takes what a regularizer adds to the loss at a point, R − L, and the plain loss L there. */
export type Observer = (added: number, loss: number) => void;

/**
 * A regularizer R with a weight on what it adds to the loss L.
 *
 * Value L + λ(R − L), gradient g + λ(∇R − g): 0 is the plain objective, 1 the regularizer itself, to the bit. The plain
 * gradient is evaluated once, also by regularizers that do without it.
 *
 * @param weight λ ≥ 0
 * @param observe is handed R − L at every point, whatever λ is
 */
export function weighted(regularizer: Regularizer, weight: number, observe?: Observer): Regularizer {
  const named = { ...regularizer, settings: { ...regularizer.settings, weight } };
  if (observe === undefined && weight === 1) return named;
  if (observe === undefined && weight === 0) {
    return { ...named, cost: PLAIN_COST, apply: (objective) => objective };
  }
  // noise takes no plain gradient: its value then needs the plain loss only
  const { cost } = regularizer;
  const valueNeedsGradient = cost.loss.gradients > 0;
  const added = ({ gradients, losses }: Cost, isGradient: boolean): Cost =>
    valueNeedsGradient
      ? { gradients, losses }
      : { gradients: gradients + (isGradient ? 1 : 0), losses: losses + (isGradient ? 0 : 1) };
  const mix = (value: number, loss: number): number => {
    observe?.(value - loss, loss);
    return weight === 1 ? value : loss + weight * (value - loss);
  };
  return {
    ...named,
    cost: { lossAndGradient: added(cost.lossAndGradient, true), loss: added(cost.loss, false) },
    apply(objective) {
      const regularized = regularizer.apply(objective);
      return {
        layout: objective.layout,
        loss(params, batch, known) {
          if (known === undefined && !valueNeedsGradient) {
            return mix(regularized.loss(params, batch), objective.loss(params, batch));
          }
          return withScratch(params, 1, ([own]) => {
            const plain = plainAt(objective, params, batch, own!, known);
            return mix(regularized.loss(params, batch, plain), plain.loss);
          });
        },
        lossAndGradient(params, batch, gradient, known) {
          return withScratch(params, 1, ([own]) => {
            const plain = plainAt(objective, params, batch, own!, known);
            const value = regularized.lossAndGradient(params, batch, gradient, plain);
            if (weight === 0) passOn(plain, gradient);
            else if (weight !== 1) {
              scale(weight, gradient);
              axpy(1 - weight, plain.gradient, gradient);
            }
            return mix(value, plain.loss);
          });
        },
      };
    },
  };
}
