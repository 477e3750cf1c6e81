import { cpus } from "node:os";
import { kernels } from "../kernels/module.ts";
import { LOWLAND_VERSION } from "../version.ts";

/** What every results.json says about where it came from. */
export function provenance(argv: readonly string[]): {
  command: string;
  version: string;
  kernelVariant: string;
  node: string;
  platform: string;
} {
  const processor = cpus()[0]?.model.trim();
  return {
    command: ["lowland", ...argv].map(quoted).join(" "),
    version: LOWLAND_VERSION,
    kernelVariant: kernels().variant,
    node: process.version,
    platform: `${process.platform}-${process.arch}${processor ? `, ${processor}` : ""}`,
  };
}

/** An argument as a POSIX shell reads it back. */
function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
