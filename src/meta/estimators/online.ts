import { openArena } from "../../kernels/module.ts";
import { addScaled, allFinite, axpy, scale } from "../../kernels/vector.ts";
import type { Estimator } from "../types.ts";
import { drawPerturbation, openPair } from "./pair.ts";
import { ended, imitates } from "./windows.ts";

/** What online evolution strategies share. */
export const onlineParameters = {
  sigma: { default: 0.01, exclusiveMin: 0, description: "standard deviation of the perturbations of φ" },
  truncation: { default: 50, min: 1, integer: true, description: "inner steps of a window" },
} as const;

/** Settings of online evolution strategies. */
export interface OnlineOptions {
  readonly sigma: number;
  readonly truncation: number;
  /** Perturbations of the windows of a training: a fresh one each, or one for all. */
  readonly noise: "fresh" | "reused";
}

/**
 * Evolution strategies from truncated windows of antithetic pairs that go on from where the windows before ended:
 *
 * g = Σ_{t in window} (ℓ_t⁺ − ℓ_t⁻)·ξ / (2σ²), times 1/W for a mean over steps,
 *
 * ξ the sum of the training's fresh perturbations so far, or its only one.
 */
export function openOnline({ sigma, truncation, noise }: OnlineOptions): Estimator["open"] {
  return (problem) => {
    const arena = openArena();
    const pair = openPair(problem, arena);
    const count = problem.learned.layout.size;
    const epsilon = arena.float32(count);
    const sum = arena.float32(count);
    const gradient = arena.float32(count);
    const {
      objective: { over },
      trained,
    } = problem;
    return {
      estimate(metaParams, instance, { stage, next }) {
        const before = pair.gradients;
        let { draw, number, runs } = instance;
        let imitating = false;
        const begin = (): void => {
          const step = runs[0]?.step ?? 0;
          drawPerturbation(draw.key, noise === "reused" ? 0 : step, { sigma, trained }, epsilon);
          if (noise === "reused") sum.set(epsilon);
          else axpy(1, epsilon, sum);
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
          gradientEvaluations: pair.gradients - before,
        };
      },
      close: () => arena.close(),
    };
  };
}
