import { withScratch } from "../kernels/scratch.ts";
import { symmetricEigensystem } from "../kernels/symmetric.ts";
import type { Vector } from "../kernels/types.ts";
import { addScaled, axpy, dot, norm, scale } from "../kernels/vector.ts";
import { foldIn, type Key, normal } from "../random/key.ts";
import { type Settings, settle } from "../spec.ts";
import { frozenAt, type Known, type Objective } from "../tasks/types.ts";
import { passOn, plainAt } from "./ascent.ts";
import { hessianVectorProducts } from "./hvp.ts";
import { PLAIN_COST, type Regularizer } from "./types.ts";

/** Settings of `eigenvalue`. */
export const eigenvalueParameters = {
  rho: { default: 0.05, min: 0, description: "distance along the sharpest direction" },
  products: {
    default: 3,
    min: 1,
    max: 20,
    integer: true,
    description: "Hessian-vector products that the sharpest direction is sought with",
  },
} as const;

/** Stream of a minibatch's key for a direction where the gradient gives none: "eige" as a number. */
const DIRECTION = 0x65696765;

/** What is left of a product below this share of it is rounding: the basis is complete. */
const COMPLETE = 1e-5;

/**
 * The top Hessian eigenvalue, in units of the loss: the mean loss a step to either side along the sharpest direction.
 *
 * ½(L(w+ρv) + L(w−ρv)) = L + ½ρ²λ + O(ρ⁴), v the top Ritz vector of `products` Lanczos steps from the gradient and λ
 * its eigenvalue; the gradient is ½(∇L(w+ρv) + ∇L(w−ρv)), v a constant, which is what an eigenvalue's derivative
 * takes it for. Three gradients, or a gradient and two losses, and the products; one gradient less where the plain one
 * is known.
 *
 * @param options `rho` ≥ 0, default 0.05; `products` from 1 to 20, default 3
 * @throws LowlandError `E_CONFIG` if a setting is out of range
 * @see Luo et al., "Explicit Eigenvalue Regularization Improves Sharpness-Aware Minimization", 2024; Golub, Van Loan,
 * "Matrix Computations", §10.1, for Lanczos
 */
export function eigenvalue(options: Partial<Settings<typeof eigenvalueParameters>> = {}): Regularizer {
  const settings = settle("regularizer eigenvalue", eigenvalueParameters, options);
  const { rho, products } = settings;
  const cost = {
    lossAndGradient: { gradients: 3 + 2 * products, losses: 0 },
    loss: { gradients: 1 + 2 * products, losses: 2 },
  };
  return {
    name: "eigenvalue",
    label: "top eigenvalue",
    settings,
    lowers: "topEigenvalue",
    cost: rho === 0 ? PLAIN_COST : cost,
    apply(objective) {
      return {
        layout: objective.layout,
        loss(params, batch, known) {
          if (rho === 0) return objective.loss(params, batch, known);
          return withScratch(params, 3, (vectors) => {
            const [own, direction, point] = vectors as [Vector, Vector, Vector];
            const plain = plainAt(objective, params, batch, own, known);
            const near = frozenAt(objective, params, batch);
            sharpest(near, params, batch, { plain, products, out: direction });
            addScaled(params, rho, direction, point);
            const ahead = near.loss(point, batch);
            addScaled(params, -rho, direction, point);
            return 0.5 * (ahead + near.loss(point, batch));
          });
        },
        lossAndGradient(params, batch, gradient, known) {
          return withScratch(params, 3, (vectors) => {
            const [own, direction, point] = vectors as [Vector, Vector, Vector];
            const plain = plainAt(objective, params, batch, own, known);
            if (rho === 0) return passOn(plain, gradient);
            const near = frozenAt(objective, params, batch);
            sharpest(near, params, batch, { plain, products, out: direction });
            addScaled(params, rho, direction, point);
            const ahead = near.lossAndGradient(point, batch, gradient);
            addScaled(params, -rho, direction, point);
            const behind = near.lossAndGradient(point, batch, direction);
            axpy(1, direction, gradient);
            scale(0.5, gradient);
            return 0.5 * (ahead + behind);
          });
        },
      };
    },
  };
}

/** Writes the unit Ritz vector of the most positive eigenvalue to `out`. */
function sharpest(
  near: Objective,
  params: Vector,
  batch: Key,
  { plain, products, out }: { plain: Known; products: number; out: Vector },
): void {
  const timesHessian = hessianVectorProducts(near);
  withScratch(params, products + 1, (vectors) => {
    const basis = [vectors[0]!];
    if (norm(plain.gradient) === 0) normal(foldIn(batch, DIRECTION), basis[0]!);
    else basis[0]!.set(plain.gradient);
    scale(1 / norm(basis[0]!), basis[0]!);
    const columns: number[][] = [];
    for (let j = 0; j < products && j < basis.length; j++) {
      const product = vectors[j + 1]!;
      timesHessian(params, batch, basis[j]!, product);
      const length = norm(product);
      columns.push(
        basis.map((vector) => {
          const along = dot(vector, product);
          axpy(-along, vector, product);
          return along;
        }),
      );
      const rest = norm(product);
      if (!(rest > COMPLETE * length) || basis.length === products) continue;
      scale(1 / rest, product);
      columns[j]!.push(rest);
      basis.push(product);
    }
    const entry = (i: number, j: number): number => columns[j]![i] ?? columns[i]![j] ?? 0;
    const matrix = basis.map((_, i) => basis.map((__, j) => 0.5 * (entry(i, j) + entry(j, i))));
    const weights = symmetricEigensystem(matrix).vectors.at(-1)!;
    out.fill(0);
    basis.forEach((vector, i) => {
      axpy(weights[i]!, vector, out);
    });
    scale(1 / norm(out), out);
  });
}
