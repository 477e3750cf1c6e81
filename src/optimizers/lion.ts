import type { Vector } from "../kernels/types.ts";
import { axpy, roundingOf } from "../kernels/vector.ts";
import { type Settings, settle } from "../spec.ts";
import { defineOptimizer, zeros } from "./define.ts";
import { lionParameters } from "./parameters.ts";
import type { Optimizer } from "./types.ts";

/**
 * Lion: u = −lr·(sign(b1·m + (1−b1)·g) + decay·w); m ← b2·m + (1−b2)·g. (Chen et al., 2023, algorithm 2.)
 *
 * Every entry moves by the same length: learning rates are three to ten times smaller than Adam's, decays as much larger.
 */
export function lion(options: Partial<Settings<typeof lionParameters>> = {}): Optimizer {
  const settings = settle("optimizer lion", lionParameters, options);
  const { lr, b1, b2, decay } = settings;
  return defineOptimizer({
    name: "lion",
    settings,
    reads: { params: true },
    init: (layout, start) => zeros(layout, ["mu"], start),
    update(gradient, state, { params }, update) {
      state.step++;
      lionUpdate(gradient, state.vectors.mu!, { lr, b1, b2 }, update);
      if (decay > 0) axpy(-lr * decay, params, update);
    },
  });
}

function lionUpdate(
  g: Vector,
  m: Vector,
  { lr, b1, b2 }: { lr: number; b1: number; b2: number },
  update: Vector,
): void {
  const r = roundingOf(update);
  const [rate, keep, carry] = [r(lr), r(b1), r(b2)];
  const [fresh, rest] = [r(1 - keep), r(1 - carry)];
  for (let i = 0; i < g.length; i++) {
    update[i] = -rate * Math.sign(r(r(keep * m[i]!) + r(fresh * g[i]!)));
    m[i] = r(carry * m[i]!) + r(rest * g[i]!);
  }
}
