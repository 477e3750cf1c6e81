import type { Objective } from "../tasks/types.ts";

/**
 * Maps an objective to a regularized one: R(L)(w) and its gradient. The same function serves as meta-loss, as
 * explicit regularizer in training, and in evaluation.
 */
export type RegularizerFunction = (objective: Objective) => Objective;

/** A regularizer with a name and its settings, as spec strings (`sam:rho=0.05`) build them. */
export interface Regularizer {
  readonly name: string;
  readonly settings: Readonly<Record<string, number>>;
  readonly apply: RegularizerFunction;
}
