import { LowlandError } from "../errors.ts";
import { importModule } from "../module.ts";
import { buildSpec, isModulePath, parseSpec } from "../spec.ts";
import { learnedOptimizers } from "./registry.ts";
import type { LearnedOptimizer } from "./types.ts";

/**
 * An architecture by spec string (`lstm:hidden=32`), or from a module of the user's own (`./mine.mjs`) that exports a
 * `LearnedOptimizer`, or a function returning one, as default.
 *
 * @throws {LowlandError} E_CONFIG for an unknown name or setting, or a module without an architecture
 */
export async function loadArchitecture(spec: string): Promise<LearnedOptimizer> {
  const { path } = parseSpec(spec);
  if (path === undefined || !isModulePath(path))
    return buildSpec(spec, "learned optimizer", learnedOptimizers);
  const { default: exported } = await importModule("learned optimizer", path);
  const learned: unknown = typeof exported === "function" ? await exported() : exported;
  if (isLearned(learned)) return learned;
  throw new LowlandError(
    "E_CONFIG",
    `learned optimizer module ${path} exports no architecture as default; export { name, settings, layout, init, open }`,
  );
}

function isLearned(value: unknown): value is LearnedOptimizer {
  const learned = value as Partial<LearnedOptimizer> | undefined;
  return (
    typeof learned?.open === "function" && typeof learned.init === "function" && learned.layout !== undefined
  );
}
