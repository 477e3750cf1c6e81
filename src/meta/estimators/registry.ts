import { buildSpec, parseSpec, type SpecRegistry, specEntry } from "../../spec.ts";
import type { Estimator } from "../types.ts";
import { bptt, bpttParameters } from "./bptt.ts";
import { es, esParameters } from "./es.ts";
import { fullBptt } from "./full-bptt.ts";
import { nres } from "./nres.ts";
import { onlineParameters } from "./online.ts";
import { pes } from "./pes.ts";

/** Every gradient estimator that `--estimator` can name. */
export const estimators: SpecRegistry<Estimator> = {
  bptt: specEntry({
    description: "truncated backpropagation: low variance, blind beyond a window",
    parameters: bpttParameters,
    create: bptt,
  }),
  "full-bptt": specEntry({
    description: "backpropagation through whole trainings, checkpointed",
    parameters: {},
    create: fullBptt,
  }),
  es: specEntry({
    description: "evolution strategies over whole trainings: unbiased, any architecture",
    parameters: esParameters,
    create: es,
  }),
  pes: specEntry({
    description: "persistent evolution strategies: unbiased from windows, any architecture",
    parameters: onlineParameters,
    create: pes,
  }),
  nres: specEntry({
    description:
      "noise-reuse evolution strategies: as pes, with one perturbation for all windows of a training",
    parameters: onlineParameters,
    create: nres,
  }),
};

/** Steps of the windows of an estimator by spec string; undefined for whole trainings, and for a module, which is not loaded. */
export function windowOf(spec: string): number | undefined {
  return parseSpec(spec).path === undefined ? buildSpec(spec, "estimator", estimators).window : undefined;
}
