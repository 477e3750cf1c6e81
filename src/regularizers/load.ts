import { LowlandError } from "../errors.ts";
import { importModule } from "../module.ts";
import { isModulePath, parseSpec } from "../spec.ts";
import { defineRegularizer, makeRegularizer } from "./registry.ts";
import type { Regularizer, RegularizerFunction } from "./types.ts";

/**
 * Builds a regularizer from a spec string (`sam:rho=0.05`) or from a module of the user's own
 * (`./my-regularizer.mjs`), which exports a function (objective → objective) or a `Regularizer` as default.
 *
 * @throws {LowlandError} E_CONFIG for an unknown name or setting, or a module without a regularizer
 */
export async function loadRegularizer(spec: string): Promise<Regularizer> {
  const { path } = parseSpec(spec);
  if (path === undefined || !isModulePath(path)) return makeRegularizer(spec);
  const { default: exported } = await importModule("regularizer", path);
  if (typeof exported === "function") return defineRegularizer(path, exported as RegularizerFunction);
  const { name = path, apply, ...about } = (exported ?? {}) as Partial<Regularizer>;
  if (typeof apply === "function") return defineRegularizer(name, (objective) => apply(objective), about);
  throw new LowlandError(
    "E_CONFIG",
    `regularizer module ${path} exports no regularizer as default; export a function (objective) => objective`,
  );
}
