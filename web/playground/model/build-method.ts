import {
  decodeWeights,
  formatMethod,
  makeOptimizer,
  makeRegularizer,
  type Optimizer,
  optimizerOf,
  parseMethod,
  type Regularizer,
} from "../../../src/core.ts";
import { withCombinators } from "../../../src/optimizers/method.ts";

/** Weights of learned optimizers by what a spec string calls them: `zoo:NAME`, `file:NAME`, `mine:NAME`. */
export type WeightFiles = Readonly<Record<string, Uint8Array>>;

/** A method as it trains. */
export interface Method {
  readonly optimizer: Optimizer;
  readonly regularizer: Regularizer;
  readonly learned: boolean;
}

/**
 * Builds what a spec string names.
 *
 * @throws {LowlandError} E_CONFIG for unknown names and for weights that are not among `files`; E_CHECKPOINT for damaged ones
 */
export function buildMethod(spec: string, files: WeightFiles): Method {
  const { optimizer, combinators, regularizer } = parseMethod(spec);
  const bytes = files[optimizer];
  const built = { regularizer: makeRegularizer(regularizer), learned: bytes !== undefined };
  if (bytes === undefined) {
    return {
      ...built,
      optimizer: makeOptimizer(formatMethod({ optimizer, combinators, regularizer: "none" })),
    };
  }
  const { learned, metaParams } = decodeWeights(bytes, optimizer);
  return { ...built, optimizer: withCombinators(optimizerOf(learned, metaParams), combinators) };
}
