import { type Layout, layoutOf } from "../kernels/types.ts";
import { power } from "../optimizers/reference.ts";
import { type Settings, settle } from "../spec.ts";
import { coordinatewise } from "./coordinatewise.ts";
import type { BackpropagatingOptimizer } from "./types.ts";

/** Settings of the LSTM optimizer, with the defaults of the literature. */
export const lstmParameters = {
  hidden: {
    default: 20,
    min: 4,
    max: 256,
    integer: true,
    description: "units in each of the two LSTM layers, a multiple of 4",
  },
  // At k = 5 the first gradients of a small network lie in the linear branch, far below 1, and meta-training stood
  // still for hundreds of updates; at 10 it learns within tens.
  k: {
    default: 10,
    min: 1,
    max: 20,
    integer: true,
    description:
      "LogAndSign: gradients below e^-k are passed linearly (10 as in the 2016 paper; its code has 5)",
  },
  scale: { default: 0.01, exclusiveMin: 0, description: "factor of the output" },
  outputInit: {
    default: 1,
    min: 0,
    description: "factor of the output layer's initial weights (1 as published, 0: starts by doing nothing)",
  },
} as const;

/** Slots of two LSTM layers on `inputs` inputs and of the output: gates in the order i, j, f, o. */
export function lstmSlots(
  inputs: number,
  hidden: number,
): { readonly name: string; readonly shape: readonly number[]; readonly kind?: "bias" }[] {
  return [
    { name: "lstm.0.w_gates", shape: [inputs + hidden, 4 * hidden] },
    { name: "lstm.0.b_gates", shape: [4 * hidden], kind: "bias" },
    { name: "lstm.1.w_gates", shape: [2 * hidden, 4 * hidden] },
    { name: "lstm.1.b_gates", shape: [4 * hidden], kind: "bias" },
    { name: "linear.w", shape: [hidden, 1] },
    { name: "linear.b", shape: [1], kind: "bias" },
  ];
}

/** Slots of φ for `hidden` units. */
export function lstmLayout(hidden: number): Layout {
  return layoutOf(lstmSlots(2, hidden));
}

/**
 * The coordinate-wise LSTM optimizer: LogAndSign(g; k) → LSTM(H) → LSTM(H) → linear → × scale, with weights shared by
 * all coordinates and state per coordinate.
 *
 * x = (log|g|/k, sign g) if |g| ≥ e^−k, else (−1, e^k·g); in each layer, gates (i, j, f, o) = [x, h]·W + b,
 * c' = σ(f+1)·c + σ(i)·tanh(j), h' = σ(o)·tanh(c'); u = scale·(h₂·w + b); w ← w + u.
 *
 * Initial weights and biases are truncated normal with σ = 1/√(fan-in); H = 20 has 5,141 weights.
 *
 * @throws {LowlandError} E_CONFIG if a setting is out of range, or `hidden` not a multiple of 4
 * @see Andrychowicz et al., "Learning to learn by gradient descent by gradient descent", 2016
 * @see Sahoo & Krishnan, "Learning Regularizers: Learning Optimizers that can Regularize", 2025
 */
export function lstm(options: Partial<Settings<typeof lstmParameters>> = {}): BackpropagatingOptimizer {
  const settings = settle("learned optimizer lstm", lstmParameters, options);
  const { hidden, k, scale } = settings;
  const expK = power(Math.E, k);
  return coordinatewise({
    name: "lstm",
    settings,
    layout: lstmLayout(hidden),
    stepSettings(_t, out) {
      out.set([scale, expK, 1 / expK, 1 / k]);
    },
  });
}
