import { spawn } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeWeights } from "../../src/learned/weights.ts";
import { findCheckpoint } from "../../src/runs/checkpoints.ts";
import { binary, type Ended, lowland } from "./lowland.ts";

const library = JSON.stringify(new URL("../../dist/index.js", import.meta.url).href);

let folder: string;
/** A task small enough for hundreds of outer steps a second. */
let task: string;
/** The run that was left alone. */
let reference: Buffer;

const OUTER_STEPS = 120;
const FINAL = `checkpoints/step-000${OUTER_STEPS}.safetensors`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lowland-meta-train-"));
  task = write("bowl.mjs", bowl());
  const { code, stderr } = await metaTrain("reference");
  expectSuccess(code, stderr);
  reference = readFileSync(join(folder, "reference", FINAL));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Progress may be on stderr where the machine is slow, complaints may not. */
function expectSuccess(code: number | null, stderr: string): void {
  expect(stderr).not.toContain("lowland:");
  expect(code).toBe(0);
}

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Source of a task module: noisy quadratic in 37 dimensions; `before` runs at every gradient. */
function bowl(before = "", top = ""): string {
  return `import { defineTask, normal } from ${library};
    ${top}
    export default defineTask({
      name: "bowl",
      layout: 37,
      lossAndGradient(w, batch, g) {
        ${before}
        normal(batch, g, { stddev: 0.1 });
        let loss = 0;
        for (let i = 0; i < w.length; i++) {
          const a = 1 + (i % 5);
          loss += w[i] * (0.5 * a * w[i] + g[i]);
          g[i] += a * w[i];
        }
        return loss;
      },
    });`;
}

function argumentsOf(out: string, extra: readonly string[], module = task): string[] {
  const settings = [
    "--learned",
    "lstm:hidden=8",
    "--horizon",
    "20",
    "--truncation",
    "5",
    "--regularizer",
    "sam",
  ];
  const counts = ["--outer-steps", String(OUTER_STEPS), "--checkpoint-every", "3", "--validation-seeds", "2"];
  return ["meta-train", "--task", module, ...settings, ...counts, "--out", join(folder, out), ...extra];
}

function metaTrain(out: string, extra: readonly string[] = [], module?: string): Promise<Ended> {
  return lowland(argumentsOf(out, extra, module));
}

function finalOf(out: string): Buffer {
  return readFileSync(join(folder, out, FINAL));
}

/** Starts meta-training, sends a signal after `afterMs` or when `when` says so, and waits for the end. */
function interrupt(
  args: readonly string[],
  signal: NodeJS.Signals,
  when: { readonly afterMs: number } | { readonly steps: number; readonly out: string },
): Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [binary, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const kill = (): void => {
      clearInterval(timer);
      child.kill(signal);
    };
    const due = (): boolean => !("steps" in when) || stepsIn(when.out) >= when.steps;
    const timer = setInterval(() => due() && kill(), "afterMs" in when ? when.afterMs : 1);
    child.on("error", reject);
    child.on("close", (code, ended) => {
      clearInterval(timer);
      resolve({ code, signal: ended, stderr });
    });
  });
}

function stepsIn(out: string): number {
  const metrics = join(folder, out, "metrics.jsonl");
  return existsSync(metrics) ? readFileSync(metrics, "utf8").split("\n").length - 1 : 0;
}

function steps(out: string): number[] {
  return readFileSync(join(folder, out, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { outerStep: number }).outerStep);
}

const everyStep = Array.from({ length: OUTER_STEPS }, (_, i) => i + 1);

describe("lowland meta-train", () => {
  it("starts from given weights, and from none of another architecture", async () => {
    const init = join(folder, "reference");
    const start = decodeWeights(readFileSync(findCheckpoint(init)), init).metaParams;
    const run = (out: string, learned: string): Promise<Ended> => {
      const settings = ["--horizon", "4", "--truncation", "2", "--outer-steps", "2", "--outer-lr", "1e-30"];
      const names = ["--task", task, "--init", init, "--learned", learned, "--out", join(folder, out)];
      return lowland(["meta-train", ...names, ...settings, "--validation-seeds", "1"]);
    };
    const { code, stderr } = await run("further", "lstm:hidden=8");
    expectSuccess(code, stderr);
    const further = findCheckpoint(join(folder, "further"));
    expect(decodeWeights(readFileSync(further), further).metaParams).toEqual(start);
    const other = await run("other", "lstm:hidden=12");
    expect(other).toMatchObject({ code: 1 });
    expect(other.stderr).toMatch(/holds lstm:hidden=8.*is of lstm:hidden=12.*E_CHECKPOINT/);
    expect(existsSync(join(folder, "other"))).toBe(false);
  });

  it("writes a run directory with everything in it", () => {
    const names = readdirSync(join(folder, "reference"));
    expect(names.filter((name) => !name.startsWith("events.out.tfevents."))).toEqual([
      "README.md",
      "checkpoints",
      "config.resolved.json",
      "meta.json",
      "metrics.jsonl",
    ]);
    expect(names.some((name) => name.startsWith("events.out.tfevents."))).toBe(true);
    expect(steps("reference")).toEqual(everyStep);
    expect(readFileSync(join(folder, "reference/checkpoints/latest"), "utf8")).toBe(
      `step-000${OUTER_STEPS}.safetensors\n`,
    );
  });

  it.each([1, 2, 3])("gives the same bits on %i threads", async (threads) => {
    const out = `threads-${threads}`;
    const { code, stdout } = await metaTrain(out, ["--threads", String(threads), "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      schemaVersion: 1,
      outerSteps: OUTER_STEPS,
      diverged: 0,
    });
    expect(finalOf(out).equals(reference)).toBe(true);
  });

  it("gives the same bits on 1 and 2 threads where datasets are shared and several tasks take turns, resumed or not", async () => {
    const tiny = [
      "--horizon",
      "4",
      "--truncation",
      "2",
      "--checkpoint-every",
      "2",
      "--validation-seeds",
      "1",
    ];
    const train = async (out: string, steps: string, threads: string): Promise<Buffer> => {
      const where = ["--out", join(folder, out), "--outer-steps", steps, "--threads", threads, "--resume"];
      const task = ["--task", "synthetic-digits/mlp-relu,synthetic-digits/mlp", "--regularizer", "gsam"];
      const { code, stderr } = await lowland(["meta-train", ...task, ...tiny, "--seed", "5", ...where]);
      expectSuccess(code, stderr);
      return readFileSync(join(folder, out, `checkpoints/step-00000${steps}.safetensors`));
    };
    const whole = await train("digits-1", "4", "1");
    await train("digits-2", "2", "2");
    expect((await train("digits-2", "4", "2")).equals(whole)).toBe(true);
  });

  it("gives other bits from another seed", async () => {
    await metaTrain("seed", ["--seed", "1"]);
    expect(finalOf("seed").equals(reference)).toBe(false);
  });

  it("replaces a lost worker thread and gives the same bits", async () => {
    const marker = join(folder, "lost");
    const top = `import { closeSync, openSync } from "node:fs";
      import { isMainThread } from "node:worker_threads";
      let calls = 0;
      const die = () => {
        try { closeSync(openSync(${JSON.stringify(marker)}, "wx")); } catch { return; }
        process.exit(1); // ends a worker thread, and the process elsewhere
      };`;
    const module = write("mortal.mjs", bowl("if (!isMainThread && ++calls === 50) die();", top));
    const { code, stderr } = await metaTrain("lost-thread", ["--threads", "2"], module);
    expectSuccess(code, stderr);
    expect(existsSync(marker)).toBe(true);
    // the module's path is in the checkpoint's config: the tensors are compared
    const tensors = (bytes: Buffer): Buffer => bytes.subarray(8 + Number(bytes.readBigUInt64LE()));
    expect(tensors(finalOf("lost-thread")).equals(tensors(reference))).toBe(true);
  });

  it("gives up on work at which threads are lost again and again", async () => {
    const top = `import { isMainThread } from "node:worker_threads";`;
    const module = write("deadly.mjs", bowl("if (!isMainThread) process.exit(1);", top));
    const { code, stderr } = await metaTrain("deadly", ["--threads", "2"], module);
    expect(stderr).toMatch(
      /^lowland: a worker thread was lost 3 times at the same work: [^\n]+ \[E_RUN\]\n$/,
    );
    expect(code).toBe(1);
  });
});

describe("a run that was killed", () => {
  // starting takes about 0.2 s, the run itself 1 to 3 s: moments before, at and after the first checkpoint
  it("ends in the same bits after SIGKILL at any moment and --resume", async () => {
    let kills = 0;
    for (let i = 0; i < 8; i++) {
      const { signal } = await interrupt(argumentsOf("killed", ["--resume"]), "SIGKILL", {
        afterMs: 150 + 90 * i,
      });
      if (signal === "SIGKILL") kills++;
    }
    for (const at of [2, 3, 10, 30, 60]) {
      const { signal } = await interrupt(argumentsOf("killed", ["--resume"]), "SIGKILL", {
        steps: at,
        out: "killed",
      });
      if (signal === "SIGKILL") kills++;
    }
    expect(kills).toBeGreaterThan(3);
    const { code, stderr } = await metaTrain("killed", ["--resume"]);
    expectSuccess(code, stderr);
    expect(finalOf("killed").equals(reference)).toBe(true);
    expect(steps("killed")).toEqual(everyStep);
  });

  it("starts anew where a kill came between its first two files", async () => {
    mkdirSync(join(folder, "stillborn/checkpoints"), { recursive: true });
    cpSync(join(folder, "reference/meta.json"), join(folder, "stillborn/meta.json"));
    const { code, stderr } = await metaTrain("stillborn", ["--resume"]);
    expectSuccess(code, stderr);
    expect(finalOf("stillborn").equals(reference)).toBe(true);
  });

  it("goes on where a half-written checkpoint, metrics line or pointer was left", async () => {
    await interrupt(argumentsOf("torn", []), "SIGKILL", { steps: 20, out: "torn" });
    const checkpoints = join(folder, "torn/checkpoints");
    const latest = readFileSync(join(checkpoints, "latest"), "utf8").trim();
    const step = Number(/\d+/.exec(latest)?.[0]);
    const next = `step-${String(step + 3).padStart(6, "0")}.safetensors`;
    // renamed, but the pointer not moved yet
    writeFileSync(join(checkpoints, next), readFileSync(join(checkpoints, latest)).subarray(0, 1000));
    writeFileSync(join(checkpoints, `${next}.1234.tmp`), "half");
    appendFileSync(join(folder, "torn/metrics.jsonl"), '{"outerStep":99,"metaLo');
    const { code, stderr } = await metaTrain("torn", ["--resume"]);
    expectSuccess(code, stderr);
    expect(finalOf("torn").equals(reference)).toBe(true);
    expect(steps("torn")).toEqual(everyStep);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s writes a checkpoint of the step it was at and exits %i", async (name, exitCode) => {
    const ended = await interrupt(argumentsOf(name, ["--threads", "2"]), name, { steps: 10, out: name });
    expect(ended.stderr).toMatch(new RegExp(`^lowland: stopped by ${name}\\n$`, "m"));
    expect(ended.code).toBe(exitCode);
    const latest = Number(/\d+/.exec(readFileSync(join(folder, name, "checkpoints/latest"), "utf8"))?.[0]);
    expect(latest).toBe(steps(name).at(-1));
    expect(latest).toBeLessThan(OUTER_STEPS);
    expect((await metaTrain(name, ["--resume"])).code).toBe(0);
    expect(finalOf(name).equals(reference)).toBe(true);
  });

  it("can be made longer, to the bits of a run that was longer from the start", async () => {
    const short = argumentsOf("longer", []).map((word) => (word === String(OUTER_STEPS) ? "40" : word));
    expect((await lowland(short)).code).toBe(0);
    expect((await metaTrain("longer", ["--resume"])).code).toBe(0);
    expect(finalOf("longer").equals(reference)).toBe(true);
  });
});

describe("what lowland meta-train refuses", () => {
  /** Everything in a run directory, to see that nothing was lost. */
  function contents(out: string): Record<string, string> {
    const root = join(folder, out);
    const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    return Object.fromEntries(
      files.map(({ parentPath, name }) => [
        join(parentPath, name),
        readFileSync(join(parentPath, name), "hex"),
      ]),
    );
  }

  function copyOfReference(out: string): string {
    cpSync(join(folder, "reference"), join(folder, out), { recursive: true });
    return join(folder, out);
  }

  async function expectRefusal(ended: Promise<Ended>, code: number, message: RegExp): Promise<void> {
    const { code: actual, stdout, stderr: text } = await ended;
    // a slow machine says how far it has come
    const stderr = text.replace(/^meta-train \d[^\n]*\n/gm, "");
    expect(stderr).toMatch(/^lowland: [^\n]+ \[E_[A-Z]+\]\n$/);
    expect(stderr).toMatch(message);
    expect(stdout).toBe("");
    expect(actual).toBe(code);
  }

  it("a directory that holds a run, which stays as it is", async () => {
    const before = contents("reference");
    await expectRefusal(metaTrain("reference"), 1, /holds a run already; continue it with --resume.*E_RUN/);
    expect(contents("reference")).toEqual(before);
  });

  it("a directory of something else, even with --force", async () => {
    mkdirSync(join(folder, "thesis"));
    write("thesis/chapter.txt", "years of work");
    await expectRefusal(metaTrain("thesis", ["--force"]), 1, /not empty and not a lowland run/);
    await expectRefusal(metaTrain("thesis", ["--resume"]), 1, /not empty and not a lowland run/);
    expect(readFileSync(join(folder, "thesis/chapter.txt"), "utf8")).toBe("years of work");
  });

  it("--resume with other settings, which leaves the run as it is", async () => {
    copyOfReference("changed");
    const before = contents("changed");
    await expectRefusal(
      metaTrain("changed", ["--resume", "--outer-lr", "0.5"]),
      2,
      /started with other settings \(outerLearningRate 0.003, now 0.5\)/,
    );
    expect(contents("changed")).toEqual(before);
  });

  it("--resume to another length where the outer learning rate follows the length", async () => {
    const config = write(
      "decay.yaml",
      `tasks: [${JSON.stringify(task)}]\nlearned: lstm:hidden=4\nouterDecay: 0.1\n`,
    );
    const run = (steps: string): Promise<Ended> => {
      const out = [
        "--out",
        join(folder, "decay"),
        "--outer-steps",
        steps,
        "--outer-decay",
        "0.1",
        "--resume",
      ];
      return lowland(["meta-train", "--config", config, "--horizon", "4", "--truncation", "2", ...out]);
    };
    expect((await run("2")).code).toBe(0);
    await expectRefusal(run("3"), 2, /outerSteps 2, now 3/);
  });

  it.each([
    ["cut off", (path: string) => truncateSync(path, 5000)],
    ["empty", (path: string) => truncateSync(path, 0)],
    [
      "of another kind",
      (path: string) => writeFileSync(path, "PK\u0003\u0004 a zip file or so, long enough"),
    ],
    [
      "of other tensors",
      (path: string) => {
        const bytes = readFileSync(path);
        const text = bytes.toString("latin1").replace("lstm.0.w_gates", "lstm.9.w_gates");
        writeFileSync(path, text, "latin1");
      },
    ],
  ])("a checkpoint that is %s, which stays as it is", async (what, damage) => {
    const out = `damaged-${what.replaceAll(" ", "-")}`;
    const path = join(copyOfReference(out), FINAL);
    damage(path);
    const before = readFileSync(path);
    const more = argumentsOf(out, ["--resume"]).map((word) => (word === String(OUTER_STEPS) ? "150" : word));
    await expectRefusal(lowland(more), 1, /older checkpoint into .*latest \[E_CHECKPOINT/);
    expect(readFileSync(path).equals(before)).toBe(true);
    await expectRefusal(
      lowland(["train", "--task", task, "--optimizer", `learned:${path}`]),
      1,
      /E_CHECKPOINT/,
    );
  });

  it.each([
    ["meta.json is gone", ["meta.json"], /not a lowland run directory \(meta\.json .*left alone.*E_RUN/],
    ["config.resolved.json is gone", ["config.resolved.json"], /config\.resolved\.json is missing; .*E_RUN/],
    ["all checkpoints are gone", ["checkpoints"], /latest is missing, .* outer step 120; .*E_RUN/],
    ["the pointer to the latest is gone", ["checkpoints/latest"], /latest is missing, .*E_RUN/],
    ["the latest checkpoint is gone", [FINAL], /latest names "step-000120.*E_RUN/],
  ])("--resume where %s, although there is something to lose", async (_what, gone, message) => {
    const out = `without-${gone[0]!.replaceAll("/", "-")}`;
    copyOfReference(out);
    for (const name of gone) rmSync(join(folder, out, name), { recursive: true });
    const before = contents(out);
    await expectRefusal(metaTrain(out, ["--resume"]), 1, message);
    expect(contents(out)).toEqual(before);
  });

  it.each([
    ["is cut off", '{"tasks":["b', 1, /config\.resolved\.json is not valid JSON; .*E_RUN/],
    ["holds a field it does not know", '{"tasks":["b"],"steps":1}', 2, /config\.resolved\.json: .*"steps"/],
  ])("--resume where config.resolved.json %s", async (_what, text, code, message) => {
    const out = `config-${code}`;
    writeFileSync(join(copyOfReference(out), "config.resolved.json"), text);
    await expectRefusal(metaTrain(out, ["--resume"]), code, message);
    expect(finalOf(out).equals(reference)).toBe(true);
  });

  it("a run that another process is at, until that process is gone", async () => {
    const child = spawn(process.execPath, [binary, ...argumentsOf("busy", [])], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("close", resolve));
    while (stepsIn("busy") < 4) await new Promise((resolve) => setTimeout(resolve, 1));
    child.kill("SIGSTOP");
    const before = contents("busy");
    for (const flag of ["--resume", "--force"]) {
      await expectRefusal(
        metaTrain("busy", [flag]),
        1,
        new RegExp(`busy is in use by process ${child.pid} on .*; wait until it ends.*E_RUN`),
      );
    }
    expect(contents("busy")).toEqual(before);
    child.kill("SIGKILL");
    await ended;
    const { code, stderr } = await metaTrain("busy", ["--resume"]);
    expectSuccess(code, stderr);
    expect(finalOf("busy").equals(reference)).toBe(true);
    expect(readdirSync(join(folder, "busy"))).not.toContain(".lock");
  });

  it.each([
    ["under a file", () => `${task}/run`],
    ["in /proc", () => "/proc/lowland"],
  ])("a run directory %s", async (_where, out) => {
    const args = argumentsOf("x", []);
    args[args.indexOf("--out") + 1] = out();
    await expectRefusal(lowland(args), 1, /E_(IO|RUN)/);
  });

  it("a run that finds nothing finite, with exit code 3 and the step, task and seed", async () => {
    const module = write("nan.mjs", bowl("if (w[0] === w[0]) { g.fill(NaN); return NaN; }"));
    await expectRefusal(
      metaTrain("nan", [], module),
      3,
      /diverged: nothing finite in the last 20 outer steps, up to 20 \(task .*nan\.mjs.*seed 0.*E_DIVERGED/,
    );
    expect(steps("nan")).toHaveLength(19);
  });

  it.each([
    [["--outer-stps", "3"], /unknown flag --outer-stps; did you mean --outer-steps\?/],
    [["--task", "synthetic-digits/mlpp"], /unknown task "synthetic-digits\/mlpp".*synthetic-digits\/mlp"/],
    [["--task", "./nowhere.mjs"], /there is no task module .*nowhere\.mjs/],
    [["--regularizer", "smm"], /did you mean "sam"/],
    [["--regularizer", "sam:roh=1"], /did you mean "rho"/],
    [["--learned", "lstn"], /did you mean "lstm"/],
    [["--learned", "lstm:hiden=8"], /did you mean "hidden"/],
    [["--learned", "lstm:hidden=10"], /use 12/],
    [["--horizon", "33", "--truncation", "10"], /use horizon 40/],
    [["--instances", "0"], /--instances must be an integer ≥ 1/],
    [["--resume", "--force"], /exclude each other/],
  ])("%j, with exit code 2 and nothing written", async (flags, message) => {
    const out = join(folder, "never");
    const args = [
      "meta-train",
      "--out",
      out,
      ...(flags.includes("--task") ? [] : ["--task", task]),
      ...flags,
    ];
    await expectRefusal(lowland(args), 2, message);
    expect(existsSync(out)).toBe(false);
  });

  it("--resume without a task where there is no run", async () => {
    const args = ["meta-train", "--resume", "--out", join(folder, "never")];
    await expectRefusal(
      lowland(args),
      2,
      /never holds no run to resume, and without --task none can be started/,
    );
    expect(existsSync(join(folder, "never"))).toBe(false);
  });

  it("a configuration file with a field it does not know", async () => {
    const config = write("config.yaml", `tasks: [${JSON.stringify(task)}]\nouterStps: 5\n`);
    const args = ["meta-train", "--config", config, "--out", join(folder, "never")];
    await expectRefusal(lowland(args), 2, /config\.yaml.*outerStps/);
  });
});

it("settings come from a configuration file, flags taking precedence", async () => {
  const config = write(
    "good.yaml",
    `tasks: [${JSON.stringify(task)}]\nouterSteps: 7\nlearned: lstm:hidden=4\nhorizon: 10\ntruncation: 5\n`,
  );
  const out = join(folder, "configured");
  const { code } = await lowland(["meta-train", "--config", config, "--out", out, "--outer-steps", "4"]);
  expect(code).toBe(0);
  expect(JSON.parse(readFileSync(join(out, "config.resolved.json"), "utf8"))).toMatchObject({
    outerSteps: 4,
    learned: "lstm:hidden=4",
    schedule: "constant:10",
    estimator: "bptt:truncation=5",
    instances: 2,
  });
});

it("--dry-run says how long a preset would take, and writes nothing", async () => {
  const small = ["--task", "synthetic-digits@8/mlp-relu:hidden=4,batch=8", "--learned", "lstm:hidden=4"];
  const flags = ["--preset", "celo2-embedded", ...small, "--outer-steps", "100", "--schedule", "constant:50"];
  const { code, stdout } = await lowland(["meta-train", ...flags, "--dry-run", "--json"]);
  expect(code).toBe(0);
  const { outerSteps, seconds } = JSON.parse(stdout) as { outerSteps: number; seconds: number };
  expect(outerSteps).toBe(100);
  expect(seconds).toBeGreaterThan(0);
});
