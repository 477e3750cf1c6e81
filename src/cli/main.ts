#!/usr/bin/env node
import "../kernels/node.ts";
import { ExitCode, run } from "@stricli/core";
import { withoutSecrets } from "../cluster/address.ts";
import { ioError } from "../runs/files.ts";
import { app } from "./app.ts";
import type { CliContext } from "./context.ts";
import { exitCodeOfError, formatError } from "./errors.ts";
import { SignalListener } from "./signals.ts";

/** A reader that has seen enough (`lowland … | head`) is no failure. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") fail(ioError("write", "standard output", error));
    if (stream === process.stdout) process.exit();
  });
}
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);

/** The parser's negative codes that are the user's to correct; the others are failures of ours. */
const usageCodes: ReadonlySet<number> = new Set([ExitCode.UnknownCommand, ExitCode.InvalidArgument]);
const signals = new SignalListener();
const argv = process.argv.slice(2);
let complained = false;
/** What the parser writes itself: help to stdout, and of several complaints the first. */
const parser: { exitCode?: number } & CliContext["process"] = {
  stdout: { write: (output) => void process.stdout.write(output) },
  stderr: {
    write: (complaint) => {
      if (!complained) process.stderr.write(complaint);
      complained = true;
    },
  },
};
const context: CliContext = {
  process: parser,
  stdout: process.stdout,
  stderr: process.stderr,
  argv: argv.map(withoutSecrets),
  get signal() {
    return signals.signal;
  },
};
await run(app, argv, context);
const code = parser.exitCode ?? 0;
process.exitCode = signals.exitCode(code >= 0 ? code : usageCodes.has(code) ? 2 : 1);

function fail(error: unknown): never {
  process.stderr.write(`${formatError(error)}\n`);
  process.exit(exitCodeOfError(error));
}
