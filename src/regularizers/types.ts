import type { Objective } from "../tasks/types.ts";

/**
 * Maps an objective to a regularized one: R(L)(w) and its gradient. The same function serves as meta-loss, as
 * explicit regularizer in training, and in evaluation.
 */
export type RegularizerFunction = (objective: Objective) => Objective;

/** The measures of sharpness that regularizers are made to lower: what is largest in a ball around a point, or at it. */
export type LoweredMeasure =
  | "maxLoss"
  | "surrogateGap"
  | "maxGradientNorm"
  | "trace"
  | "topEigenvalue"
  | "gradientNorm";

/** Evaluations of the plain objective; a Hessian-vector product by differences is two gradients. */
export interface Cost {
  readonly gradients: number;
  /** Forward passes without a gradient. */
  readonly losses: number;
}

/** A regularizer with a name and its settings, as spec strings (`sam:rho=0.05`) build them, and what it says of itself. */
export interface Regularizer {
  readonly name: string;
  /** What tables call it: `SAM`. */
  readonly label: string;
  readonly settings: Readonly<Record<string, number>>;
  /** The measure of sharpness it is made to lower, if one. */
  readonly lowers?: LoweredMeasure;
  /**
   * What one `lossAndGradient` and one `loss` of the regularized objective cost. One gradient less where the plain one
   * is known, of those that take it.
   */
  readonly cost: { readonly lossAndGradient: Cost; readonly loss: Cost };
  readonly apply: RegularizerFunction;
  /** The same with other settings, of those that a spec string builds. */
  readonly with?: (settings: Readonly<Record<string, number>>) => Regularizer;
}

/** The cost of the plain objective: what a regularizer costs whose settings switch it off. */
export const PLAIN_COST: Regularizer["cost"] = {
  lossAndGradient: { gradients: 1, losses: 0 },
  loss: { gradients: 0, losses: 1 },
};
