import { openArena } from "../../kernels/module.ts";
import { addScaled, allFinite } from "../../kernels/vector.ts";
import { type Settings, settle } from "../../spec.ts";
import type { Estimator } from "../types.ts";
import { drawPerturbation, openPair } from "./pair.ts";
import { imitates } from "./windows.ts";

export const esParameters = {
  sigma: { default: 0.01, exclusiveMin: 0, description: "standard deviation of the perturbations of φ" },
  pairs: {
    default: 1,
    min: 1,
    integer: true,
    description: "antithetic pairs that an estimate is the mean of",
  },
} as const;

/**
 * Evolution strategies over whole trainings: for ε ~ N(0, σ²I), F the meta-objective of a training,
 *
 * g = (F(φ+ε) − F(φ−ε))·ε / (2σ²): unbiased for the gradient of E[F(φ+ε)]. Needs values only.
 *
 * @see Salimans et al., "Evolution strategies as a scalable alternative to reinforcement learning", 2017
 */
export function es(options: Partial<Settings<typeof esParameters>> = {}): Estimator {
  const { sigma, pairs } = settle("estimator es", esParameters, options);
  return {
    name: "es",
    settings: { sigma, pairs },
    window: undefined,
    open(problem) {
      const arena = openArena();
      const pair = openPair(problem, arena);
      const count = problem.learned.layout.size;
      const epsilon = arena.float32(count);
      const gradient = arena.float32(count);
      const {
        objective: { over },
        trained,
      } = problem;
      return {
        estimate(metaParams, instance, { stage }) {
          const { draw } = instance;
          const before = pair.gradients;
          const total = draw.horizon - draw.start;
          const imitating = imitates(problem, draw.key, 0, stage);
          gradient.fill(0);
          let loss = 0;
          let metaLoss = 0;
          const counted = over === "last" && !imitating ? 1 : total;
          for (let i = 0; i < pairs; i++) {
            drawPerturbation(draw.key, i, { sigma, trained }, epsilon);
            pair.takeUp(draw, [], metaParams, epsilon);
            let difference = 0;
            for (let step = 0; step < total; step++) {
              loss += pair.advance() / (pairs * total);
              const final = step === total - 1;
              if (!imitating && over === "last" && !final) continue;
              const { plus, minus } = pair.term({ imitating, final });
              difference += plus - minus;
              metaLoss += (plus + minus) / (2 * pairs * counted);
            }
            if (over === "mean") difference /= total;
            addScaled(gradient, difference / (2 * sigma * sigma * pairs), epsilon, gradient);
          }
          return {
            gradient: gradient.slice(),
            instance: { ...instance, runs: [] },
            done: true,
            // a plain loss may leave the finite numbers where the normalizer bounds its term
            diverged: !(Number.isFinite(metaLoss) && allFinite(gradient)),
            loss,
            metaLoss,
            innerSteps: 2 * pairs * total,
            gradientEvaluations: pair.gradients - before,
          };
        },
        close: () => arena.close(),
      };
    },
  };
}
