import { type NumberParameter, type SpecRegistry, specEntry } from "../spec.ts";
import { adam, adamw, momentum, nesterov, rmsprop, sgd } from "./first-order.ts";
import { soap } from "./soap.ts";
import type { Optimizer } from "./types.ts";

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
const moments = {
  b1: decay(0.9, "decay of the first moment"),
  b2: decay(0.999, "decay of the second moment"),
  eps,
};

/** Every hand-designed optimizer a spec string can name. */
export const optimizers: SpecRegistry<Optimizer> = {
  sgd: specEntry({
    description: "stochastic gradient descent",
    parameters: { lr: rate(0.1) },
    create: sgd,
  }),
  momentum: specEntry({
    description: "heavy-ball momentum",
    parameters: { lr: rate(0.1), momentum: decay(0.9, "share of the velocity kept") },
    create: momentum,
  }),
  nesterov: specEntry({
    description: "Nesterov momentum",
    parameters: { lr: rate(0.1), momentum: decay(0.9, "share of the velocity kept") },
    create: nesterov,
  }),
  rmsprop: specEntry({
    description: "RMSProp",
    parameters: { lr: rate(0.001), decay: decay(0.9, "decay of the mean square"), eps },
    create: rmsprop,
  }),
  adam: specEntry({
    description: "Adam",
    parameters: { lr: rate(0.001), ...moments },
    create: adam,
  }),
  adamw: specEntry({
    description: "Adam with decoupled weight decay",
    parameters: {
      lr: rate(0.001),
      ...moments,
      decay: { default: 0.01, min: 0, description: "weight decay, times the learning rate" },
    },
    create: adamw,
  }),
  soap: specEntry({
    description: "SOAP: Adam in the eigenbases of Shampoo, for matrices of up to some hundred rows",
    parameters: {
      lr: rate(0.003),
      b1: decay(0.95, "decay of the first moment"),
      b2: decay(0.95, "decay of the second moment"),
      decay: decay(0.95, "decay of the covariances"),
      frequency: { default: 10, min: 1, integer: true, description: "steps between two eigendecompositions" },
      maxDimension: {
        default: 256,
        min: 1,
        integer: true,
        description: "sides longer than this keep their axes",
      },
      eps,
    },
    create: soap,
  }),
};
