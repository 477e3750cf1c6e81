import { LowlandError } from "../../errors.ts";
import type { NumberParameter } from "../../spec.ts";
import type { Metric, Objective, Task } from "../types.ts";

/** A task of a domain of its own, as its settings give it; the name is the one it was asked for by. */
export type Domain = (name: string, files: DomainFiles) => Task;

/** How a domain reads a file of the user's. */
export interface DomainFiles {
  /** @throws {LowlandError} E_DATA where there is none */
  readonly read: (path: string) => Uint8Array;
}

/** What a problem is drawn with. */
export const SEED: NumberParameter = {
  default: 0,
  min: 0,
  integer: true,
  description: "draws the problem",
};

/** ‖w − w*‖/‖w*‖, w* a known optimum. */
export const DISTANCE: Metric = {
  name: "distance",
  label: "distance to the optimum",
  better: "lower",
  compare: "ratio",
  format: "number",
};

/** How far a point lies outside of what is allowed. */
export const VIOLATION: Metric = {
  name: "violation",
  label: "constraint violation",
  better: "lower",
  compare: "difference",
  format: "number",
};

/** Hessian-vector products of an objective whose curvature means nothing. */
export function refusedProducts(
  task: string,
  reason: string,
): NonNullable<Objective["hessianVectorProduct"]> {
  return () => {
    throw new LowlandError(
      "E_CONFIG",
      `task ${task} has no Hessian: ${reason}; use a measure or regularizer without one, such as sam or pga`,
    );
  };
}
