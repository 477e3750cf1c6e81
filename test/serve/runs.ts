import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { binary, lowland } from "../cli/lowland.ts";

/** A folder for runs, without symbolic links in its path. */
export function temporaryFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), "lowland-serve-")));
}

const SMALL = [
  ["--task", "synthetic-digits@8/mlp-relu:hidden=4"],
  ["--learned", "lstm:hidden=4"],
  ["--horizon", "20"],
  ["--checkpoint-every", "5"],
  ["--validation-seeds", "1"],
].flat();

function commandOf(out: string, settings: readonly string[]): string[] {
  return ["meta-train", ...SMALL, "--out", out, ...settings];
}

/** Meta-trains with the real program, to the end. */
export async function finishedRun(out: string, settings: readonly string[] = []): Promise<void> {
  const { code, stderr } = await lowland(commandOf(out, ["--outer-steps", "12", ...settings]));
  if (code !== 0) throw new Error(`meta-train ended with ${code}: ${stderr}`);
}

/** Starts the real program on a run far too long to end, or resumes it, and waits until it has gone on by some steps. */
export async function unendingRun(out: string, settings: readonly string[] = []): Promise<ChildProcess> {
  const before = linesOf(out);
  const child = spawn(
    process.execPath,
    [binary, ...commandOf(out, ["--outer-steps", "1000000", ...settings])],
    {
      env: { PATH: process.env.PATH, HOME: "/nonexistent", LOWLAND_OFFLINE: "1" },
      stdio: "ignore",
    },
  );
  await until(() => (settings.includes("--resume") ? linesOf(out) !== before : linesOf(out) > 20));
  return child;
}

/** Ends a process and waits until it is gone. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await ended;
}

/** Waits until something is so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries++) {
    if (tries === 1200) throw new Error(`waited for a minute: ${isSo}`);
    await setTimeout(50);
  }
}

function linesOf(out: string): number {
  const path = join(out, "metrics.jsonl");
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;
}
