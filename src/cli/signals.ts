const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/** The reason of an aborted `CliContext.signal`; a command may throw it on, or tidy up and return. */
export class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: keyof typeof exitCodes) {
    super(`stopped by ${signal}`);
    this.name = "Interrupted";
    this.exitCode = exitCodes[signal];
  }
}

/** Turns signals into an AbortSignal, from the moment somebody first asks for it. */
export class SignalListener {
  #controller: AbortController | undefined;

  /** Aborted by the first SIGINT or SIGTERM; the second ends the process. */
  get signal(): AbortSignal {
    this.#controller ??= listen();
    return this.#controller.signal;
  }

  /** The exit code of a command that ended with `code`: one that tidied up after a signal says which it was. */
  exitCode(code: number): number {
    const reason: unknown = this.#controller?.signal.reason;
    return code === 0 && reason instanceof Interrupted ? reason.exitCode : code;
  }
}

function listen(): AbortController {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(exitCodes[name]);
      controller.abort(new Interrupted(name));
    });
  }
  return controller;
}
