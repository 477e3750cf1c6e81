import type { Schedule } from "../types.ts";

/** Every training has `horizon` inner steps. */
export function constant(horizon: number): Schedule {
  return {
    name: "constant",
    settings: { horizon },
    longest: horizon,
    initial: () => ({}),
    horizon: () => horizon,
    validationHorizon: () => horizon,
    stage: () => 0,
  };
}
