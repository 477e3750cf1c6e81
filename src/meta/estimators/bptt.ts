import { openArena } from "../../kernels/module.ts";
import { allFinite, axpy, scale } from "../../kernels/vector.ts";
import { type Settings, settle } from "../../spec.ts";
import { openRollout, openSamples } from "../rollout.ts";
import type { Estimator } from "../types.ts";
import { ended, imitates, openWindows, takeUp } from "./windows.ts";

export const bpttParameters = {
  truncation: { default: 20, min: 1, integer: true, description: "inner steps of a window" },
} as const;

/**
 * Truncated backpropagation through time: the gradient of the terms of one window in φ, with the state at its start as
 * a constant, and the gradients that the optimizer saw as constants (no second derivatives of the optimizee).
 *
 * Trainings whose length is no multiple of the window are as much longer.
 *
 * ∂/∂φ Σ_{t=1..T} ℓ(w_t), w_{t+1} = w_t + u(∇L(w_t), state_t; φ). Biased by what a window does to later ones.
 *
 * @see Werbos, "Backpropagation through time", 1990; Andrychowicz et al., 2016
 */
export function bptt(options: Partial<Settings<typeof bpttParameters>> = {}): Estimator {
  const { truncation } = settle("estimator bptt", bpttParameters, options);
  return {
    name: "bptt",
    settings: { truncation },
    window: truncation,
    backpropagates: true,
    wholeWindows: true,
    open(problem) {
      const arena = openArena();
      const samples = openSamples(problem);
      const rollout = openRollout(problem, samples, arena);
      const optimizer = problem.learned.open(arena);
      const windowOf = openWindows(problem, arena);
      const metaGradient = arena.float32(problem.learned.layout.size);
      const { over } = problem.objective;
      return {
        estimate(metaParams, instance, { stage }) {
          const { draw } = instance;
          const before = samples.gradients;
          optimizer.load(metaParams);
          takeUp(rollout, draw, instance.runs[0], optimizer);
          const size = rollout.params.length;
          const { unroll, points, row } = windowOf(size, truncation);
          const imitating = imitates(problem, draw.key, rollout.step, stage);
          let loss = 0;
          let metaLoss = 0;
          unroll.begin(metaParams, rollout.state);
          for (let t = 0; t < truncation; t++) {
            loss += rollout.evaluate();
            rollout.advance(optimizer, unroll);
            if (imitating) metaLoss += rollout.imitationTerm(row(t));
            else if (over !== "last" || t === truncation - 1) metaLoss += rollout.term(row(t));
            else row(t).fill(0);
          }
          // cotangents of updates as the gradients at points that sum to them
          if (imitating) for (let t = 0; t < truncation - 1; t++) axpy(-1, row(t + 1), row(t));
          if (over === "mean") scale(1 / truncation, points);
          unroll.backward(points, metaGradient);
          const done = ended(draw, rollout.step);
          return {
            gradient: metaGradient.slice(),
            instance: { ...instance, runs: done ? [] : [rollout.save()] },
            done,
            diverged: !(
              Number.isFinite(loss + metaLoss) &&
              allFinite(metaGradient) &&
              allFinite(rollout.params)
            ),
            loss: loss / truncation,
            metaLoss: over === "last" && !imitating ? metaLoss : metaLoss / truncation,
            innerSteps: truncation,
            gradientEvaluations: samples.gradients - before,
          };
        },
        close: () => arena.close(),
      };
    },
  };
}
