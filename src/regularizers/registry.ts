import { LowlandError } from "../errors.ts";
import {
  buildSpec,
  type ParameterTable,
  type SettingValue,
  type SpecEntry,
  type SpecRegistry,
  specEntry,
} from "../spec.ts";
import { completeObjective, type ObjectiveDefinition } from "../tasks/complete.ts";
import type { Objective } from "../tasks/types.ts";
import { asam, asamParameters } from "./asam.ts";
import { ASCENT_COST } from "./ascent.ts";
import { eigenvalue, eigenvalueParameters } from "./eigenvalue.ts";
import { gam, gamParameters } from "./gam.ts";
import { gamFd, gamFdParameters } from "./gam-fd.ts";
import { gradientNorm, gradientNormParameters } from "./gradient-norm.ts";
import { gsam, gsamParameters } from "./gsam.ts";
import { maxLoss, maxLossParameters } from "./max-loss.ts";
import { noise, noiseParameters } from "./noise.ts";
import { sam, samParameters } from "./sam.ts";
import { type Cost, PLAIN_COST, type Regularizer } from "./types.ts";
import { WEIGHT, weighted } from "./weighted.ts";

/** Declares a regularizer that a weight can be put on. */
function entry<const P extends ParameterTable>(
  own: Parameters<typeof specEntry<Regularizer, P>>[0],
): SpecEntry<Regularizer> {
  const { description, parameters, create } = specEntry<Regularizer, P>(own);
  return {
    description,
    parameters: { ...parameters, weight: WEIGHT },
    create: (settings) => built(create, settings),
  };
}

function built(
  create: SpecEntry<Regularizer>["create"],
  settings: Readonly<Record<string, SettingValue>>,
): Regularizer {
  const { weight, ...own } = settings;
  return {
    ...weighted(create(own), weight as number),
    with: (changed) => built(create, { ...settings, ...changed }),
  };
}

/** Every regularizer a spec string can name. */
export const regularizers: SpecRegistry<Regularizer> = {
  none: specEntry({
    description: "the plain objective",
    parameters: {},
    create: () => noRegularizer,
  }),
  sam: entry({
    description: "the loss one ascent step away (2 gradients)",
    parameters: samParameters,
    create: sam,
  }),
  asam: entry({
    description: "SAM with the step relative to the size of each weight (2 gradients)",
    parameters: asamParameters,
    create: asam,
  }),
  gsam: entry({
    description: "SAM and, orthogonally, the gap between perturbed and plain loss (2 gradients)",
    parameters: gsamParameters,
    create: gsam,
  }),
  gam: entry({
    description: "loss and largest gradient norm nearby, by Hessian-vector products (6 gradients)",
    parameters: gamParameters,
    create: gam,
  }),
  "gam-fd": entry({
    description: "GAM as its authors released it, by gradient differences (4 gradients)",
    parameters: gamFdParameters,
    create: gamFd,
  }),
  noise: entry({
    description: "the mean loss at a distance in random directions (2 gradients)",
    parameters: noiseParameters,
    create: noise,
  }),
  "gradient-norm": entry({
    description: "loss and gradient norm (3 gradients; its value costs nothing more)",
    parameters: gradientNormParameters,
    create: gradientNorm,
  }),
  pga: entry({
    description: "the largest loss in a ball, by projected gradient ascent (4 gradients)",
    parameters: maxLossParameters,
    create: maxLoss,
  }),
  eigenvalue: entry({
    description: "the mean loss to either side along the sharpest direction, by Lanczos (9 gradients)",
    parameters: eigenvalueParameters,
    create: eigenvalue,
  }),
};

/** The names a spec string can start with, `none` first. */
export const regularizerNames: readonly string[] = Object.keys(regularizers);

/** The identity: leaves the objective as it is. */
export const noRegularizer: Regularizer = {
  name: "none",
  label: "none",
  settings: {},
  cost: PLAIN_COST,
  apply: (objective) => objective,
};

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
  if (/\+(?=[A-Za-z])/.test(spec)) {
    throw new LowlandError("E_CONFIG", `${spec} joins regularizers, which are not sums; keep one`);
  }
  return buildSpec(spec, "regularizer", regularizers);
}

/** What a regularizer of your own may say of itself beside its function and its name. */
export interface RegularizerDefinition extends Partial<Pick<Regularizer, "label" | "settings" | "lowers">> {
  /** Default: two gradients, or a gradient and a loss. */
  readonly cost?: { readonly lossAndGradient: Cost; readonly loss: Cost };
}

/**
 * Gives a regularizer of your own a name, so that it can be used wherever a registered one can.
 *
 * @param apply objective → objective; where the result has no `loss`, it is that of `lossAndGradient`
 * @param about how tables call it, its settings, the sharpness it lowers, its cost
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
  apply: (objective: Objective) => ObjectiveDefinition,
  { label = name, settings = {}, lowers, cost = ASCENT_COST }: RegularizerDefinition = {},
): Regularizer {
  return {
    name,
    label,
    settings,
    ...(lowers && { lowers }),
    cost,
    apply: (objective) => completeObjective(apply(objective)),
  };
}
