import { type Settings, settle } from "../../spec.ts";
import type { Regularization } from "./types.ts";

export const dualParameters = {
  tau: { default: 0.01, min: 0, description: "τ: what the regularizer may add, as a share of the loss" },
  rate: { default: 1, exclusiveMin: 0, description: "step of the multiplier" },
  from: { default: 0, min: 0, description: "the multiplier at the start" },
  most: { default: 100, exclusiveMin: 0, description: "the largest multiplier" },
} as const;

/**
 * The plain meta-loss subject to sharpness ≤ τ, by dual ascent: the weight of the regularizer is a multiplier λ.
 *
 * Meta-loss L + λ(R − L); after an outer step λ ← max(0, λ + rate·(S − τ)), S = Σ(R − L)/ΣL over the terms of each
 * instance, averaged over them: a share of the loss, so that one τ serves all tasks. L in the bound τL is held constant.
 *
 * @see Bertsekas, "Nonlinear Programming", §7.3 (dual ascent)
 */
export function dual(options: Partial<Settings<typeof dualParameters>> = {}): Regularization {
  const settings = settle("regularization dual", dualParameters, options);
  const { tau, rate, from, most } = settings;
  const multiplier = (state: { readonly lambda?: unknown }): number => state.lambda as number;
  return {
    name: "dual",
    settings,
    changes: ["weight"],
    observes: true,
    initial: () => ({ lambda: from }),
    inForce: (state) => ({ settings: { weight: multiplier(state) } }),
    next: (state, { added }) =>
      added === undefined
        ? state
        : { lambda: Math.min(most, Math.max(0, multiplier(state) + rate * (added - tau))) },
    numbers: (state) => ({ lambda: multiplier(state) }),
  };
}
