import type { RunMeta } from "./run.ts";

/**
 * The card of a run, in Markdown: what it is, what it reached, how to make it again.
 *
 * @param options.results measures in the order to print; numbers as the caller rounds them
 */
export function formatCard(options: {
  readonly title: string;
  readonly description: string;
  readonly meta: RunMeta;
  readonly config: unknown;
  readonly results?: Readonly<Record<string, string | number>>;
}): string {
  const { title, description, meta, config, results = {} } = options;
  const measures = Object.entries(results);
  const table = [
    "| measure | value |",
    "| --- | --- |",
    ...measures.map(([key, value]) => `| ${key} | ${value} |`),
  ];
  return [
    `# ${title}`,
    description,
    ...(measures.length > 0 ? ["## Results", table.join("\n")] : []),
    "## Made by",
    `\`\`\`sh\n${["lowland", ...meta.command].map(quoteForShell).join(" ")}\n\`\`\``,
    `Lowland ${meta.lowland} (${meta.variant} kernels), Node ${meta.node}, ${meta.platform}, seed ${meta.seed}, ` +
      `started ${meta.started}.`,
    "## Config",
    `\`\`\`json\n${JSON.stringify(config, null, 2)}\n\`\`\``,
    "",
  ].join("\n\n");
}

/** An argument as a POSIX shell reads it back. */
function quoteForShell(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
