import { LowlandError } from "../errors.ts";
import { migrateFrom1 } from "./migrate.ts";
import { isLarge, RESULTS, type Results } from "./results.ts";
import { faultOf } from "./table.ts";

/** The text of `results.json`: numbers that are not finite become null. */
export function formatResults(results: Results): string {
  // an experiment has thousands of runs: without indentation its file is half as large
  return `${JSON.stringify(results, null, isLarge(results) ? 0 : 1)}\n`;
}

/**
 * Reads the text of a `results.json`.
 *
 * @param source where the text comes from, for messages
 * @throws E_DATA, one line: not JSON, not a results file of Lowland, of a later schema, or damaged (with the
 *   place of the first fault)
 */
export function parseResults(json: string, source: string): Results {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new LowlandError(
      "E_DATA",
      `${source} is not JSON (${describe(json)}); run the command that wrote it again`,
    );
  }
  const version = (value as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (version === undefined) {
    throw new LowlandError(
      "E_DATA",
      `${source} has no "schemaVersion", so it is not a results file; give the results.json of evaluate, sharpness or reproduce`,
    );
  }
  if (version !== 1 && version !== 2) {
    throw new LowlandError(
      "E_DATA",
      `${source} has schemaVersion ${JSON.stringify(version)?.slice(0, 40)}, this version reads 1 and 2; use the version of Lowland that wrote it`,
    );
  }
  const read = version === 1 ? migrateFrom1(value as Readonly<Record<string, unknown>>) : value;
  const fault = faultOf(RESULTS, "Results", read) ?? landscapeFault(read as Results);
  if (fault === undefined) return read as Results;
  throw new LowlandError("E_DATA", `${source} is damaged at ${fault}; run the command that wrote it again`);
}

/** A landscape needs one loss for each of its points. */
function landscapeFault({ sharpness }: Results): string | undefined {
  const damaged = sharpness.findIndex(({ seeds }) =>
    seeds.some(
      ({ landscape }) =>
        landscape !== undefined &&
        landscape.losses.length !== landscape.coordinates.length ** landscape.dimensions,
    ),
  );
  return damaged < 0 ? undefined : `sharpness[${damaged}]: a landscape needs one loss for each point`;
}

function describe(text: string): string {
  return text.trim() === "" ? "it is empty" : `${text.length} characters, damaged or cut short`;
}
