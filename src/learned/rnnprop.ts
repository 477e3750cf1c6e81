import { type Layout, layoutOf } from "../kernels/types.ts";
import { power } from "../optimizers/reference.ts";
import { type Settings, settle } from "../spec.ts";
import { coordinatewise } from "./coordinatewise.ts";
import { lstmSlots } from "./lstm.ts";
import type { BackpropagatingOptimizer } from "./types.ts";

/** Settings of RNNprop, with the defaults of the paper. */
export const rnnpropParameters = {
  hidden: {
    default: 20,
    min: 4,
    max: 256,
    integer: true,
    description: "units of the dense layer and of each of the two LSTM layers, a multiple of 4",
  },
  b1: { default: 0.95, min: 0, max: 0.999999, description: "decay of the mean of the gradients" },
  b2: { default: 0.95, min: 0, max: 0.999999, description: "decay of the mean of their squares" },
  eps: { default: 1e-8, exclusiveMin: 0, description: "added to the root of the mean square" },
  scale: { default: 0.01, exclusiveMin: 0, description: "factor of the output" },
  outputInit: {
    default: 1,
    min: 0,
    description: "factor of the output layer's initial weights (1 as published, 0: starts by doing nothing)",
  },
} as const;

/** Slots of φ for `hidden` units; the inputs of the dense layer are m̃, g̃. */
export function rnnpropLayout(hidden: number): Layout {
  return layoutOf([
    { name: "input.w", shape: [2, hidden] },
    { name: "input.b", shape: [hidden], kind: "bias" },
    ...lstmSlots(hidden, hidden),
  ]);
}

/**
 * RNNprop: (m̃, g̃) → dense(H), ELU → LSTM(H) → LSTM(H) → linear → tanh → × scale, with weights shared by all coordinates
 * and state per coordinate.
 *
 * m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g²; m̃ = m̂/(√v̂ + ε), g̃ = g/(√v̂ + ε) with m̂ = m/(1−β₁^t), v̂ = v/(1−β₂^t), so
 * that the size of the gradients is gone; layers as in `lstm`; u = scale·tanh(h₂·w + b); w ← w + u.
 *
 * Initial weights and biases are truncated normal with σ = 1/√(fan-in); H = 20 has 6,641 weights.
 *
 * @throws {LowlandError} E_CONFIG if a setting is out of range, or `hidden` not a multiple of 4
 * @see Lv, Jiang & Li, "Learning Gradient Descent: Better Generalization and Longer Horizons", 2017
 */
export function rnnprop(options: Partial<Settings<typeof rnnpropParameters>> = {}): BackpropagatingOptimizer {
  const settings = settle("learned optimizer rnnprop", rnnpropParameters, options);
  const { hidden, b1, b2, eps, scale } = settings;
  return coordinatewise({
    name: "rnnprop",
    settings,
    layout: rnnpropLayout(hidden),
    stepSettings(t, out) {
      out.set([scale, b1, 1 - b1, b2, 1 - b2, 1 / (1 - power(b1, t)), 1 / (1 - power(b2, t)), eps]);
    },
  });
}
