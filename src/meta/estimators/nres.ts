import { type Settings, settle } from "../../spec.ts";
import type { Estimator } from "../types.ts";
import { onlineParameters, openOnline } from "./online.ts";

/**
 * Noise-reuse evolution strategies: as `pes`, but a training keeps its first perturbation ε ~ N(0, σ²I) in all its windows,
 *
 * g = Σ_{t in window} (ℓ_t⁺ − ℓ_t⁻)·ε / (2σ²), times 1/W for a mean over steps.
 *
 * Summed over the windows of a training it is what `es` gives for all of it: unbiased for the same smoothed meta-objective
 * while φ stands still. Where losses late in a training answer to what early windows did, its variance is below that of
 * `pes`, whose sum of perturbations grows with every window.
 *
 * @see Li, Harrison, Sohl-Dickstein, Smith, Metz, "Noise-reuse in online evolution strategies", 2023; Vicol,
 * "Low-variance gradient estimation in unrolled computation graphs with ES-Single", 2023
 */
export function nres(options: Partial<Settings<typeof onlineParameters>> = {}): Estimator {
  const { sigma, truncation } = settle("estimator nres", onlineParameters, options);
  return {
    name: "nres",
    settings: { sigma, truncation },
    window: truncation,
    open: openOnline({ sigma, truncation, noise: "reused" }),
  };
}
