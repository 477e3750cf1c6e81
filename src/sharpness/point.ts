import type { Vector } from "../kernels/types.ts";
import { foldIn, type Key } from "../random/key.ts";
import type { Objective } from "../tasks/types.ts";
import { type HessianEigenvalues, hessianEigenvalues } from "./eigenvalues.ts";
import { type Landscape, landscape } from "./landscape.ts";
import { measureSharpness, type Sharpness } from "./measure.ts";
import { hessianTrace, type TraceEstimate } from "./trace.ts";

/** Which measures to take at a point: plain data, so that a job can carry it. */
export interface PointMeasures {
  readonly radii: readonly number[];
  /** Steps of each ascent and ascents for each maximum; see `measureSharpness`. */
  readonly ascentSteps?: number;
  readonly restarts?: number;
  /** Hessian trace with its default settings. */
  readonly trace?: boolean;
  /** This many of the largest and of the smallest Hessian eigenvalues. */
  readonly eigenvalues?: number;
  /** Dimensions of the filter-normalized landscape, with its default radius and points. */
  readonly landscape?: 1 | 2;
}

/** Every measure asked for at one point; plain data for JSON. */
export interface PointSharpness extends Sharpness {
  readonly trace?: TraceEstimate;
  readonly eigenvalues?: HessianEigenvalues;
  readonly landscape?: Landscape;
}

/**
 * Takes `measureSharpness` and, where asked for, trace, both ends of the spectrum and landscape at one point. Each
 * draws from a key of its own: asking for one more changes no other number.
 *
 * @param objective a fixed set, `task.fixedObjective(...)`: batch keys are ignored
 * @param params the point, of `objective.layout.size`; radii are in its units
 * @throws LowlandError what the single measures throw; the signal's reason when raised
 * @example
 * await measurePoint(objective, params, { radii: [0.05], trace: true, eigenvalues: 3, key: key(0) });
 */
export async function measurePoint(
  objective: Objective,
  params: Vector,
  measures: PointMeasures & {
    readonly key: Key;
    readonly onProgress?: (note: string) => void;
    readonly signal?: AbortSignal;
  },
): Promise<PointSharpness> {
  const { radii, key, ascentSteps, restarts, onProgress, signal } = measures;
  // measureSharpness folds 0, 1 and 2 into the same key
  const common = (what: number) => ({ key: foldIn(key, what), ...(signal && { signal }) });
  const sharpness = await measureSharpness(objective, params, {
    radii,
    key,
    ...(ascentSteps !== undefined && { steps: ascentSteps }),
    ...(restarts !== undefined && { restarts }),
    onProgress: ({ done, total }) => onProgress?.(`sharpness ${done}/${total} gradients`),
    ...(signal && { signal }),
  });
  const trace =
    measures.trace &&
    (await hessianTrace(objective, params, {
      ...common(3),
      onProgress: (done) => onProgress?.(`trace, ${done} probes`),
    }));
  const eigenvalues =
    measures.eigenvalues !== undefined &&
    (await hessianEigenvalues(objective, params, {
      ...common(4),
      largest: measures.eigenvalues,
      smallest: measures.eigenvalues,
      onProgress: (done) => onProgress?.(`eigenvalues, ${done} products`),
    }));
  const drawn =
    measures.landscape !== undefined &&
    (await landscape(objective, params, {
      ...common(5),
      dimensions: measures.landscape,
      onProgress: ({ done, total }) => onProgress?.(`landscape ${done}/${total} points`),
    }));
  return {
    ...sharpness,
    ...(trace && { trace }),
    ...(eigenvalues && { eigenvalues }),
    ...(drawn && { landscape: drawn }),
  };
}
