import type { NumberParameter, TextParameter } from "../spec.ts";

const rate = (value: number): NumberParameter => ({ default: value, min: 0, description: "learning rate" });
const decay = (value: number, description: string): NumberParameter => ({
  default: value,
  min: 0,
  max: 1,
  description,
});
const eps: NumberParameter = {
  default: 1e-8,
  exclusiveMin: 0,
  description: "added to the root of the second moment",
};

/** Settings of these names, all numbers. */
type Table<Name extends string> = Readonly<Record<Name, NumberParameter>>;

/** Settings of the hand-designed optimizers: what spec strings, listings and checks are made from. */
export const sgdParameters: Table<"lr"> = { lr: rate(0.1) };
export const momentumParameters: Table<"lr" | "momentum"> = {
  lr: rate(0.1),
  momentum: decay(0.9, "share of the velocity kept"),
};
export const rmspropParameters: Table<"lr" | "decay" | "eps"> = {
  lr: rate(0.001),
  decay: decay(0.9, "decay of the mean square"),
  eps,
};
export const adamParameters: Table<"lr" | "b1" | "b2" | "eps"> = {
  lr: rate(0.001),
  b1: decay(0.9, "decay of the first moment"),
  b2: decay(0.999, "decay of the second moment"),
  eps,
};
export const adamwParameters: Table<"lr" | "b1" | "b2" | "eps" | "decay"> = {
  ...adamParameters,
  decay: { default: 0.01, min: 0, description: "weight decay, times the learning rate" },
};
export const soapParameters: Table<"lr" | "b1" | "b2" | "decay" | "frequency" | "maxDimension" | "eps"> = {
  lr: rate(0.003),
  b1: decay(0.95, "decay of the first moment"),
  b2: decay(0.95, "decay of the second moment, in the eigenbasis"),
  decay: decay(0.95, "decay of the covariances"),
  frequency: { default: 10, min: 1, integer: true, description: "steps between two eigendecompositions" },
  maxDimension: {
    default: 256,
    min: 1,
    integer: true,
    description: "sides longer than this keep their axes",
  },
  eps,
};
export const lionParameters: Table<"lr" | "b1" | "b2" | "decay"> = {
  lr: rate(1e-4),
  b1: decay(0.9, "weight of the momentum in the direction"),
  b2: decay(0.99, "decay of the momentum"),
  decay: { default: 0, min: 0, description: "weight decay, times the learning rate" },
};
export const muonParameters: Table<
  "lr" | "momentum" | "iterations" | "decay" | "adamLr" | "b1" | "b2" | "eps"
> & { readonly matrices: TextParameter } = {
  lr: rate(0.02),
  momentum: decay(0.95, "decay of the momentum"),
  iterations: { default: 5, min: 1, integer: true, description: "Newton-Schulz iterations" },
  decay: { default: 0, min: 0, description: "weight decay, times the learning rate" },
  matrices: { default: "weights", description: "parameters that are orthogonalized where they are matrices" },
  adamLr: { default: 0.001, min: 0, description: "learning rate of AdamW on everything else" },
  b1: decay(0.9, "decay of its first moment"),
  b2: decay(0.95, "decay of its second moment"),
  eps,
};
