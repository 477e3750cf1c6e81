import { existsSync } from "node:fs";
import { LowlandError } from "../errors.ts";
import { learnedOptimizers } from "../learned/registry.ts";
import { optimizerOf } from "../learned/types.ts";
import { readWeights } from "../meta/checkpoint.ts";
import { optimizers } from "../optimizers/registry.ts";
import type { Optimizer } from "../optimizers/types.ts";
import { loadRegularizer } from "../regularizers/load.ts";
import { noRegularizer, regularizerNames } from "../regularizers/registry.ts";
import type { Regularizer } from "../regularizers/types.ts";
import { buildSpec, parseSpec, type SpecRegistry, specEntry } from "../spec.ts";
import { loadZoo, zooNames } from "../zoo/zoo.ts";

/** Every optimizer a spec string can name, learned ones included. */
export const allOptimizers: SpecRegistry<Optimizer> = {
  ...optimizers,
  learned: specEntry({
    description: "a meta-trained optimizer: a run directory (its best checkpoint) or a .safetensors file",
    parameters: {},
    path: "a run directory or a .safetensors file",
    create: (_settings, path) => loadLearned(path!),
  }),
  zoo: specEntry({
    description: "a meta-trained optimizer that comes with Lowland; see lowland zoo list",
    parameters: {},
    path: "a name of lowland zoo list",
    create: (_settings, name) => loadZoo(name!),
  }),
};

/**
 * Loads a meta-trained optimizer from a run directory or a `.safetensors` file.
 *
 * @throws {LowlandError} E_RUN if there is no such file, E_CHECKPOINT if it is damaged or not ours
 * @example
 * const optimizer = loadLearned("runs/sam");
 * const state = optimizer.init(layoutOf([{ name: "w", shape: [params.length] }]));
 * optimizer.step(params, gradient, state);
 */
export function loadLearned(path: string): Optimizer {
  const { learned, metaParams } = readWeights(path);
  return optimizerOf(learned, metaParams);
}

/** What a method's spec string names: `adam:lr=0.01`, or with an explicit regularizer `adam:lr=0.01+sam:rho=0.05`. */
export interface Method {
  readonly spec: string;
  readonly optimizer: Optimizer;
  readonly regularizer: Regularizer;
  readonly group: "learned" | "hand-designed";
}

const names = regularizerNames.join("|");
/** Before a regularizer: after a path, which may hold a + itself, only what can be nothing else. */
const jointAfterPath = new RegExp(`\\+(?=(?:${names})(?:$|:)|[^+]*\\.(?:mjs|js|cjs)$)`);
/** After a hand-designed optimizer, where a + in a setting is followed by a digit: `lr=1e+0`. */
const joint = /\+(?=[a-z./])/i;

const isLearned = (spec: string): boolean => /^(learned|zoo):/.test(spec);

/** The parts of a method's spec string: the optimizer's, and the explicit regularizer's if there is one. */
export function splitMethod(spec: string): [optimizer: string, regularizer: string | undefined] {
  const [optimizer = "", regularizer] = spec.split(isLearned(spec) ? jointAfterPath : joint);
  return [optimizer, regularizer];
}

/**
 * Builds an optimizer, with or without an explicit regularizer, from a spec string.
 *
 * @throws {LowlandError} E_CONFIG for unknown names or settings, E_RUN or E_CHECKPOINT for a learned one
 */
export async function loadMethod(spec: string): Promise<Method> {
  const learned = isLearned(spec);
  const [optimizerSpec, regularizerSpec] = splitMethod(spec);
  const hint = meantBy(optimizerSpec);
  if (hint !== undefined) throw new LowlandError("E_CONFIG", `${optimizerSpec} is no optimizer; ${hint}`);
  const optimizer = buildSpec(optimizerSpec, "optimizer", allOptimizers);
  return {
    spec,
    optimizer,
    regularizer: regularizerSpec === undefined ? noRegularizer : await loadRegularizer(regularizerSpec),
    group: learned ? "learned" : "hand-designed",
  };
}

/** What to write instead of a spec that names something else than an optimizer, if it does. */
function meantBy(spec: string): string | undefined {
  const { name } = parseSpec(spec);
  if (Object.hasOwn(allOptimizers, name)) return undefined;
  if (regularizerNames.includes(name)) return `a regularizer goes with one: adam+${spec}`;
  if (Object.hasOwn(learnedOptimizers, name)) {
    return "an architecture needs weights: learned:PATH (a run directory or a .safetensors file) or zoo:NAME";
  }
  if (zooNames().includes(name)) return `did you mean "zoo:${name}"?`;
  return existsSync(spec) ? `did you mean "learned:${spec}"?` : undefined;
}
