import { buildSpec, type ParameterTable, type SpecRegistry, specEntry } from "../spec.ts";
import { asam, asamParameters } from "./asam.ts";
import { gam, gamParameters } from "./gam.ts";
import { gamFd, gamFdParameters } from "./gam-fd.ts";
import { gsam, gsamParameters } from "./gsam.ts";
import { sam, samParameters } from "./sam.ts";
import type { Regularizer, RegularizerFunction } from "./types.ts";

/** Every regularizer a spec string can name. */
export const regularizers: SpecRegistry<Regularizer> = {
  none: specEntry({
    description: "the plain objective",
    parameters: {},
    create: () => noRegularizer,
  }),
  sam: specEntry({
    description: "the loss one ascent step away (2 gradients)",
    parameters: samParameters,
    create: sam,
  }),
  asam: specEntry({
    description: "SAM with the step relative to the size of each weight (2 gradients)",
    parameters: asamParameters,
    create: asam,
  }),
  gsam: specEntry({
    description: "SAM and, orthogonally, the gap between perturbed and plain loss (2 gradients)",
    parameters: gsamParameters,
    create: gsam,
  }),
  gam: specEntry({
    description: "loss and largest gradient norm nearby, by Hessian-vector products (6 gradients)",
    parameters: gamParameters,
    create: gam,
  }),
  "gam-fd": specEntry({
    description: "GAM as its authors released it, by gradient differences (4 gradients)",
    parameters: gamFdParameters,
    create: gamFd,
  }),
};

/** The names a spec string can start with, `none` first. */
export const regularizerNames: readonly string[] = Object.keys(regularizers);

/** The identity: leaves the objective as it is. */
export const noRegularizer: Regularizer = { name: "none", settings: {}, apply: (objective) => objective };

/** A regularizer as `lowland regularizers` lists it. */
export interface RegularizerDescription {
  readonly name: string;
  readonly description: string;
  readonly parameters: ParameterTable;
}

/** Name, purpose and settings of every registered regularizer. */
export function describeRegularizers(): RegularizerDescription[] {
  return Object.entries(regularizers).map(([name, { description, parameters }]) => ({
    name,
    description,
    parameters,
  }));
}

/**
 * Builds the regularizer a spec string names.
 *
 * @throws LowlandError `E_CONFIG` on an unknown name or setting, with a suggestion, or a value out of range
 * @example
 * makeRegularizer("gsam:rho=0.1,alpha=0.2");
 */
export function makeRegularizer(spec: string): Regularizer {
  return buildSpec(spec, "regularizer", regularizers);
}

/**
 * Gives a regularizer of your own a name, so that it can be used wherever a registered one can.
 *
 * @param settings what to record beside the name
 * @example
 * const halved = defineRegularizer("halved", (objective) => ({
 *   layout: objective.layout,
 *   lossAndGradient(params, batch, gradient) {
 *     const loss = objective.lossAndGradient(params, batch, gradient);
 *     for (let i = 0; i < gradient.length; i++) gradient[i] = gradient[i]! / 2;
 *     return loss / 2;
 *   },
 * }));
 */
export function defineRegularizer(
  name: string,
  apply: RegularizerFunction,
  settings: Readonly<Record<string, number>> = {},
): Regularizer {
  return { name, settings, apply };
}
