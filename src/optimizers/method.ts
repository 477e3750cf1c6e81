import { LowlandError } from "../errors.ts";
import { regularizerNames } from "../regularizers/registry.ts";
import { buildSpec, isModulePath, parseSpec, splitParts, suggest } from "../spec.ts";
import { combine } from "./combinators/combinator.ts";
import { combinators } from "./combinators/registry.ts";
import { optimizers } from "./registry.ts";
import type { Optimizer } from "./types.ts";

/** The parts of a method's spec string, each a spec string of its own. */
export interface MethodSpec {
  /** `adamw:lr=0.003`, `learned:runs/sam`, `zoo:lstm-mnist`. */
  readonly optimizer: string;
  /** Around it, the first innermost: `cosine:warmup=50`, `clip:norm=1`. */
  readonly combinators: readonly string[];
  /** In the objective: `sam:rho=0.05`; `none` where there is none. */
  readonly regularizer: string;
}

/**
 * Takes a method's spec string apart: an optimizer, then combinators and at most one regularizer, joined by `+`. A `+` within
 * a path is part of it, unless the name of a combinator or regularizer follows, or another path.
 *
 * @throws {LowlandError} E_CONFIG for a part that is neither, and for a second regularizer
 * @example
 * parseMethod("adamw:lr=0.003+cosine:warmup=50+clip:norm=1+sam:rho=0.05").regularizer; // "sam:rho=0.05"
 */
export function parseMethod(text: string): MethodSpec {
  const [optimizer = "", ...parts] = splitParts(text, (name) => kindOf(name) !== undefined);
  const first = kindOf(optimizer);
  if (first !== undefined) {
    throw new LowlandError(
      "E_CONFIG",
      `${optimizer} is no optimizer; it is a ${first}, which goes with one: adam+${optimizer}`,
    );
  }
  const found = { combinators: [] as string[], regularizers: [] as string[] };
  for (const part of parts) {
    const kind = kindOf(part);
    if (kind === undefined) throw new LowlandError("E_CONFIG", noPart(part, optimizer));
    found[`${kind}s`].push(part);
  }
  const { combinators, regularizers } = found;
  if (regularizers.length > 1) {
    throw new LowlandError(
      "E_CONFIG",
      `${text} has two regularizers, ${regularizers.join(" and ")}; keep one`,
    );
  }
  return { optimizer, combinators, regularizer: regularizers[0] ?? "none" };
}

/** Writes a method the way `parseMethod` reads it. */
export function formatMethod({ optimizer, combinators, regularizer }: MethodSpec): string {
  return [optimizer, ...combinators, ...(regularizer === "none" ? [] : [regularizer])].join("+");
}

/**
 * Builds a hand-designed optimizer, with combinators around it, from a spec string.
 *
 * @throws {LowlandError} E_CONFIG for unknown names and settings, and for a regularizer
 * @example
 * const optimizer = makeOptimizer("adamw:lr=0.003+cosine:warmup=50+clip:norm=1");
 */
export function makeOptimizer(text: string): Optimizer {
  const { optimizer, combinators, regularizer } = parseMethod(text);
  if (regularizer !== "none") {
    throw new LowlandError("E_CONFIG", `${text} has the regularizer ${regularizer}; give an optimizer alone`);
  }
  return withCombinators(buildSpec(optimizer, "optimizer", optimizers), combinators);
}

/** An optimizer with the combinators that spec strings name around it, the first innermost. */
export function withCombinators(optimizer: Optimizer, specs: readonly string[]): Optimizer {
  return combine(optimizer, ...specs.map((spec) => buildSpec(spec, "combinator", combinators)));
}

/** What a part after the first is, by its name; a module's path is a regularizer. */
function kindOf(part: string): "combinator" | "regularizer" | undefined {
  const { name, path = "" } = parseSpec(part);
  if (Object.hasOwn(combinators, name)) return "combinator";
  const regularizes = name === "" ? isModulePath(path) : regularizerNames.includes(name);
  return regularizes ? "regularizer" : undefined;
}

function noPart(part: string, optimizer: string): string {
  const { name } = parseSpec(part);
  const known = { combinators: Object.keys(combinators), regularizers: regularizerNames };
  const guess = suggest(name, Object.values(known).flat());
  const lists = Object.entries(known).map(([kind, names]) => `${kind}: ${names.join(", ")}`);
  const fact = Object.hasOwn(optimizers, name)
    ? `is an optimizer, and ${optimizer} is one already`
    : "is neither a combinator nor a regularizer";
  const hint = guess === undefined ? "" : `did you mean ${JSON.stringify(guess)}? `;
  return `${JSON.stringify(part)} ${fact}; ${hint}${lists.join("; ")}`;
}
