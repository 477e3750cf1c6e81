import type { Vector } from "../kernels/types.ts";
import { axpy, dot, norm, scale } from "../kernels/vector.ts";
import { type Key, normal } from "../random/key.ts";
import { type HessianVectorProduct, hessianVectorProducts } from "../regularizers/hvp.ts";
import { withScratch } from "../regularizers/scratch.ts";
import { frozenAt, type Objective } from "../tasks/types.ts";
import { checkCount } from "./pga.ts";

/** The top of a Hessian's spectrum, as far as power iteration saw it. */
export interface TopEigenvalue {
  /** Estimate of the largest (most positive) eigenvalue: never above it, up to rounding. */
  readonly value: number;
  /** Hessian-vector products spent. */
  readonly iterations: number;
  /** Whether `value` met the tolerance; if not, it is a lower bound. */
  readonly converged: boolean;
}

/** Settings of `topEigenvalue`. */
export interface TopEigenvalueOptions {
  /** Draws the starting vector, and is the batch key of every evaluation. */
  readonly key: Key;
  /** Default 100; twice as many where the eigenvalue of largest modulus is not the top one. */
  readonly maxIterations?: number;
  /** Relative, default 1e-3. */
  readonly tolerance?: number;
}

/**
 * The largest eigenvalue of the Hessian at `params`, by power iteration; statistics over the minibatch are constants.
 *
 * v ← Hv/‖Hv‖, λ = vᵀHv, until λ changes by less than `tolerance`·|λ| and ‖Hv‖ − |λ| is below it too: without
 * the second condition two eigenvalues ±λ would pass for one of any size. Power iteration finds the eigenvalue
 * of largest modulus; if that is negative, or there are two of opposite sign, a second run on H + ‖Hv‖·I, whose
 * spectrum is not negative, finds the top one.
 *
 * Where the top eigenvalues lie close together it stops early on one of their mixtures: on the 784-20-10 networks
 * it came out at most 4 % below what 100 iterations give.
 *
 * @throws LowlandError `E_CONFIG` if `maxIterations` is not a positive integer
 */
export function topEigenvalue(
  objective: Objective,
  params: Vector,
  options: TopEigenvalueOptions,
): TopEigenvalue {
  const { key, maxIterations = 100, tolerance = 1e-3 } = options;
  checkCount("maxIterations", maxIterations);
  const timesHessian = hessianVectorProducts(frozenAt(objective, params, key));
  const iterate = (shift: number): PowerIteration =>
    powerIteration(timesHessian, params, { key, maxIterations, tolerance, shift });

  const first = iterate(0);
  const settled = first.converged && first.value >= 0;
  if (settled || !Number.isFinite(first.modulus)) return report(first.value, first.iterations, settled);
  const second = iterate(first.modulus);
  return report(
    Math.max(first.value, second.value),
    first.iterations + second.iterations,
    second.converged && second.value >= first.value,
  );
}

function report(value: number, iterations: number, converged: boolean): TopEigenvalue {
  return { value, iterations, converged };
}

interface PowerIteration extends TopEigenvalue {
  /** ‖Hv‖ at the end: tends to the largest modulus of an eigenvalue of H + shift·I from below. */
  readonly modulus: number;
}

/** Power iteration on H + shift·I; `value` is the Rayleigh quotient of H itself. */
function powerIteration(
  timesHessian: HessianVectorProduct,
  params: Vector,
  options: Required<TopEigenvalueOptions> & { readonly shift: number },
): PowerIteration {
  const { key, maxIterations, tolerance, shift } = options;
  return withScratch(params, 2, (vectors) => {
    const [vector, product] = vectors as [Vector, Vector];
    normal(key, vector);
    scale(1 / norm(vector), vector);
    let previous = NaN;
    for (let iterations = 1; ; iterations++) {
      timesHessian(params, key, vector, product);
      const value = dot(vector, product);
      if (shift !== 0) axpy(shift, vector, product);
      const modulus = norm(product);
      const allowed = tolerance * Math.abs(value);
      const converged =
        modulus === 0 ||
        (Math.abs(value - previous) <= allowed && modulus - Math.abs(value + shift) <= allowed);
      if (converged || iterations === maxIterations || !Number.isFinite(modulus)) {
        return { value, iterations, converged, modulus };
      }
      previous = value;
      vector.set(product);
      scale(1 / modulus, vector);
    }
  });
}
