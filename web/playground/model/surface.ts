import { defineTask, foldIn, type Key, normal, type Task, type Vector } from "../../../src/core.ts";

/** Valleys of the surface: −depth·exp(−|Q(w − centre)|²/2), Q scales the axes by 1/width. */
const VALLEYS = [
  { centre: [-1.1, 0.6], width: [0.95, 0.75], depth: 1.25 }, // flat and almost as deep
  { centre: [1.05, -0.35], width: [0.2, 0.26], depth: 1.4 }, // sharp and the deepest
] as const;
/** Standard deviation by which a minibatch shifts the surface. */
const SHIFT = 0.12;

/** Where trainings on the surface start unless the reader sets another point. */
export const SURFACE_START: readonly [number, number] = [0.55, 1.5];
/** What is drawn of it: −extent … extent on both axes. */
export const SURFACE_EXTENT = 2.2;

/**
 * A loss of two parameters with a sharp valley and a flat one, in a wide bowl. A minibatch shifts it a little, as minibatches
 * and test sets shift the losses of networks: at the bottom of the sharp valley a shift costs much, in the flat one little.
 */
export function surfaceTask(start: readonly [number, number]): Task {
  const at = (x: number, y: number, gradient?: Vector): number => {
    let loss = 2 + 0.12 * (x * x + y * y);
    if (gradient !== undefined) {
      gradient[0] = 0.24 * x;
      gradient[1] = 0.24 * y;
    }
    for (const { centre, width, depth } of VALLEYS) {
      const [dx, dy] = [(x - centre[0]) / width[0], (y - centre[1]) / width[1]];
      const hole = depth * Math.exp(-(dx * dx + dy * dy) / 2);
      loss -= hole;
      if (gradient === undefined) continue;
      gradient[0] = gradient[0]! + (hole * dx) / width[0];
      gradient[1] = gradient[1]! + (hole * dy) / width[1];
    }
    return loss;
  };
  const shift = new Float64Array(2);
  const shifted = (params: Vector, batch: Key, gradient?: Vector): number => {
    normal(batch, shift, { stddev: SHIFT });
    return at(params[0]! + shift[0]!, params[1]! + shift[1]!, gradient);
  };
  const fixed = (params: Vector, gradient?: Vector): number => at(params[0]!, params[1]!, gradient);
  const task = defineTask({
    name: "surface",
    layout: 2,
    lossAndGradient: (params, batch, gradient) => shifted(params, batch, gradient),
    loss: (params, batch) => shifted(params, batch),
    init: (_key, params) => params.set(start),
    metrics: [],
    // the test loss is the mean over shifts, the training loss that of no shift
    evaluate: (params, split) => ({
      loss: split === "test" ? meanOver(32, (i) => shifted(params, foldIn(TEST_SHIFTS, i))) : fixed(params),
      count: 1,
      metrics: {},
    }),
  });
  const plain = {
    layout: task.layout,
    loss: (params: Vector) => fixed(params),
    lossAndGradient: (params: Vector, _batch: Key, gradient: Vector) => fixed(params, gradient),
  };
  return { ...task, fixedObjective: () => plain };
}

const TEST_SHIFTS: Key = { hi: 7, lo: 7 };

function meanOver(count: number, value: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += value(i);
  return sum / count;
}
