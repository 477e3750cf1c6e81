import { type SpecRegistry, specEntry } from "../spec.ts";
import { lstm, lstmParameters } from "./lstm.ts";
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
};
