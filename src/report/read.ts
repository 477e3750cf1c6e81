import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { LowlandError } from "../errors.ts";
import type { Results } from "../evaluation/results.ts";
import { parseResults } from "../evaluation/results-file.ts";

/**
 * Reads the results in a run directory, or the results file itself.
 *
 * @param path a directory that holds `results.json`, or the path of such a file
 * @throws E_DATA if there is none or it is damaged or foreign; E_IO if it cannot be read
 */
export function readResults(path: string): Results {
  const stats = statSync(path, { throwIfNoEntry: false });
  const file = stats === undefined || stats.isDirectory() ? join(path, "results.json") : path;
  let json: string;
  try {
    json = readFileSync(file, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new LowlandError(
        "E_DATA",
        `there is no ${file}; give the directory that evaluate, sharpness or reproduce wrote`,
      );
    }
    throw new LowlandError("E_IO", `cannot read ${file}: ${message}; check its permissions`, {
      cause: error,
    });
  }
  return parseResults(json, file);
}
