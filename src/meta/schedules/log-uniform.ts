import { type Key, uniform } from "../../random/key.ts";
import type { Schedule } from "../types.ts";

/**
 * Horizons log-uniform from `low` to `high`, ⌊e^U⌋ with U ~ uniform(ln low, ln (high+1)): short trainings are many, long
 * ones are seen. Meta-validated at `high`.
 *
 * @see Metz et al., "Practical tradeoffs between memory, compute, and performance in learned optimizers", 2022
 */
export function logUniform(low: number, high: number): Schedule {
  return {
    name: "log-uniform",
    settings: { low, high },
    longest: high,
    initial: () => ({}),
    horizon: (_state, key) =>
      Math.min(high, Math.floor(Math.exp(drawn(key, Math.log(low), Math.log(high + 1))))),
    validationHorizon: () => high,
    stage: () => 0,
  };
}

function drawn(key: Key, min: number, max: number): number {
  const out = new Float64Array(1);
  uniform(key, out, { min, max });
  return out[0]!;
}
