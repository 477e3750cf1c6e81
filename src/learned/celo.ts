import { type Layout, layoutOf } from "../kernels/types.ts";
import { type Settings, settle } from "../spec.ts";
import { celoSchedule, scheduleSlots } from "./celo-schedule.ts";
import { celoInputs, celoMatrixInputs } from "./celo2.ts";
import { perceptronSlots, tensorwise } from "./tensorwise.ts";
import type { LearnedOptimizer } from "./types.ts";

/** Settings of `celo`. */
export const celoParameters = {
  schedule: {
    default: 1,
    min: 0,
    max: 1,
    integer: true,
    description: "1: steps by the learned schedule, which reads loss and horizon; 0: by the rule alone",
  },
} as const;

const HIDDEN = 4;

/** Slots of φ: 159 + 35,649 numbers. */
export const celoLayout: Layout = layoutOf([...perceptronSlots(30, HIDDEN, 3), ...scheduleSlots]);

/**
 * Celo: an update rule with a learned schedule, and no learning rate. The rule is a network coordinate by coordinate on
 * thirty functions of gradient, parameter and moments, each divided by its root mean square over the tensor:
 * 30 → 4 → 4 → 3 with ReLU, of whose outputs two are used. The schedule is an LSTM on the training loss and the fraction of
 * the training that is over.
 *
 * (d, a) = MLP(…); w ← w − λ_t·0.001·√(mean(w²) + 1e-9)·d·exp(0.001·a).
 *
 * @throws {LowlandError} E_CONFIG, in use, where loss or horizon is not given
 * @see Moudgil et al., "Celo: Training versatile learned optimizers on a compute diet", 2025
 */
export function celo(options: Partial<Settings<typeof celoParameters>> = {}): LearnedOptimizer {
  const settings = settle("learned optimizer celo", celoParameters, options);
  const { vector } = celoVectorInputs;
  return tensorwise({
    name: "celo",
    settings,
    free: ["schedule"],
    layout: celoLayout,
    kernel: "Celo",
    hidden: HIDDEN,
    outputs: 2,
    momenta: 3,
    factored: true,
    groups: "tensor",
    orthogonal: false,
    lr: 1,
    decay: 0,
    decays: () => [0.1, 0.01, 0.001, 0.001, 0.1, 0.01, 0.001],
    inputs: { ...celoMatrixInputs, vector, time: [] },
    ...(settings.schedule === 1 && {
      reads: { loss: true, horizon: true },
      schedule: celoSchedule(celoLayout),
    }),
  });
}

/** Of a vector rows and columns are the same. */
const celoVectorInputs = {
  vector: [
    ...celoInputs,
    ...([
      [15, 18],
      [16, 19],
      [17, 20],
      [21, 24],
      [22, 25],
      [23, 26],
    ] as const),
    ...([27, 28, 29] as const),
  ],
} as const;
