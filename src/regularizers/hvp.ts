import { withScratch } from "../kernels/scratch.ts";
import type { Vector } from "../kernels/types.ts";
import { addScaled, axpy, norm, scale } from "../kernels/vector.ts";
import type { Key } from "../random/key.ts";
import { checkVector } from "../tasks/check-vectors.ts";
import type { Objective } from "../tasks/types.ts";

/** Writes H(params; batch)·vector to `product`, which may not alias `vector`. */
export type HessianVectorProduct = (params: Vector, batch: Key, vector: Vector, product: Vector) => void;

/**
 * Step of the central difference relative to 1+‖w‖, by vector kind.
 *
 * Measured against exact products on the 784-20-10 networks at 0, 100 and 1000 steps of Adam, along the
 * gradient, the top eigenvector and a random direction. With sigmoid the relative error is at most 3e-4 along
 * the first two and 8e-3 along the third (rounding; ten times the step makes the first two 2e-2) in float32, and
 * 3e-8 in float64. With ReLU it reaches 7e-2 in float32, where the step crosses kinks, and 1e-7 in float64.
 */
export const relativeSteps: { readonly float32: number; readonly float64: number } = {
  float32: 1e-4,
  float64: 1e-6,
};

/**
 * Hessian-vector products of an objective: its own exact ones if it has them, otherwise two gradients each.
 *
 * H v ≈ (∇L(w+s v/‖v‖) − ∇L(w−s v/‖v‖))·‖v‖/(2s), s = c(1+‖w‖), c from `relativeSteps` by vector kind.
 */
export function hessianVectorProducts(objective: Objective): HessianVectorProduct {
  const exact = objective.hessianVectorProduct;
  if (exact) return (params, batch, vector, product) => exact.call(objective, params, batch, vector, product);

  return (params, batch, vector, product) => {
    checkVector("params", params, objective.layout);
    checkVector("vector", vector, objective.layout, params);
    checkVector("product", product, objective.layout, params);
    const length = norm(vector);
    if (length === 0) {
      product.fill(0);
      return;
    }
    const relative = params instanceof Float32Array ? relativeSteps.float32 : relativeSteps.float64;
    const step = relative * (1 + norm(params));
    withScratch(params, 2, (vectors) => {
      const [shifted, behind] = vectors as [Vector, Vector];
      addScaled(params, -step / length, vector, shifted);
      objective.lossAndGradient(shifted, batch, behind);
      addScaled(params, step / length, vector, shifted);
      objective.lossAndGradient(shifted, batch, product);
      axpy(-1, behind, product);
    });
    scale(length / (2 * step), product);
  };
}
