import type { Schedule, ScheduleState } from "../types.ts";

/** Horizons of Chen et al., 2020. */
export const CURRICULUM_HORIZONS: readonly number[] = [100, 200, 500, 1000, 1500, 2000, 2500, 3000];

interface CurriculumState extends ScheduleState {
  readonly stage: number;
  /** Lowest meta-validation loss of the stage, at the next horizon; null before its first. */
  readonly best: number | null;
  /** Meta-validations in a row without improvement. */
  readonly fruitless: number;
  /** Whether the stage improved on where it started: 1 or 0. */
  readonly improved: number;
}

/**
 * Horizons that grow: trains at one and meta-validates at the *next*. After `patience` meta-validations without
 * improvement it goes on to the next horizon, from the best φ of the stage; a stage that never improved on where it
 * started, and the last one, end meta-training.
 *
 * @see Chen et al., "Training Stronger Baselines for Learning to Optimize", 2020
 */
export function curriculum(
  horizons: readonly number[] = CURRICULUM_HORIZONS,
  { patience = 3 }: { readonly patience?: number } = {},
): Schedule {
  const last = horizons.length - 1;
  const at = (state: ScheduleState): CurriculumState => state as CurriculumState;
  return {
    name: "curriculum",
    settings: { horizons, patience },
    longest: horizons[last]!,
    initial: () => ({ stage: 0, best: null, fruitless: 0, improved: 0 }),
    horizon: (state) => horizons[at(state).stage]!,
    validationHorizon: (state) => horizons[Math.min(at(state).stage + 1, last)]!,
    stage: (state) => at(state).stage,
    needsValidation: (state) => at(state).best === null,
    validated(state, loss) {
      const { stage, best, fruitless, improved } = at(state);
      // what is not finite is worse than anything
      const value = Number.isFinite(loss) ? loss : Number.MAX_VALUE;
      if (best === null) return { state: { stage, best: value, fruitless: 0, improved: 0 }, best: true };
      if (value < best) return { state: { stage, best: value, fruitless: 0, improved: 1 }, best: true };
      if (fruitless + 1 < patience) {
        return { state: { stage, best, fruitless: fruitless + 1, improved }, best: false };
      }
      const stop = improved === 0 || stage === last;
      return {
        state: stop
          ? { stage, best, fruitless: fruitless + 1, improved }
          : { stage: stage + 1, best: null, fruitless: 0, improved: 0 },
        best: false,
        fromBest: true,
        ...(stop && { stop }),
      };
    },
  };
}
