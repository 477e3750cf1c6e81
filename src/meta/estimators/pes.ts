import { type Settings, settle } from "../../spec.ts";
import type { Estimator } from "../types.ts";
import { onlineParameters, openOnline } from "./online.ts";

/**
 * Persistent evolution strategies: an unbiased estimate of the gradient of the smoothed meta-objective from truncated
 * windows of antithetic pairs. In window k of a training ε_k ~ N(0, σ²I), the runs of φ+ε_k and φ−ε_k go on from where
 * those of the windows before ended, on the same minibatches, and
 *
 * g = Σ_{t in window} (ℓ_t⁺ − ℓ_t⁻)·(ε_1 + … + ε_k) / (2σ²), times 1/W for a mean over steps.
 *
 * A training that ends within a window hands over to the next one, with a perturbation and a sum of its own; its last
 * loss counts to it, and every step weighs alike. Needs values of the meta-objective only.
 *
 * @see Vicol, Metz, Sohl-Dickstein, "Unbiased gradient estimation in unrolled computation graphs with persistent
 * evolution strategies", 2021
 */
export function pes(options: Partial<Settings<typeof onlineParameters>> = {}): Estimator {
  const { sigma, truncation } = settle("estimator pes", onlineParameters, options);
  return {
    name: "pes",
    settings: { sigma, truncation },
    window: truncation,
    open: openOnline({ sigma, truncation, noise: "fresh" }),
  };
}
