import { type Layout, layoutOf } from "../kernels/types.ts";
import { type Settings, settle } from "../spec.ts";
import { perceptronSlots, tensorwise } from "./tensorwise.ts";
import type { LearnedOptimizer } from "./types.ts";

/** Settings of `celo2-base` and `celo2`. */
export const celo2Parameters = {
  lr: { default: 0.001, min: 0, description: "learning rate: root mean square of a tensor's step" },
  decay: { default: 0, min: 0, description: "weight decay, times the learning rate" },
} as const;

/** Settings of Celo2. */
export type Celo2Options = Partial<Settings<typeof celo2Parameters>>;

const HIDDEN = 8;

/** Slots of φ: 347 numbers, of which 18 have no effect. */
export const celo2Layout: Layout = layoutOf(perceptronSlots(30, HIDDEN, 3));

/** Inputs that Celo and Celo2 have of every coordinate, in the kernels' order. */
export const celoInputs = [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 1, 14] as const;
export const celoMatrixInputs: {
  readonly [of in "matrix" | "rows" | "cols"]: readonly number[];
} = {
  matrix: [...celoInputs, 27, 28, 29],
  rows: [15, 16, 17, 21, 22, 23],
  cols: [18, 19, 20, 24, 25, 26],
};

function celo2Of(name: "celo2-base" | "celo2", options: Celo2Options): LearnedOptimizer {
  const settings = settle(`learned optimizer ${name}`, celo2Parameters, options);
  return tensorwise({
    name,
    settings,
    free: ["lr", "decay"],
    layout: celo2Layout,
    kernel: "Celo2",
    hidden: HIDDEN,
    outputs: 1,
    momenta: 3,
    factored: true,
    groups: "matrix",
    orthogonal: name === "celo2",
    lr: settings.lr,
    decay: settings.decay,
    decays: () => [0.1, 0.01, 0.001, 0.05, 0.1, 0.01, 0.001],
    inputs: { ...celoMatrixInputs, vector: celoInputs, time: [] },
  });
}

/**
 * Celo2-base: a network coordinate by coordinate gives a tensor's direction, the user its size. Thirty functions of
 * gradient, parameter and moments (fifteen of a vector's), each divided by its root mean square over a matrix:
 * 30 → 8 → 8 → 3 with ReLU, of whose outputs the first is used.
 *
 * s = MLP(…)/rms(MLP(…)); w ← w − η·s − λη·w.
 *
 * Of a convolution every position is a matrix of inputs × outputs.
 *
 * @see Moudgil et al., "Celo2", 2026
 */
export function celo2Base(options: Celo2Options = {}): LearnedOptimizer {
  return celo2Of("celo2-base", options);
}

/**
 * Celo2: as Celo2-base, with the directions of matrices made orthogonal by five Newton–Schulz iterations before they are
 * scaled, and biases left to Adam (0.9, 0.95, no bias correction) at twenty times the learning rate.
 *
 * @see Moudgil et al., "Celo2", 2026
 */
export function celo2(options: Celo2Options = {}): LearnedOptimizer {
  return celo2Of("celo2", options);
}
