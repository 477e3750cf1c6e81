import { withScratch } from "../kernels/scratch.ts";
import type { Vector } from "../kernels/types.ts";
import { addScaled, axpy, scale } from "../kernels/vector.ts";
import { bits, foldIn, type Key } from "../random/key.ts";
import { type Settings, settle } from "../spec.ts";
import { checkVector } from "../tasks/check-vectors.ts";
import { frozenAt } from "../tasks/types.ts";
import { PLAIN_COST, type Regularizer } from "./types.ts";

/** Settings of `noise`. */
export const noiseParameters = {
  rho: { default: 0.5, min: 0, description: "length of the noise" },
  samples: {
    default: 2,
    min: 1,
    integer: true,
    description: "points that the loss is averaged over; two and two of them opposite",
  },
} as const;

/** Stream of a minibatch's key that the noise is drawn from: "nois" as a number. */
const NOISE = 0x6e6f6973;

/**
 * Expected sharpness: the mean loss around a point, not the largest.
 *
 * E[L(w+ε)], ε_i = ±ρ/√n with each sign as likely, so that ‖ε‖ = ρ and E[εεᵀ] = ρ²/n·I; to second order
 * L + ρ²/(2n)·tr H. Value and gradient are means over `samples` draws, unbiased; draws come in pairs ±ε, in which the
 * slope cancels. As many gradients, or losses, as samples; the plain gradient is not needed.
 *
 * @param options `rho` ≥ 0, default 0.5, as random directions meet the mean curvature only; `samples` ≥ 1, default 2
 * @throws LowlandError `E_CONFIG` if a setting is out of range
 * @see Bisla, Wang, Choromanska, "Low-Pass Filtering SGD for Recovering Flat Optima in the Deep Learning Optimization
 * Landscape", 2022; Wen, Ma, Li, "How Does Sharpness-Aware Minimization Minimize Sharpness?", 2023, for what it lowers
 */
export function noise(options: Partial<Settings<typeof noiseParameters>> = {}): Regularizer {
  const settings = settle("regularizer noise", noiseParameters, options);
  const { rho, samples } = settings;
  return {
    name: "noise",
    label: "noise",
    settings,
    lowers: "trace",
    cost:
      rho === 0
        ? PLAIN_COST
        : { lossAndGradient: { gradients: samples, losses: 0 }, loss: { gradients: 0, losses: samples } },
    apply(objective) {
      /** Sum over the samples of what `at` gives for their points. */
      const sumOver = (params: Vector, batch: Key, at: (point: Vector, sample: number) => number): number =>
        withScratch(params, 2, (vectors) => {
          const [signs, point] = vectors as [Vector, Vector];
          const size = rho / Math.sqrt(params.length);
          let sum = 0;
          for (let i = 0; i < samples; i++) {
            if (i % 2 === 0) drawSigns(foldIn(foldIn(batch, NOISE), i >> 1), signs);
            addScaled(params, i % 2 === 0 ? size : -size, signs, point);
            sum += at(point, i);
          }
          return sum;
        });
      return {
        layout: objective.layout,
        loss(params, batch, known) {
          if (rho === 0) return objective.loss(params, batch, known);
          checkKnown(objective.layout.size, params, known?.gradient);
          const near = frozenAt(objective, params, batch);
          return sumOver(params, batch, (point) => near.loss(point, batch)) / samples;
        },
        lossAndGradient(params, batch, gradient, known) {
          if (rho === 0) return objective.lossAndGradient(params, batch, gradient, known);
          checkKnown(objective.layout.size, params, known?.gradient);
          const near = frozenAt(objective, params, batch);
          return withScratch(params, 1, ([own]) => {
            const sum = sumOver(params, batch, (point, i) => {
              const loss = near.lossAndGradient(point, batch, i === 0 ? gradient : own!);
              if (i > 0) axpy(1, own!, gradient);
              return loss;
            });
            scale(1 / samples, gradient);
            return sum / samples;
          });
        },
      };
    },
  };
}

/** Refuses vectors that do not fit, also those that are not read. */
function checkKnown(size: number, params: Vector, gradient: Vector | undefined): void {
  checkVector("params", params, { size });
  if (gradient !== undefined) checkVector("known.gradient", gradient, { size }, params);
}

/** Fills `signs` with ±1, one bit of the key's stream each. */
function drawSigns(key: Key, signs: Vector): void {
  const words = new Uint32Array(Math.ceil(signs.length / 32));
  bits(key, words);
  for (let i = 0, word = 0; i < signs.length; i++) {
    word = (i & 31) === 0 ? words[i >> 5]! : word >>> 1;
    signs[i] = (word & 1) === 0 ? -1 : 1;
  }
}
