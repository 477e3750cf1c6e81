import { type Settings, settle } from "../../spec.ts";
import type { Moment, Regularization } from "./types.ts";

export const scheduleParameters = {
  setting: { default: "weight", description: "what of the regularizer is scheduled: weight, rho, alpha, …" },
  from: { default: 0, description: "its value at the start" },
  to: { default: 1, description: "its value at the end" },
  along: {
    default: "outer",
    choices: ["outer", "inner", "horizon", "update"],
    description:
      "what it follows: outer steps, inner steps, the share of a training that is done, or the length of the last update",
  },
  start: { default: 0, min: 0, description: "where it begins to change, in units of what it follows" },
  over: { default: 1, exclusiveMin: 0, description: "how far on it has come to its end, in the same units" },
  shape: { default: "linear", choices: ["linear", "cosine"], description: "how it gets there" },
} as const;

/** Where along its way a schedule is: what it follows, in its own units. */
const PLACES: Readonly<Record<string, (moment: Moment) => number>> = {
  outer: ({ outerStep }) => outerStep,
  inner: ({ innerStep }) => innerStep,
  horizon: ({ innerStep, horizon }) => innerStep / horizon,
  update: ({ update }) => update,
};

/**
 * A setting of the regularizer as a function of the outer step, the inner step or the size of the learned optimizer's own
 * steps.
 *
 * value = from + (to − from)·s, s = clip((x − start)/over, 0, 1), or ½(1 − cos πs) with `cosine`. Warm-up of the weight:
 * `schedule:over=500`; ρ that follows the step length as GSAM's does: `schedule:setting=rho,to=0.1,along=update,over=0.5`.
 *
 * @see Zhuang et al., "Surrogate Gap Minimization Improves Sharpness-Aware Training", 2022, §4.3, for the last
 */
export function scheduled(options: Partial<Settings<typeof scheduleParameters>> = {}): Regularization {
  const settings = settle("regularization schedule", scheduleParameters, options);
  const { setting, from, to, along, start, over, shape } = settings;
  const at = (moment: Moment): number => {
    const share = Math.min(1, Math.max(0, (PLACES[along]!(moment) - start) / over));
    return from + (to - from) * (shape === "cosine" ? 0.5 * (1 - Math.cos(Math.PI * share)) : share);
  };
  return {
    name: "schedule",
    settings,
    changes: [setting],
    readsUpdate: along === "update",
    initial: () => ({}),
    inForce: (_state, moment) => ({ settings: { [setting]: at(moment) } }),
    next: (state) => state,
    // what follows an inner training has no one value in an outer step
    numbers: (_state, outerStep) =>
      along === "outer" ? { [setting]: at({ outerStep, innerStep: 0, horizon: 1, update: 0 }) } : {},
  };
}
