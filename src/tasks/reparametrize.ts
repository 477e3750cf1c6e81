import { withScratch } from "../kernels/scratch.ts";
import type { Layout, Vector } from "../kernels/types.ts";
import { scale } from "../kernels/vector.ts";
import { checkVector } from "./check-vectors.ts";
import type { Objective, Task } from "./types.ts";

/** Factors s of a reparametrization w = s·v: one for all, a list with one for each slot, or one for each parameter. */
export type Factors = number | readonly number[] | Float64Array;

/**
 * The same task in other coordinates: w = s·v, the optimizer sees v. The function is the same, its dynamics are not.
 *
 * L(v) = L(s∘v), ∇_v = s∘∇_w, H_v d = s∘H_w(s∘d); initial parameters are w/s.
 *
 * @param factors s > 0, numbers that float32 holds, so that both precisions have the same
 * @see Moudgil et al., "Celo2", 2026; Metz et al., "VeLO", 2022, §4
 */
export function reparametrized(task: Task, factors: Factors): Task {
  const { layout } = task;
  /** The objective at s∘v. */
  const at = (inner: Objective): Objective => {
    const exact = inner.hessianVectorProduct?.bind(inner);
    const freeze = inner.freeze?.bind(inner);
    return {
      layout,
      loss: (v, batch, known) => known?.loss ?? withPoint(layout, factors, v, (w) => inner.loss(w, batch)),
      lossAndGradient(v, batch, gradient) {
        checkVector("gradient", gradient, layout, v);
        const loss = withPoint(layout, factors, v, (w) => inner.lossAndGradient(w, batch, gradient));
        multiply(layout, factors, gradient);
        return loss;
      },
      ...(exact && {
        hessianVectorProduct(v, batch, direction, product) {
          checkVector("direction", direction, layout, v);
          checkVector("product", product, layout, v);
          withPoint(layout, factors, v, (w) =>
            withPoint(layout, factors, direction, (along) => exact(w, batch, along, product)),
          );
          multiply(layout, factors, product);
        },
      }),
      ...(freeze && { freeze: (v, batch) => withPoint(layout, factors, v, (w) => at(freeze(w, batch))) }),
    };
  };
  const divide = (v: Vector): void =>
    eachFactor(layout, factors, v, (factor, part) => {
      for (let i = 0; i < part.length; i++) part[i] = part[i]! / factor;
    });
  return {
    ...task,
    init(key, v) {
      task.init(key, v);
      divide(v);
    },
    ...(task.project && {
      project(v) {
        multiply(layout, factors, v);
        task.project!(v);
        divide(v);
      },
    }),
    objective: (split) => at(task.objective(split)),
    fixedObjective: (options) => at(task.fixedObjective(options)),
    evaluate: (v, split) => withPoint(layout, factors, v, (w) => task.evaluate(w, split)),
  };
}

/** Hands s∘v to `use`. */
function withPoint<T>(layout: Layout, factors: Factors, v: Vector, use: (w: Vector) => T): T {
  checkVector("params", v, layout);
  return withScratch(v, 1, ([w]) => {
    w!.set(v);
    multiply(layout, factors, w!);
    return use(w!);
  });
}

/** x ← s∘x. */
function multiply(layout: Layout, factors: Factors, x: Vector): void {
  if (factors instanceof Float64Array) for (let i = 0; i < x.length; i++) x[i] = factors[i]! * x[i]!;
  else eachFactor(layout, factors, x, scale);
}

/** Goes through a vector in parts of one factor each. */
function eachFactor(
  { slots }: Layout,
  factors: Factors,
  x: Vector,
  use: (factor: number, part: Vector) => void,
): void {
  if (typeof factors === "number") use(factors, x);
  else if (factors instanceof Float64Array) {
    for (let i = 0; i < x.length; i++) use(factors[i]!, x.subarray(i, i + 1));
  } else {
    slots.forEach(({ offset, size }, i) => {
      use(factors[i]!, x.subarray(offset, offset + size));
    });
  }
}
