import { type SpecRegistry, specEntry } from "../spec.ts";
import { adafacMlp, adafacMlpParameters } from "./adafac-mlp.ts";
import { celo, celoParameters } from "./celo.ts";
import { celo2, celo2Base, celo2Parameters } from "./celo2.ts";
import { lstm, lstmParameters } from "./lstm.ts";
import { mlp, mlpParameters } from "./mlp.ts";
import { rnnprop, rnnpropParameters } from "./rnnprop.ts";
import type { LearnedOptimizer } from "./types.ts";

/** Every architecture `--learned` can name. */
export const learnedOptimizers: SpecRegistry<LearnedOptimizer> = {
  lstm: specEntry({
    description: "coordinate-wise LSTM on LogAndSign gradients (two layers)",
    parameters: lstmParameters,
    create: lstm,
  }),
  rnnprop: specEntry({
    description: "coordinate-wise LSTM on gradients relative to their mean square (two layers)",
    parameters: rnnpropParameters,
    create: rnnprop,
  }),
  mlp: specEntry({
    description: "coordinate-wise network on gradient, parameter and six momenta, normalized over tensors",
    parameters: mlpParameters,
    create: mlp,
  }),
  "adafac-mlp": specEntry({
    description: "small network on gradient and moments, Adafactor's among them, with learned decays",
    parameters: adafacMlpParameters,
    create: adafacMlp,
  }),
  "celo2-base": specEntry({
    description: "Celo2 without orthogonal steps: the network gives a tensor's direction, lr its size",
    parameters: celo2Parameters,
    create: celo2Base,
  }),
  celo2: specEntry({
    description: "Celo2: directions of matrices orthogonal, biases by Adam",
    parameters: celo2Parameters,
    create: celo2,
  }),
  celo: specEntry({
    description: "Celo: update rule and schedule are learned; no learning rate, reads loss and horizon",
    parameters: celoParameters,
    create: celo,
  }),
};
