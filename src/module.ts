import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { LowlandError } from "./errors.ts";
import { isModulePath } from "./spec.ts";

/**
 * Imports a module of the user's own by its path or `file:` address.
 *
 * @param kind what it should hold, for messages: `task`
 * @throws {LowlandError} E_CONFIG if there is no such file, or it cannot be loaded
 */
export async function importModule(kind: string, path: string): Promise<Readonly<Record<string, unknown>>> {
  const url = path.startsWith("file:") ? path : pathToFileURL(path).href;
  const file = fileURLToPath(url);
  if (!existsSync(file)) {
    throw new LowlandError("E_CONFIG", `there is no ${kind} module ${file}; check the path`);
  }
  try {
    return (await import(url)) as Record<string, unknown>;
  } catch (cause) {
    throw new LowlandError(
      "E_CONFIG",
      `${kind} module ${path} cannot be loaded: ${(cause as Error).message}; correct the module`,
      { cause },
    );
  }
}

/** A spec string that can be resolved from anywhere: the path of a module made absolute. */
export function absoluteModule(spec: string): string {
  return /^\.{1,2}[\\/]/.test(spec) && isModulePath(spec) ? resolve(spec) : spec;
}

/** SHA-256 of a module's own text. */
export function moduleFingerprint(path: string): string {
  const file = path.startsWith("file:") ? fileURLToPath(path) : path;
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
