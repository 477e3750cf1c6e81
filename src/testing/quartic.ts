import { layoutOf, type Vector } from "../kernels/types.ts";
import { completeObjective } from "../tasks/complete.ts";
import type { Objective } from "../tasks/types.ts";

/**
 * L = ½wᵀAw + bᵀw + ¼qΣw⁴: an objective whose gradient, Hessian and maxima are known in closed form. Computed in
 * float64 and rounded to the kind of the vectors it is given.
 *
 * @param matrix A, symmetric, as rows
 * @param options `linear` b, default 0; `quartic` q, default 1; `exactProducts`: whether to offer
 * `hessianVectorProduct`, default true
 */
export function quarticObjective(
  matrix: readonly (readonly number[])[],
  options: {
    readonly linear?: readonly number[];
    readonly quartic?: number;
    readonly exactProducts?: boolean;
  } = {},
): Objective {
  const { linear, quartic = 1, exactProducts = true } = options;
  const times = (row: number, vector: Vector): number =>
    matrix[row]!.reduce((sum, a, j) => sum + a * vector[j]!, 0);
  return completeObjective({
    layout: layoutOf([{ name: "w", shape: [matrix.length] }]),
    lossAndGradient(params, _batch, gradient) {
      let loss = 0;
      for (let i = 0; i < matrix.length; i++) {
        const w = params[i]!;
        const pull = times(i, params);
        const b = linear?.[i] ?? 0;
        loss += w * (0.5 * pull + b) + 0.25 * quartic * w * w * w * w;
        gradient[i] = pull + b + quartic * w * w * w;
      }
      return loss;
    },
    ...(exactProducts && {
      hessianVectorProduct(params, _batch, vector, product) {
        for (let i = 0; i < matrix.length; i++) {
          product[i] = times(i, vector) + 3 * quartic * params[i]! * params[i]! * vector[i]!;
        }
      },
    }),
  });
}
