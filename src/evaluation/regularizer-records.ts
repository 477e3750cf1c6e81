import { loadRegularizer } from "../regularizers/load.ts";
import { parseSpec } from "../spec.ts";
import { unique } from "./group.ts";
import type { RegularizerRecord } from "./results.ts";

/** What regularizers say of themselves, by name; `none` says nothing. */
export async function regularizerRecords(
  specs: readonly string[],
): Promise<Record<string, RegularizerRecord>> {
  const records: Record<string, RegularizerRecord> = {};
  for (const spec of unique(specs).filter((each) => each !== "none")) {
    const { label, lowers } = await loadRegularizer(spec);
    records[parseSpec(spec).name] = { label, ...(lowers && { lowers }) };
  }
  return records;
}
