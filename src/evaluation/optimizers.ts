import { existsSync } from "node:fs";
import { LowlandError } from "../errors.ts";
import { learnedOptimizers } from "../learned/registry.ts";
import { optimizerOf } from "../learned/types.ts";
import type { Weights } from "../learned/weights.ts";
import { loadWeights, readWeights } from "../meta/weights.ts";
import { type MethodSpec, parseMethod, withCombinators } from "../optimizers/method.ts";
import { optimizers } from "../optimizers/registry.ts";
import type { Optimizer } from "../optimizers/types.ts";
import { loadRegularizer } from "../regularizers/load.ts";
import type { Regularizer } from "../regularizers/types.ts";
import { buildSpec, parseSpec, type SpecRegistry, specEntry } from "../spec.ts";
import { zooNames, zooPath } from "../zoo/zoo.ts";

/** An optimizer that a spec string names, and where it comes from. */
interface Named {
  readonly optimizer: Optimizer;
  readonly group: "learned" | "hand-designed";
  /** The tasks a learned one was meta-trained on, where its file says so. */
  readonly source?: string;
}

/** Every optimizer a spec string can name, learned ones included. */
export const allOptimizers: SpecRegistry<Named | Promise<Named>> = {
  ...Object.fromEntries(
    Object.entries(optimizers).map(([name, entry]) => [
      name,
      { ...entry, create: (settings) => ({ optimizer: entry.create(settings), group: "hand-designed" }) },
    ]),
  ),
  learned: specEntry({
    description: "a meta-trained optimizer: a run directory (its best checkpoint) or a .safetensors file",
    parameters: {},
    path: "a run directory or a .safetensors file",
    create: async (_settings, path) => named(await loadWeights(path!)),
  }),
  zoo: specEntry({
    description: "a meta-trained optimizer that comes with Lowland; see lowland zoo list",
    parameters: {},
    path: "a name of lowland zoo list",
    create: async (_settings, name) => named(await loadWeights(zooPath(name!))),
  }),
};

/**
 * Loads a meta-trained optimizer of a built-in architecture from a run directory or a `.safetensors` file; `loadMethod`
 * takes any.
 *
 * @throws {LowlandError} E_RUN if there is no such file, E_CHECKPOINT if it is damaged or not ours
 * @example
 * const optimizer = loadLearned("runs/sam");
 * const state = optimizer.init(layoutOf([{ name: "w", shape: [params.length] }]));
 * optimizer.step(params, gradient, state);
 */
export function loadLearned(path: string): Optimizer {
  return named(readWeights(path)).optimizer;
}

function named({ learned, metaParams, metadata }: Weights): Named {
  const source = sourceOf(metadata);
  return {
    optimizer: optimizerOf(learned, metaParams),
    group: "learned",
    ...(source !== undefined && { source }),
  };
}

/** Weights of other programs have no configuration of ours. */
function sourceOf({ config }: Readonly<Record<string, string>>): string | undefined {
  if (config === undefined) return undefined;
  const { tasks } = JSON.parse(config) as { readonly tasks?: readonly string[] };
  return tasks?.join(", ");
}

/** What trains: an optimizer with its combinators, and the regularizer of its objective. */
export interface Method {
  readonly spec: string;
  readonly identity: MethodIdentity;
  readonly optimizer: Optimizer;
  readonly regularizer: Regularizer;
  readonly group: Named["group"];
}

/** What tells a method from others: the parts of its spec string, and what a learned optimizer was meta-trained on. */
export interface MethodIdentity extends MethodSpec {
  /** Meta-training tasks, joined by commas. */
  readonly source?: string;
}

/**
 * Builds a method from a spec string: an optimizer, learned or hand-designed, with combinators around it and a regularizer,
 * joined by `+`. The one place where a method is read from text.
 *
 * @throws {LowlandError} E_CONFIG for unknown names or settings, E_RUN or E_CHECKPOINT for a learned one
 * @example
 * await loadMethod("adamw:lr=0.003+cosine:warmup=50+clip:norm=1+sam:rho=0.05");
 */
export async function loadMethod(spec: string): Promise<Method> {
  const parts = parseMethod(spec);
  const hint = meantBy(parts.optimizer);
  if (hint !== undefined) throw new LowlandError("E_CONFIG", `${parts.optimizer} is no optimizer; ${hint}`);
  const { optimizer, group, source } = await buildSpec(parts.optimizer, "optimizer", allOptimizers);
  return {
    spec,
    identity: { ...parts, ...(source !== undefined && { source }) },
    optimizer: withCombinators(optimizer, parts.combinators),
    regularizer: await loadRegularizer(parts.regularizer),
    group,
  };
}

/** What to write instead of a spec that names something else than an optimizer, if it does. */
function meantBy(spec: string): string | undefined {
  const { name } = parseSpec(spec);
  if (Object.hasOwn(allOptimizers, name)) return undefined;
  if (Object.hasOwn(learnedOptimizers, name)) {
    return "an architecture needs weights: learned:PATH (a run directory or a .safetensors file) or zoo:NAME";
  }
  if (zooNames().includes(name)) return `did you mean "zoo:${name}"?`;
  return existsSync(spec) ? `did you mean "learned:${spec}"?` : undefined;
}
