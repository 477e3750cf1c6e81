import type { Estimate } from "../evaluation/results.ts";
import { type Format, MISSING } from "./format.ts";

/** The lines of a Markdown table. */
export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  return [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** `mean [low, high]`; a dash for what was not measured. */
export function intervalText(estimate: Estimate | undefined, format: Format): string {
  if (estimate === undefined || estimate.mean === null) return MISSING;
  if (estimate.low === null) return format(estimate.mean);
  return `${format(estimate.mean)} [${format(estimate.low)}, ${format(estimate.high)}]`;
}
