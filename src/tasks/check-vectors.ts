import { LowlandError } from "../errors.ts";
import type { Layout, Vector } from "../kernels/types.ts";
import type { Key } from "../random/key.ts";
import type { Objective } from "./types.ts";

/**
 * Refuses a vector that does not fit a layout, or is of another precision than the parameters, before a kernel sees it.
 *
 * @throws {LowlandError} E_SHAPE
 */
export function checkVector(
  what: string,
  vector: Vector,
  layout: Pick<Layout, "size">,
  params: Vector = vector,
): void {
  if (vector.length === layout.size && vector.BYTES_PER_ELEMENT === params.BYTES_PER_ELEMENT) return;
  const kind = (of: Vector): string => (of instanceof Float32Array ? "float32" : "float64");
  throw new LowlandError(
    "E_SHAPE",
    `${what} has ${vector.length} ${kind(vector)} entries, this takes ${layout.size} of ${kind(params)}, as params are; make it new ${params.constructor.name}(${layout.size})`,
  );
}

/** A plain objective whose vectors are checked: `run` returns the loss, and writes its gradient where it is given a vector. */
export function checkedObjective(
  layout: Layout,
  run: (params: Vector, batch: Key, gradient: Vector | undefined) => number,
): Objective {
  return {
    layout,
    loss(params, batch, known) {
      checkVector("params", params, layout);
      return known?.loss ?? run(params, batch, undefined);
    },
    lossAndGradient(params, batch, gradient) {
      checkVector("params", params, layout);
      checkVector("gradient", gradient, layout, params);
      return run(params, batch, gradient);
    },
  };
}
