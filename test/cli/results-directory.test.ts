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
import { encodeIdx } from "../../src/data/idx.ts";
import { binary, type Ended, lowland } from "./lowland.ts";

let out: string;
beforeEach(() => {
  out = join(mkdtempSync(join(tmpdir(), "lowland-results-")), "results");
});
afterEach(() => rmSync(join(out, ".."), { recursive: true }));

function argumentsOf(optimizer: string, steps: string, task = "synthetic-digits/mlp"): string[] {
  const grid = ["--seeds", "1", "--threads", "1", "--out", out];
  return ["evaluate", "--task", task, "--optimizer", optimizer, "--steps", steps, ...grid];
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

/** A folder with an MNIST of 40 and 10 images, all of one grey. */
function smallMnist(dataDir: string, grey: number): string {
  const folder = join(dataDir, "mnist");
  mkdirSync(folder, { recursive: true });
  for (const [part, count] of [
    ["train", 40],
    ["t10k", 10],
  ] as const) {
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
    const images = new Uint8Array(count * 784).fill(grey);
    writeFileSync(join(folder, `${part}-images-idx3-ubyte`), encodeIdx([count, 28, 28], images));
    writeFileSync(join(folder, `${part}-labels-idx1-ubyte`), encodeIdx([count], labels));
  }
  return dataDir;
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
    const empty = ["--data-dir", join(out, "nowhere")];
    const offline = await lowland([...argumentsOf("adam", "5", "fashion-mnist/mlp"), ...empty, "--force"]);
    expect([offline.code, offline.stderr]).toEqual([1, expect.stringMatching(/\[E_DATA\]\n$/)]);
    const family = await lowland([...argumentsOf("adam", "5", "synthetic-digits/mlp+reparam"), "--force"]);
    expect([family.code, family.stderr]).toEqual([
      2,
      expect.stringMatching(/one task is wanted here; leave out \+reparam \[E_CONFIG\]\n$/),
    ]);
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

  it("does not grow by runs on other bytes of a dataset, as no meta-training goes on with them", async () => {
    const [one, other] = [0, 200].map((grey) => smallMnist(join(out, `../data-${grey}`), grey));
    const on = (dataDir: string, ...rest: string[]) =>
      lowland([...rest, "--task", "mnist/mlp", "--data-dir", dataDir, "--threads", "1"]);
    const grid = ["--steps", "2", "--seeds", "1", "--out", out];
    expect((await on(one!, "evaluate", "--optimizer", "adam", ...grid)).code).toBe(0);
    const more = ["evaluate", "--optimizer", "adam,sgd", ...grid, "--extend"];
    await expectRefusal(on(other!, ...more), /were made on other bytes of mnist/);
    expect((await on(one!, ...more)).code).toBe(0);

    const run = join(out, "../run");
    const short = ["--horizon", "4", "--truncation", "2", "--instances", "1", "--validation-seeds", "1"];
    const metaTrain = ["meta-train", ...short, "--checkpoint-every", "1", "--out", run, "--outer-steps"];
    const started = await on(one!, ...metaTrain, "1", "--resume");
    expect([started.code, started.stderr]).toEqual([
      0,
      expect.stringContaining("holds no run yet: starting one"),
    ]);
    const { code, stderr } = await on(other!, ...metaTrain, "2", "--resume");
    expect([code, stderr]).toEqual([2, expect.stringContaining("was started on other bytes of mnist")]);
    expect((await on(one!, ...metaTrain, "2", "--resume")).code).toBe(0);
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
