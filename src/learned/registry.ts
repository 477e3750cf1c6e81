import { type SpecRegistry, specEntry } from "../spec.ts";
import { lstm, lstmParameters } from "./lstm.ts";
import type { LearnedOptimizer } from "./types.ts";

/** Every architecture `--learned` can name. */
export const learnedOptimizers: SpecRegistry<LearnedOptimizer> = {
  lstm: specEntry({
    description: "coordinate-wise LSTM on LogAndSign gradients (two layers)",
    parameters: lstmParameters,
    create: lstm,
  }),
};
