import type { Plugin } from "vite";
import { combinators } from "../src/optimizers/combinators/registry.ts";
import { optimizers } from "../src/optimizers/registry.ts";
import { regularizers } from "../src/regularizers/registry.ts";

/** The first setting of a regularizer that is a number, most often its radius. */
function strength(name: string): { name: string; byDefault: number } | undefined {
  const found = Object.entries(regularizers[name]!.parameters).find(
    ([, { default: value }]) => typeof value === "number",
  );
  return found && { name: found[0], byDefault: Number(found[1].default) };
}

/**
 * `virtual:methods`: the names of optimizers, combinators and regularizers, with what a control needs of them. So the page
 * knows what there is without the code that does it, which only its workers load.
 */
export function methods(): Plugin {
  const content = {
    optimizers: Object.fromEntries(
      Object.entries(optimizers).map(([name, { parameters }]) => [name, parameters.lr!.default]),
    ),
    combinators: Object.keys(combinators),
    regularizers: Object.fromEntries(Object.keys(regularizers).map((name) => [name, strength(name) ?? null])),
  };
  return {
    name: "methods",
    resolveId: (id) => (id === "virtual:methods" ? "\0methods" : undefined),
    load: (id) => (id === "\0methods" ? `export default ${JSON.stringify(content)};` : undefined),
  };
}
