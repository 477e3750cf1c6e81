import { loadRegularizer } from "../regularizers/load.ts";
import { parseSpec } from "../spec.ts";
import { unique } from "./group.ts";
import type { RegularizerRecord } from "./results.ts";

/**
 * What regularizers say of themselves, by name and, where they are told apart by their settings, by spec; `none` says
 * nothing.
 */
export async function regularizerRecords(
  specs: readonly string[],
): Promise<Record<string, RegularizerRecord>> {
  const records: Record<string, RegularizerRecord> = {};
  for (const spec of unique(specs).filter((each) => each !== "none")) {
    const { label, lowers } = await loadRegularizer(spec);
    const { name } = parseSpec(spec);
    records[name] = { label, ...(lowers && { lowers }) };
    if (name !== "" && spec !== name) {
      const settings = spec.slice(name.length + 1).replaceAll(",", ", ");
      records[spec] = { label: `${label} (${settings})`, ...(lowers && { lowers }) };
    }
  }
  return records;
}
