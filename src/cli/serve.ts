import { buildCommand, type Command } from "@stricli/core";
import { LowlandError } from "../errors.ts";
import { type CliContext, print, printJson } from "./context.ts";
import { integer, jsonFlag, optional, toggle } from "./flags.ts";

interface ServeFlags {
  readonly port?: number;
  readonly host?: string;
  readonly playground: boolean;
  readonly json: boolean;
}

/** Where runs are looked for if no folder is given. */
const DEFAULT_FOLDER = "runs";

export const serve: Command<CliContext> = buildCommand({
  docs: {
    brief: "Show runs on a live page, and the playground",
    fullDescription:
      "Serves a page of the runs under some folders, as they are written, until it is stopped. Only this machine reaches it, unless --host says otherwise.",
  },
  parameters: {
    flags: {
      port: optional(port, "Port (default 8321; 0: any that is free)", "n"),
      host: optional(String, "Address to listen at (default 127.0.0.1, this machine only)", "address"),
      playground: toggle("Serve the playground too, at /playground/"),
      json: jsonFlag,
    },
    positional: {
      kind: "array",
      parameter: { parse: String, brief: "Folder with runs at any depth (default runs)", placeholder: "dir" },
    },
  },
  async func(this: CliContext, { json, ...flags }: ServeFlags, ...folders: string[]): Promise<void> {
    const { existsSync } = await import("node:fs");
    const { serve: open } = await import("../serve/server.ts");
    const none = folders.length === 0 && flags.playground && !existsSync(DEFAULT_FOLDER);
    const shown = folders.length === 0 && !none ? [DEFAULT_FOLDER] : folders;
    const { signal } = this;
    const serving = await open(shown, flags);
    if (json) printJson(this, { url: serving.url, folders: shown });
    else print(this, `${serving.url}  (Ctrl-C ends it)`);
    if (flags.host !== undefined && !/^(127\.|::1$|localhost$)/.test(flags.host)) {
      this.stderr.write(`whoever reaches ${flags.host} can read these runs: there is no password\n`);
    }
    try {
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
      });
    } finally {
      await serving.close();
    }
  },
});

function port(text: string): number {
  const value = integer(0)(text);
  if (value > 65_535)
    throw new LowlandError("E_USAGE", `must be a port up to 65535, not ${text}; correct it`);
  return value;
}
