import { foldIn, key, split } from "../random/key.ts";
import type { Draw, Instance, Schedule, ScheduleState } from "./types.ts";

/** The random streams of a run. */
export function streams(
  seed: number,
): Record<"init" | "instances" | "validation" | "regularization", ReturnType<typeof key>> {
  const [init, instances, validation, regularization] = split(key(seed), 4);
  return { init, instances, validation, regularization };
}

/** Stream of an inner training's key that its horizon is drawn from: "hori" as a number. */
const HORIZON = 0x686f7269;

/** What inner trainings are drawn from. */
export interface DrawSource {
  readonly seed: number;
  /** Task families, drawn in turn. */
  readonly families: number;
  /** Places, side by side. */
  readonly instances: number;
  readonly schedule: Schedule;
  /** Steps of a window, undefined where whole trainings are estimated. */
  readonly window: number | undefined;
  /** Whether trainings end with a window. */
  readonly wholeWindows: boolean;
}

/**
 * The `number`-th inner training of place `index`: tasks in turn over places and numbers, every one with a key of its
 * own, its horizon by the schedule.
 *
 * @param staggered whether the places are to start at different phases: place i of N counts ⌊i·horizon/N⌋ steps as done,
 * rounded down to whole windows. In lockstep every outer step would see one phase of training only.
 */
export function drawNext(
  { seed, families, instances, schedule, window, wholeWindows }: DrawSource,
  state: ScheduleState,
  index: number,
  number: number,
  { staggered = false }: { readonly staggered?: boolean } = {},
): Draw {
  const own = foldIn(foldIn(streams(seed).instances, index), number);
  const drawn = schedule.horizon(state, foldIn(own, HORIZON));
  const horizon = wholeWindows && window !== undefined ? Math.ceil(drawn / window) * window : drawn;
  const phase = window === undefined ? 0 : Math.floor((index * horizon) / instances / window) * window;
  return {
    task: (index + number * instances) % families,
    key: own,
    horizon,
    start: staggered ? phase : 0,
  };
}

/** All places, staggered, each with its training number `number`. */
export function drawAll(
  source: DrawSource,
  state: ScheduleState,
  numbers: (index: number) => number,
): Instance[] {
  return Array.from({ length: source.instances }, (_, index) => {
    const number = numbers(index);
    const draw = drawNext(source, state, index, number, { staggered: true });
    return { index, number, draw, runs: [], tensors: {} };
  });
}
