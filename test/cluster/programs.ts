import { type ChildProcess, spawn } from "node:child_process";
import { binary } from "../cli/lowland.ts";

/** A program of ours that runs on until it is ended. */
export interface Running {
  readonly child: ChildProcess;
  /** All that it printed. */
  text(): string;
  /** Resolves as soon as what it printed matches. */
  says(pattern: RegExp): Promise<void>;
  /** Its exit code, when it has ended. */
  readonly ended: Promise<number | null>;
  /** Ends it and waits for that. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts the real program, offline, with an environment of its own. */
export function start(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): Running {
  const child = spawn(process.execPath, [binary, ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: "/nonexistent", LOWLAND_OFFLINE: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  let onText = (): void => {};
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding("utf8").on("data", (more: string) => {
      text += more;
      onText();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return {
    child,
    text: () => text,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        onText = () => {
          if (pattern.test(text)) resolve();
        };
        onText();
        ended.then(() => reject(new Error(`ended without saying ${pattern}: ${text}`)));
      }),
    ended,
    async end(signal = "SIGTERM") {
      child.kill(signal);
      await ended;
    },
  };
}
