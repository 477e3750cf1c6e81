import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Results } from "../../src/evaluation/results.ts";
import { binary, lowland } from "./lowland.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lowland-paper-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const args = (out: string) => ["reproduce", "paper", "--budget", "tiny", "--threads", "2", "--out", out];

/** Starts the program and kills it as soon as `due`; fails with what it said if it ended by itself before. */
function killed(command: readonly string[], due: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [binary, ...command], {
      env: { PATH: process.env.PATH, HOME: "/nonexistent", LOWLAND_OFFLINE: "1" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const timer = setInterval(() => due() && child.kill("SIGKILL"), 20);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearInterval(timer);
      if (signal === "SIGKILL") resolve();
      else reject(new Error(`ended by itself with ${code ?? signal}: ${stderr.slice(-1000)}`));
    });
  });
}

describe("lowland reproduce paper", () => {
  it("goes on with the same command after SIGKILL in every stage, and ends in results and a page", async () => {
    const out = join(folder, "paper");
    const there = (...path: string[]) => existsSync(join(out, ...path));
    const stages = [
      () => there("search", "gsam-rho-0-02-alpha-0-4-on-synthetic-digits-mlp", "checkpoints", "latest"),
      () => there("meta", "lstm-gam-from-synthetic-digits-mlp", "checkpoints", "latest"),
      () => there("tuning.jsonl"),
      () => there("jobs.jsonl") && readFileSync(join(out, "jobs.jsonl"), "utf8").split("\n").length > 20,
    ];
    for (const stage of stages) {
      await killed(args(out), stage);
      expect(there("results.json")).toBe(false);
    }
    const { code, stdout, stderr } = await lowland(args(out));
    expect(stderr).toMatch(/stage +work +expected/);
    expect(stderr).toMatch(/total +\d+:\d\d/);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /Can a regularizer be learned\? (partly reproduced|reproduced|not reproduced|mixed|undecided|not tested): /,
    );
    const results = JSON.parse(readFileSync(join(out, "results.json"), "utf8")) as Results;
    expect(results.metaTraining.length).toBe(8);
    expect(results.tuning!.length).toBe(32);
    expect(new Set(results.evaluations.map(({ method }) => JSON.stringify(method))).size).toBe(24);
    expect(results.transfer!.length).toBeGreaterThan(100);
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain('id="question-transfer"');

    const again = await lowland(args(out));
    expect(again.code).not.toBe(0);
    expect(again.stderr).toContain("holds results already");
  }, 600_000);

  it("only says how long it would take with --dry-run", async () => {
    const out = join(folder, "nothing");
    const { code, stdout } = await lowland([...args(out), "--dry-run"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/evaluate synthetic-digits\/mlp +\d+ runs/);
    expect(existsSync(out)).toBe(false);
  });

  it("refuses an unknown budget and runs that are none", async () => {
    expect((await lowland(["reproduce", "paper", "--budget", "week", "--out", folder])).code).toBe(2);
    const { code, stderr } = await lowland([...args(join(folder, "other")), "--learned", "/nonexistent"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("/nonexistent");
  });
});
