import { openArena } from "../../kernels/module.ts";
import { addScaled, allFinite, axpy, scale } from "../../kernels/vector.ts";
import { type Settings, settle } from "../../spec.ts";
import { openSamples } from "../rollout.ts";
import type { Estimator } from "../types.ts";
import { drawPerturbation, openPair } from "./pair.ts";
import { ended, imitates } from "./windows.ts";

export const pesParameters = {
  sigma: { default: 0.01, exclusiveMin: 0, description: "standard deviation of the perturbations of φ" },
  truncation: { default: 50, min: 1, integer: true, description: "inner steps of a window" },
} as const;

/**
 * Persistent evolution strategies: an unbiased estimate of the gradient of the smoothed meta-objective from truncated
 * windows of antithetic pairs. In window k of a training ε_k ~ N(0, σ²I), the runs of φ+ε_k and φ−ε_k go on from where
 * those of the windows before ended, on the same minibatches, and
 *
 * g = Σ_{t in window} (ℓ_t⁺ − ℓ_t⁻)·(ε_1 + … + ε_k) / (2σ²), times 1/W for a mean over steps.
 *
 * A training that ends within a window hands over to the next one, with a perturbation and a sum of its own; its last
 * loss counts to it, and every step weighs alike. Needs values of the meta-objective only.
 *
 * @see Vicol, Metz, Sohl-Dickstein, "Unbiased gradient estimation in unrolled computation graphs with persistent
 * evolution strategies", 2021
 */
export function pes(options: Partial<Settings<typeof pesParameters>> = {}): Estimator {
  const { sigma, truncation } = settle("estimator pes", pesParameters, options);
  return {
    name: "pes",
    settings: { sigma, truncation },
    window: truncation,
    open(problem) {
      const arena = openArena();
      const samples = openSamples(problem);
      const pair = openPair(problem, samples, arena);
      const count = problem.learned.layout.size;
      const epsilon = arena.float32(count);
      const sum = arena.float32(count);
      const gradient = arena.float32(count);
      const { over } = problem.objective;
      return {
        estimate(metaParams, instance, { stage, next }) {
          const before = samples.gradients;
          let { draw, number, runs } = instance;
          let imitating = false;
          const begin = (): void => {
            const step = runs[0]?.step ?? 0;
            drawPerturbation(draw.key, step, sigma, epsilon);
            axpy(1, epsilon, sum);
            pair.takeUp(draw, runs, metaParams, epsilon);
            imitating = imitates(problem, draw.key, step, stage);
          };
          if (runs.length === 0) sum.fill(0);
          else sum.set(instance.tensors.sum!);
          gradient.fill(0);
          begin();
          let loss = 0;
          let metaLoss = 0;
          let terms = 0;
          let difference = 0;
          let done = false;
          for (let t = 0; t < truncation; t++) {
            loss += pair.advance();
            const final = ended(draw, pair.step);
            if (imitating || over !== "last" || final) {
              const { plus, minus } = pair.term({ imitating, final });
              difference += plus - minus;
              metaLoss += plus + minus;
              terms += 2;
            }
            if (!final && t < truncation - 1) continue;
            addScaled(gradient, difference / (2 * sigma * sigma), sum, gradient);
            difference = 0;
            done = final;
            if (!final || t === truncation - 1) break;
            number++;
            draw = next(instance.index, number);
            runs = [];
            sum.fill(0);
            begin();
          }
          if (over === "mean") scale(1 / truncation, gradient);
          return {
            gradient: gradient.slice(),
            instance: done
              ? { ...instance, number, draw, runs: [], tensors: {} }
              : { ...instance, number, draw, runs: pair.save(), tensors: { sum: sum.slice() } },
            done,
            // a plain loss may leave the finite numbers where the normalizer bounds its term
            diverged: !(Number.isFinite(metaLoss) && allFinite(gradient)),
            loss: loss / truncation,
            ...(terms > 0 && { metaLoss: metaLoss / terms }),
            innerSteps: 2 * truncation,
            gradientEvaluations: samples.gradients - before,
          };
        },
        close: () => arena.close(),
      };
    },
  };
}
