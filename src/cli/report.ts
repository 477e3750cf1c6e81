import { buildCommand, type Command } from "@stricli/core";
import { type CliContext, print } from "./context.ts";
import { optional } from "./flags.ts";

export const report: Command<CliContext> = buildCommand({
  docs: { brief: "Make the report page again from stored results" },
  parameters: {
    flags: {
      out: optional(String, "File to write (default report.html beside results.json)", "file"),
    },
    positional: {
      kind: "tuple",
      parameters: [{ parse: String, brief: "Directory with results.json, or the file", placeholder: "dir" }],
    },
  },
  async func(this: CliContext, { out }: { out?: string }, path: string): Promise<void> {
    const { statSync } = await import("node:fs");
    const { dirname, join } = await import("node:path");
    const { readResults } = await import("../report/read.ts");
    const { renderReport } = await import("../report/page.ts");
    const { writeFileAtomic } = await import("../runs/files.ts");
    const results = readResults(path);
    const folder = statSync(path).isDirectory() ? path : dirname(path);
    const file = out ?? join(folder, "report.html");
    writeFileAtomic(file, renderReport(results));
    print(this, file);
  },
});
