import { type Layout, layoutOf } from "../kernels/types.ts";
import { settle } from "../spec.ts";
import { perceptronSlots, range, tensorwise } from "./tensorwise.ts";
import type { LearnedOptimizer } from "./types.ts";

/** Settings of `mlp`: it has none. */
export const mlpParameters = {} as const;

const HIDDEN = 32;

/** Slots of φ: 1,762 numbers. */
export const mlpLayout: Layout = layoutOf(perceptronSlots(19, HIDDEN, 2));

/**
 * A network coordinate by coordinate on gradient, parameter and six momenta, each divided by its root mean square over
 * the tensor, and on eleven functions of the step: 19 → 32 → 32 → 2 with ReLU.
 *
 * m ← βm + (1−β)g with β = 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999; (d, a) = MLP([norm(g), norm(w), norm(m), tanh(t/τ − 1)]);
 * w ← w − 0.001·d·exp(0.001·a).
 *
 * @see Metz et al., "Understanding and correcting pathologies in the training of learned optimizers", 2019
 */
export function mlp(): LearnedOptimizer {
  const time = range(8, 11);
  return tensorwise({
    name: "mlp",
    settings: settle("learned optimizer mlp", mlpParameters, {}),
    layout: mlpLayout,
    kernel: "Mlp",
    hidden: HIDDEN,
    outputs: 2,
    momenta: 6,
    factored: false,
    groups: "tensor",
    orthogonal: false,
    lr: 1,
    decay: 0,
    decays: () => [0.9, 0.5, 0.1, 0.01, 0.001, 0.0001],
    inputs: { matrix: range(0, 8), rows: [], cols: [], vector: range(0, 8), time },
  });
}
