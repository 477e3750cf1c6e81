import { LowlandError } from "../errors.ts";
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

/** Slots of φ: 159 + 35,713 numbers. */
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

/** What the published weights call the layers of the schedule. */
const PUBLISHED = { relu: "linear_1", skip: "linear_2", lstm: "rnn/linear", rate: "step_size" } as const;

/**
 * φ of `celo` from the tensors of the authors' file (`theta.state`), by their names: `ff_mod_stack.~.w0__0` …,
 * `lstm_init_state.hidden`, `rnn_params.rnn/linear.w` …. What has no effect there is left out.
 *
 * @throws {LowlandError} E_CHECKPOINT if a tensor is missing or of another size
 */
export function celoFromPublished(
  tensors: ReadonlyMap<string, { readonly data: ArrayLike<number> }>,
): Float32Array {
  const metaParams = new Float32Array(celoLayout.size);
  const read = (name: string): number[] => {
    const tensor = tensors.get(name);
    if (tensor !== undefined) return Array.from(tensor.data);
    throw new LowlandError(
      "E_CHECKPOINT",
      `tensor "${name}" of Celo is missing; use the authors' theta.state`,
    );
  };
  for (const { name, offset, size } of celoLayout.slots) {
    const [part, layer, kind] = name.split(".") as [string, string, string];
    const published = PUBLISHED[layer as keyof typeof PUBLISHED];
    const data =
      name === "mlp.0.w"
        ? Array.from({ length: 14 }, (_, block) => read(`ff_mod_stack.~.w0__${block}`)).flat()
        : part === "mlp"
          ? read(`ff_mod_stack.~.${kind}${layer}`)
          : read(published === undefined ? `lstm_init_state.${layer}` : `rnn_params.${published}.${kind}`);
    if (data.length !== size) {
      throw new LowlandError(
        "E_CHECKPOINT",
        `${name} of Celo has ${data.length} numbers, not ${size}; use the authors' theta.state`,
      );
    }
    metaParams.set(data, offset);
  }
  return metaParams;
}
