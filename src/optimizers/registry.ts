import { type SpecRegistry, specEntry } from "../spec.ts";
import { adam, adamw, lion, momentum, nesterov, rmsprop, sgd } from "./first-order.ts";
import { muon } from "./muon.ts";
import {
  adamParameters,
  adamwParameters,
  lionParameters,
  momentumParameters,
  muonParameters,
  rmspropParameters,
  sgdParameters,
  soapParameters,
} from "./parameters.ts";
import { soap } from "./soap.ts";
import type { Optimizer } from "./types.ts";

/** Every hand-designed optimizer a spec string can name. */
export const optimizers: SpecRegistry<Optimizer> = {
  sgd: specEntry({ description: "stochastic gradient descent", parameters: sgdParameters, create: sgd }),
  momentum: specEntry({
    description: "heavy-ball momentum",
    parameters: momentumParameters,
    create: momentum,
  }),
  nesterov: specEntry({ description: "Nesterov momentum", parameters: momentumParameters, create: nesterov }),
  rmsprop: specEntry({ description: "RMSProp", parameters: rmspropParameters, create: rmsprop }),
  adam: specEntry({ description: "Adam", parameters: adamParameters, create: adam }),
  adamw: specEntry({
    description: "Adam with decoupled weight decay",
    parameters: adamwParameters,
    create: adamw,
  }),
  lion: specEntry({
    description: "Lion: the sign of two momenta, steps of one length",
    parameters: lionParameters,
    create: lion,
  }),
  muon: specEntry({
    description: "Muon: orthogonal momentum on matrices, AdamW on the rest",
    parameters: muonParameters,
    create: muon,
  }),
  soap: specEntry({
    description: "SOAP: Adam in the eigenbases of Shampoo, for matrices of up to some hundred rows",
    parameters: soapParameters,
    create: soap,
  }),
};
