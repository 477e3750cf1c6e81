import type { CommandContext } from "@stricli/core";

/** What a command may touch: results go to `stdout`, everything else to `stderr`. */
export interface CliContext extends CommandContext {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** The arguments as typed, passwords left out, for a run's `meta.json`. */
  readonly argv: readonly string[];
  /**
   * Aborted by the first SIGINT or SIGTERM; the second ends the process. A command that never reads it is ended by
   * the first. Signals arrive between turns of the event loop, so long computations must await now and then.
   */
  readonly signal: AbortSignal;
}

/** Prints the one JSON document of a `--json` run. */
export function printJson(context: CliContext, value: Readonly<Record<string, unknown>>): void {
  context.stdout.write(`${JSON.stringify({ schemaVersion: 1, ...value }, null, 2)}\n`);
}

/** Prints results for people. */
export function print(context: CliContext, text: string): void {
  context.stdout.write(`${text}\n`);
}
