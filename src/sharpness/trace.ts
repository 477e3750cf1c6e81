import { breathe } from "../breathe.ts";
import { LowlandError } from "../errors.ts";
import { withScratch } from "../kernels/scratch.ts";
import type { Vector } from "../kernels/types.ts";
import { dot } from "../kernels/vector.ts";
import { foldIn, type Key, rademacher } from "../random/key.ts";
import { countGradients } from "../regularizers/count.ts";
import { hessianVectorProducts } from "../regularizers/hvp.ts";
import { checkVector } from "../tasks/check-vectors.ts";
import { frozenAt, type Objective } from "../tasks/types.ts";
import { checkCount } from "./pga.ts";

/** An estimate of the trace of a Hessian; plain data for JSON. */
export interface TraceEstimate {
  readonly value: number;
  /** Standard error of `value` over the probes; 0 where the Hessian is diagonal. */
  readonly standardError: number;
  readonly probes: number;
  /** Whether the relative standard error met the tolerance. */
  readonly converged: boolean;
  /** Gradients spent: two a probe, none where the objective has exact products. */
  readonly gradientEvaluations: number;
}

/** Settings of `hessianTrace`. */
export interface TraceOptions {
  /** Probe i is drawn from `foldIn(key, i)`; also the batch key of every evaluation. */
  readonly key: Key;
  /** Default 100, at least 2. */
  readonly maxProbes?: number;
  /** Stops when standard error ≤ tolerance·|value|, default 0.05; 0 takes all probes unless there is no error. */
  readonly tolerance?: number;
  /** Called after each probe with the probes done. */
  readonly onProgress?: (done: number) => void;
  /** Stops the measurement between two probes. */
  readonly signal?: AbortSignal;
}

/** Fewest probes before it may stop: the standard error of fewer is too uncertain to stop by. */
const MIN_PROBES = 10;

/**
 * The trace of the Hessian at `params` by Hutchinson's estimator; statistics over the minibatch are constants.
 *
 * tr H ≈ mean of zᵀHz over probes z with entries ±1. Unbiased, with variance 2(‖H‖²_F − Σ H_ii²) a probe: exact for
 * diagonal Hessians. Stopping early by the tolerance adds a bias well below the tolerance itself.
 *
 * @param objective usually `task.fixedObjective(...)`
 * @throws LowlandError `E_SHAPE` if `params` does not fit the layout; `E_CONFIG` if `maxProbes` is below 2 or `tolerance` negative; the signal's reason when raised
 * @example
 * const { value, standardError } = await hessianTrace(objective, params, { key: key(0) });
 * @see Hutchinson 1989; Yao et al. 2020, "PyHessian"
 */
export async function hessianTrace(
  objective: Objective,
  params: Vector,
  options: TraceOptions,
): Promise<TraceEstimate> {
  const { key, maxProbes = 100, tolerance = 0.05, onProgress, signal } = options;
  checkCount("maxProbes", maxProbes);
  if (maxProbes < 2 || !(tolerance >= 0)) {
    throw new LowlandError(
      "E_CONFIG",
      `maxProbes is ${maxProbes} and tolerance ${tolerance}; give at least 2 probes and a tolerance ≥ 0`,
    );
  }
  checkVector("params", params, objective.layout);
  signal?.throwIfAborted();
  const counted = countGradients(frozenAt(objective, params, key));
  const timesHessian = hessianVectorProducts(counted);
  // Welford's running mean and sum of squared deviations: the terms may be large beside their spread
  let mean = 0;
  let squares = 0;
  for (let probes = 1; ; probes++) {
    const term = withScratch(params, 2, (vectors) => {
      const [probe, product] = vectors as [Vector, Vector];
      rademacher(foldIn(key, probes - 1), probe);
      timesHessian(params, key, probe, product);
      return dot(probe, product);
    });
    const delta = term - mean;
    mean += delta / probes;
    squares += delta * (term - mean);
    onProgress?.(probes);
    const standardError = probes < 2 ? Infinity : Math.sqrt(squares / (probes - 1) / probes);
    const converged =
      probes >= Math.min(MIN_PROBES, maxProbes) && standardError <= tolerance * Math.abs(mean);
    if (converged || probes === maxProbes || !Number.isFinite(term)) {
      return { value: mean, standardError, probes, converged, gradientEvaluations: counted.gradients };
    }
    await breathe(signal);
  }
}
