import { LowlandError } from "../errors.ts";
import { withScratch } from "../kernels/scratch.ts";
import type { Vector } from "../kernels/types.ts";
import { addScaled, norm } from "../kernels/vector.ts";
import { foldIn, type Key } from "../random/key.ts";
import { ascentFactor } from "../regularizers/ascent.ts";
import { countGradients } from "../regularizers/count.ts";
import { checkVector } from "../tasks/check-vectors.ts";
import { frozenAt, type Objective } from "../tasks/types.ts";
import { ascents, checkCount, type PgaQuantity } from "./pga.ts";
import { type TopEigenvalue, topEigenvalue } from "./spectrum.ts";

/** Sharpness in one ball. */
export interface RadiusSharpness {
  readonly radius: number;
  /** Largest loss found in the ball by projected gradient ascent, the centre included. */
  readonly maxLoss: number;
  /** maxLoss − L(w), never negative. */
  readonly surrogateGap: number;
  /** L(w + ρ g/‖g‖) − L(w), the gap as SAM sees it. */
  readonly oneStepGap: number;
  /** surrogateGap − ρ‖g‖: the part of the gap that curvature explains. Negative where the loss is concave. */
  readonly curvatureGap: number;
  /** Largest gradient norm found in the ball by projected gradient ascent, the centre included. */
  readonly maxGradientNorm: number;
}

/** Every sharpness measure at one point; plain data for JSON. */
export interface Sharpness {
  readonly loss: number;
  readonly gradientNorm: number;
  readonly topEigenvalue: TopEigenvalue;
  readonly radii: readonly RadiusSharpness[];
  /** Gradients spent; Hessian-vector products by central differences count as two. */
  readonly gradientEvaluations: number;
  /** Exact Hessian-vector products spent, where the objective has them. */
  readonly exactProducts: number;
}

/** Gradients spent so far and, once the eigenvalue is known, in all. */
export interface SharpnessProgress {
  readonly done: number;
  readonly total: number;
}

/** Settings of `measureSharpness`. */
export interface SharpnessOptions {
  /** Radii of the L2 balls, in units of the parameters. */
  readonly radii: readonly number[];
  /** Draws the starting points: the same for every radius, so that adding a radius changes no other number. */
  readonly key: Key;
  /** Steps of each ascent, default 20. */
  readonly steps?: number;
  /** Ascents for each maximum, default 3. */
  readonly restarts?: number;
  /** Called after the eigenvalue and after each ascent. */
  readonly onProgress?: (progress: SharpnessProgress) => void;
  /** Stops the measurement between two ascents. */
  readonly signal?: AbortSignal;
}

/**
 * Measures how sharp the loss is around a point: its largest value and largest gradient norm in balls of several
 * radii, what of the gap is curvature, and the top eigenvalue of the Hessian.
 *
 * Statistics over a minibatch are held at what they are at `params`. Lets other events run between two ascents, so that `signal` can be raised meanwhile.
 *
 * @param objective a fixed set, `task.fixedObjective(...)`: batch keys are ignored
 * @throws LowlandError `E_SHAPE` if `params` does not fit the layout; `E_CONFIG` if a radius or count is not
 * positive; `E_DIVERGED` if loss or gradient at `params` is not finite; the signal's reason when it is raised
 * @example
 * const objective = task.fixedObjective({ count: 5000, key: key(1) });
 * await measureSharpness(objective, params, { radii: [0.001, 0.005, 0.05, 0.1], key: key(0) });
 */
export async function measureSharpness(
  objective: Objective,
  params: Vector,
  options: SharpnessOptions,
): Promise<Sharpness> {
  const { radii, key, steps = 20, restarts = 3, onProgress, signal } = options;
  checkInputs(objective, params, { radii, steps, restarts });
  signal?.throwIfAborted();
  const counted = countGradients(frozenAt(objective, params, key));
  const [spectrumKey, lossKey, normKey] = [0, 1, 2].map((i) => foldIn(key, i)) as [Key, Key, Key];

  const { loss, gradientNorm, oneStepGaps } = measureCentre(counted, params, key, radii);

  const exact = counted.hessianVectorProduct !== undefined;
  const costs: Readonly<Record<PgaQuantity, number>> = {
    loss: steps + 1,
    gradientNorm: steps + 1 + (exact ? 0 : 2 * steps),
  };
  let remaining = radii.length * restarts * (costs.loss + costs.gradientNorm);
  const breathe = async (): Promise<void> => {
    onProgress?.({ done: counted.gradients, total: counted.gradients + remaining });
    await new Promise((resume) => setTimeout(resume, 0));
    signal?.throwIfAborted();
  };

  const top = await topEigenvalue(counted, params, { key: spectrumKey, ...(signal && { signal }) });
  await breathe();

  const ascend = ascents(counted);
  const maximum = async (
    quantity: PgaQuantity,
    radius: number,
    centre: number,
    key: Key,
  ): Promise<number> => {
    let best = centre;
    for (let r = 0; r < restarts; r++) {
      best = Math.max(best, ascend(params, { quantity, radius, steps, key: foldIn(key, r) }));
      remaining -= costs[quantity];
      await breathe();
    }
    return best;
  };

  const measured: RadiusSharpness[] = [];
  for (const [i, radius] of radii.entries()) {
    const maxLoss = await maximum("loss", radius, loss, lossKey);
    const maxGradientNorm = await maximum("gradientNorm", radius, gradientNorm, normKey);
    const surrogateGap = maxLoss - loss;
    const curvatureGap = surrogateGap - radius * gradientNorm;
    const oneStepGap = oneStepGaps[i]!;
    measured.push({ radius, maxLoss, surrogateGap, oneStepGap, curvatureGap, maxGradientNorm });
  }
  return {
    loss,
    gradientNorm,
    topEigenvalue: top,
    radii: measured,
    gradientEvaluations: counted.gradients,
    exactProducts: counted.hessianVectorProducts,
  };
}

/** What is measured at the point itself and along its gradient. */
function measureCentre(
  objective: Objective,
  params: Vector,
  key: Key,
  radii: readonly number[],
): { loss: number; gradientNorm: number; oneStepGaps: number[] } {
  return withScratch(params, 3, (vectors) => {
    const [gradient, point, unused] = vectors as [Vector, Vector, Vector];
    const loss = objective.lossAndGradient(params, key, gradient);
    const gradientNorm = norm(gradient);
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      throw new LowlandError(
        "E_DIVERGED",
        `loss is ${loss} and gradient norm ${gradientNorm} at the point to measure; measure one before training diverged`,
      );
    }
    const oneStepGaps = radii.map((radius) => {
      addScaled(params, ascentFactor(radius, gradient), gradient, point);
      return objective.lossAndGradient(point, key, unused) - loss;
    });
    return { loss, gradientNorm, oneStepGaps };
  });
}

function checkInputs(
  objective: Objective,
  params: Vector,
  { radii, steps, restarts }: { radii: readonly number[]; steps: number; restarts: number },
): void {
  checkVector("params", params, objective.layout);
  for (const radius of radii) {
    if (!(radius > 0 && radius < Infinity)) {
      throw new LowlandError("E_CONFIG", `radius is ${radius}; give a finite number > 0`);
    }
  }
  checkCount("steps", steps);
  checkCount("restarts", restarts);
}
