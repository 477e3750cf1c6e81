/** Stable codes of everything Lowland refuses to do. */
export type ErrorCode =
  | "E_USAGE" // command line: unknown flag, command or argument
  | "E_CONFIG" // a spec string, option or config file says something that cannot be
  | "E_SHAPE" // a vector or layout has the wrong length
  | "E_CHECKPOINT" // a checkpoint is damaged, truncated or not ours
  | "E_DATA" // a dataset file is missing, damaged or not what it should be
  | "E_RUN" // a run directory cannot be used as asked
  | "E_IO" // the operating system refused to read or write
  | "E_MEMORY" // kernel memory is exhausted
  | "E_DIVERGED"; // training left the finite numbers

/** Exit code of the command line for each error code: 2 usage or config, 3 diverged, 1 any other failure. */
export function exitCodeOf(code: ErrorCode): number {
  if (code === "E_USAGE" || code === "E_CONFIG") return 2;
  return code === "E_DIVERGED" ? 3 : 1;
}

/**
 * An error a user can act on: one line that states the fact, the value met, and what to do next.
 *
 * @example
 * throw new LowlandError("E_CONFIG", `unknown task "mnst/mlp"; did you mean "mnist/mlp"?`);
 */
export class LowlandError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "LowlandError";
    this.code = code;
  }
}
