import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LowlandError } from "../errors.ts";

const folder = new URL("../", import.meta.url);

/**
 * A worker's module, by its name in src/ or dist/ (`meta/worker`): beside this folder in the build, in dist/ when this file
 * runs from its source.
 *
 * @throws {LowlandError} E_RUN where dist/ is missing, or older than the source
 */
export function workerModule(name: string): URL {
  const beside = new URL(`${name}.js`, folder);
  if (existsSync(beside)) return beside;
  const built = new URL(`../dist/${name}.js`, folder);
  if (isStale(built)) {
    throw new LowlandError(
      "E_RUN",
      `worker threads run from dist/, and ${fileURLToPath(built)} is missing or older than src/; run npm run build`,
    );
  }
  return built;
}

/** Whether a built file is missing, or older than any source. Only where this file runs from its source. */
export function isStale(built: URL): boolean {
  const time = statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = fileURLToPath(folder);
  return readdirSync(sources, { recursive: true, encoding: "utf8" }).some(
    (name) =>
      name.endsWith(".ts") && !name.endsWith(".test.ts") && statSync(join(sources, name)).mtimeMs > time,
  );
}
