import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { binary, type Ended, lowland } from "./lowland.ts";

let out: string;
beforeEach(() => {
  out = join(mkdtempSync(join(tmpdir(), "lowland-results-")), "results");
});
afterEach(() => rmSync(join(out, ".."), { recursive: true }));

function argumentsOf(optimizer: string, steps: string): string[] {
  const grid = ["--seeds", "1", "--threads", "1", "--out", out];
  return ["evaluate", "--task", "synthetic-digits/mlp", "--optimizer", optimizer, "--steps", steps, ...grid];
}

function evaluate(...flags: string[]): Promise<Ended> {
  return lowland([...argumentsOf("adam", "5"), ...flags]);
}

async function expectRefusal(ended: Promise<Ended>, message: RegExp): Promise<void> {
  const { code, stdout, stderr } = await ended;
  expect(stderr).toMatch(/^lowland: [^\n]+ \[E_RUN\]\n$/);
  expect(stderr).toMatch(message);
  expect([code, stdout]).toEqual([1, ""]);
}

describe("the results directory of an evaluation", () => {
  it("holds results, a page and no lock, and is not written over", async () => {
    expect((await evaluate()).code).toBe(0);
    expect(readdirSync(out)).toEqual(["jobs.jsonl", "report.html", "results.json", "settings.json"]);
    const before = readFileSync(join(out, "results.json"));
    await expectRefusal(
      evaluate(),
      /holds results already; add to it with --extend, replace it with --force/,
    );
    expect(readFileSync(join(out, "results.json")).equals(before)).toBe(true);
    expect((await evaluate("--force")).code).toBe(0);
  });

  it("is not replaced by a command that is refused", async () => {
    expect((await evaluate()).code).toBe(0);
    const kept = readdirSync(out);
    expect((await lowland([...argumentsOf("adma", "5"), "--force"])).code).toBe(2);
    const missing = ["--task", "mnist/mlp", "--data-dir", join(out, "nowhere")];
    const offline = await lowland([...argumentsOf("adam", "5"), ...missing, "--force"]);
    expect(offline.code).not.toBe(0);
    expect(readdirSync(out)).toEqual(kept);
  });

  it("grows with --extend: the runs that are there are kept, whatever else is asked for", async () => {
    expect((await evaluate()).code).toBe(0);
    const before = readFileSync(join(out, "jobs.jsonl"), "utf8");
    await expectRefusal(lowland(argumentsOf("adam,sgd", "5")), /add to it with --extend/);
    expect((await lowland([...argumentsOf("adam,sgd", "5"), "--extend"])).code).toBe(0);
    const after = readFileSync(join(out, "jobs.jsonl"), "utf8");
    expect([after.startsWith(before), after.trimEnd().split("\n").length]).toEqual([true, 2]);
    expect(readFileSync(join(out, "results.json"), "utf8")).toMatch(/"optimizer": "sgd"/);
    const both = await evaluate("--extend", "--force");
    expect([both.code, both.stderr]).toEqual([
      2,
      "lowland: --extend and --force exclude each other; keep one [E_USAGE]\n",
    ]);
  });

  it("of something else is left alone", async () => {
    mkdirSync(out);
    writeFileSync(join(out, "thesis.txt"), "years of work");
    await expectRefusal(evaluate("--force"), /left alone/);
    expect(readdirSync(out)).toEqual(["thesis.txt"]);
  });

  it("takes the corrected command after one that was refused", async () => {
    expect((await lowland(argumentsOf("adma", "5"))).code).toBe(2);
    expect((await evaluate()).code).toBe(0);
  });

  it("takes one process at a time, and the next once that is killed", async () => {
    const args = argumentsOf("adam", "100000000");
    const child = spawn(process.execPath, [binary, ...args], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("close", resolve));
    while (!existsSync(join(out, "settings.json"))) await new Promise((resolve) => setTimeout(resolve, 5));
    await expectRefusal(lowland(args), new RegExp(`in use by process ${child.pid} on `));
    child.kill("SIGKILL");
    await ended;
    expect((await evaluate()).code).toBe(0);
    expect(readdirSync(out)).not.toContain(".lock");
  });
});
