import { layoutOf, type Slot } from "../../src/kernels/types.ts";
import { learnedOptimizers } from "../../src/learned/registry.ts";
import type { Tensor } from "../../src/runs/safetensors.ts";
import { buildSpec } from "../../src/spec.ts";

/** Rows of the fourteen blocks that Celo's and Celo2's first layer is published in. */
const BLOCKS = [1, 1, 1, 3, 1, 3, 1, 3, 1, 3, 3, 3, 3, 3];

/** What a slot of weights drawn as 0, 1, 2 … is called, and how it is cut, by the authors. */
type Names = (slot: Slot) => readonly (readonly [name: string, shape: readonly number[]])[];

const blocks =
  (prefix: string): Names =>
  ({ name, shape }) => {
    const [, layer, kind] = name.split(".");
    return name === "mlp.0.w"
      ? BLOCKS.map((rows, block) => [`${prefix}w0__${block}`, [1, rows, shape[1]!]])
      : [[`${prefix}${kind}${layer}`, [1, ...shape]]];
  };

const recurrent: Names = ({ name, shape }) => [
  [
    {
      "input.w": "rp/input_projection/w:0",
      "input.b": "rp/input_projection/b:0",
      "lstm.0.w_gates": "rp/lstm_1/w_gates:0",
      "lstm.0.b_gates": "rp/lstm_1/b_gates:0",
      "lstm.1.w_gates": "rp/lstm_2/w_gates:0",
      "lstm.1.b_gates": "rp/lstm_2/b_gates:0",
      "linear.w": "rp/linear/w:0",
      "linear.b": "rp/linear/b:0",
    }[name]!,
    shape,
  ],
];

const names: Readonly<Record<string, Names>> = {
  celo: (slot) => {
    if (slot.name.startsWith("mlp.")) return blocks("ff_mod_stack.~.")(slot);
    const name = {
      "schedule.hidden": "lstm_init_state.hidden",
      "schedule.cell": "lstm_init_state.cell",
      "schedule.skip.w": "rnn_params.linear_2.w",
      "schedule.skip.b": "rnn_params.linear_2.b",
      "schedule.relu.w": "rnn_params.linear_1.w",
      "schedule.relu.b": "rnn_params.linear_1.b",
      "schedule.lstm.w": "rnn_params.rnn/linear.w",
      "schedule.lstm.b": "rnn_params.rnn/linear.b",
      "schedule.rate.w": "rnn_params.step_size.w",
      "schedule.rate.b": "rnn_params.step_size.b",
    }[slot.name]!;
    return [[name, slot.shape]];
  },
  celo2: blocks("ff_mod_stack.~."),
  "adafac-mlp": ({ name, shape }) => {
    const [part, layer, kind] = name.split(".");
    const decays = { momentum: "momentum_decays", second: "rms_decays", factored: "adafactor_decays" };
    return [[part === "decays" ? decays[layer as keyof typeof decays] : `nn.~.${kind}${layer}`, shape]];
  },
  mlp: ({ name, shape }) => [[name.replace(/^mlp\.(\d)/, "mlp/~/linear_$1"), shape]],
  rnnprop: recurrent,
  lstm: recurrent,
};

/** Tensors as an architecture's authors name them; of Lowland's vector, entry i is i. */
export function published(spec: string): Record<string, Tensor> {
  const learned = buildSpec(spec, "learned optimizer", learnedOptimizers);
  return Object.fromEntries(
    layoutOf(learned.layout.slots).slots.flatMap((slot) => {
      let at = slot.offset;
      return names[learned.name]!(slot).map(([name, shape]) => {
        const size = shape.reduce((product, extent) => product * extent, 1);
        const data = Float32Array.from({ length: size }, (_, i) => at + i);
        at += size;
        return [name, { shape, data }] as const;
      });
    }),
  );
}
