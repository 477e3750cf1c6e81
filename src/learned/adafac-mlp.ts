import { kernels } from "../kernels/module.ts";
import { type Layout, layoutOf, type Vector } from "../kernels/types.ts";
import { settle } from "../spec.ts";
import { perceptronSlots, range, tensorwise } from "./tensorwise.ts";
import type { LearnedOptimizer } from "./types.ts";

/** Settings of `adafac-mlp`: it has none. */
export const adafacMlpParameters = {} as const;

const HIDDEN = 4;
/** 1 − β₀ of the momenta, the second moment and the factored ones. */
const RESTS = [0.1, 0.01, 0.001, 0.001, 0.1, 0.01, 0.001] as const;

/** Slots of φ: 197 numbers. */
export const adafacMlpLayout: Layout = layoutOf([
  { name: "decays.momentum", shape: [3] },
  { name: "decays.second", shape: [1] },
  { name: "decays.factored", shape: [3] },
  ...perceptronSlots(39, HIDDEN, 2),
]);

/** 1 − β = (1 − β₀)·e^{10δ}, of which β is kept in [0, 1] by 1 − β ≤ 1. */
function learnedRests(metaParams: Vector): number[] {
  const { calls, arena } = kernels();
  const own = arena();
  try {
    const exponents = own.float32(RESTS.length);
    for (let i = 0; i < RESTS.length; i++) exponents[i] = 10 * metaParams[i]!;
    calls.exp(exponents.byteOffset, exponents.byteOffset, RESTS.length);
    // momenta may swing past zero, as published
    return RESTS.map((rest, i) => (i < 3 ? rest * exponents[i]! : Math.min(1, rest * exponents[i]!)));
  } finally {
    own.close();
  }
}

/**
 * A small network coordinate by coordinate on 28 functions of gradient, parameter and moments, Adafactor's rows and
 * columns among them, each divided by its root mean square over the tensor, and on eleven functions of the step:
 * 39 → 4 → 4 → 2 with ReLU. The decays of the moments are learned.
 *
 * (d, a) = MLP(…); w ← w − 0.001·d·exp(0.001·a).
 *
 * @see Metz et al., "Practical tradeoffs between memory, compute, and performance in learned optimizers", 2022
 */
export function adafacMlp(): LearnedOptimizer {
  return tensorwise({
    name: "adafac-mlp",
    settings: settle("learned optimizer adafac-mlp", adafacMlpParameters, {}),
    layout: adafacMlpLayout,
    kernel: "Adafac",
    hidden: HIDDEN,
    outputs: 2,
    momenta: 3,
    factored: true,
    groups: "tensor",
    orthogonal: false,
    lr: 1,
    decay: 0,
    decays: learnedRests,
    inputs: {
      matrix: [...range(0, 13), 25, 26, 27],
      rows: [13, 14, 15, 19, 20, 21],
      cols: [16, 17, 18, 22, 23, 24],
      // of a vector rows and columns are the same
      vector: [...range(0, 13), [13, 16], [14, 17], [15, 18], [19, 22], [20, 23], [21, 24], 25, 26, 27],
      time: range(28, 11),
    },
  });
}
