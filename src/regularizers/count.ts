import type { Objective } from "../tasks/types.ts";

/** An objective that counts what was asked of it. */
export interface CountedObjective extends Objective {
  /** Calls of `lossAndGradient` so far. */
  readonly gradients: number;
  /** Calls of `loss` so far, those aside that were handed the plain loss. */
  readonly losses: number;
  /** Calls of an exact `hessianVectorProduct` so far; those by central differences count as gradients. */
  readonly hessianVectorProducts: number;
}

/**
 * Wraps an objective to count its evaluations, the unit in which regularizers and measures cost. What is frozen of
 * it counts along.
 *
 * @example
 * const counted = countGradients(objective);
 * sam().apply(counted).lossAndGradient(params, batch, gradient);
 * counted.gradients; // 2
 */
export function countGradients(objective: Objective): CountedObjective {
  let gradients = 0;
  let losses = 0;
  let products = 0;
  const count = (counted: Objective): Objective => {
    const exact = counted.hessianVectorProduct?.bind(counted);
    const freeze = counted.freeze?.bind(counted);
    return {
      layout: counted.layout,
      loss(params, batch, known) {
        if (known === undefined) losses++;
        return counted.loss(params, batch, known);
      },
      lossAndGradient(params, batch, gradient, known) {
        gradients++;
        return counted.lossAndGradient(params, batch, gradient, known);
      },
      ...(exact && {
        hessianVectorProduct(params, batch, vector, product) {
          products++;
          exact(params, batch, vector, product);
        },
      }),
      ...(freeze && { freeze: (params, batch) => count(freeze(params, batch)) }),
    };
  };
  return {
    ...count(objective),
    get gradients() {
      return gradients;
    },
    get losses() {
      return losses;
    },
    get hessianVectorProducts() {
      return products;
    },
  };
}
