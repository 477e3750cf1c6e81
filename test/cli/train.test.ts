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
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeIdx } from "../../src/data/idx.ts";
import { decodeSafetensors } from "../../src/runs/safetensors.ts";
import { binary, type Ended, lowland, node } from "./lowland.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lowland-train-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function expectRefusal(ended: Promise<Ended>, code: number, message: RegExp): Promise<void> {
  const { code: actual, stdout, stderr } = await ended;
  expect(stderr).toMatch(/^lowland: [^\n]+ \[E_[A-Z]+\]\n$/);
  expect(stderr).toMatch(message);
  expect(stdout).toBe("");
  expect(actual).toBe(code);
}

function train(...args: string[]): Promise<Ended> {
  return lowland(["train", "--task", "synthetic-digits/mlp", "--steps", "20", ...args]);
}

describe("lowland train", () => {
  it("prints a table", async () => {
    const { code, stdout } = await train("--optimizer", "adam:lr=0.01");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^task +optimizer +steps +train loss +test loss +test accuracy +steps\/s/);
    expect(stdout).toMatch(/^synthetic-digits\/mlp +adam:lr=0\.01 +20 /m);
  });

  it("prints one JSON document, the same for the same seed", async () => {
    const run = async (seed: string): Promise<Record<string, unknown>> => {
      const { code, stdout } = await train("--seed", seed, "--json");
      expect(code).toBe(0);
      const { stepsPerSecond, ...rest } = JSON.parse(stdout) as Record<string, unknown>;
      expect(stepsPerSecond).toBeGreaterThan(0);
      return rest;
    };
    const first = await run("3");
    expect(first).toMatchObject({
      schemaVersion: 1,
      task: "synthetic-digits/mlp",
      steps: 20,
      seed: 3,
      diverged: false,
      gradientEvaluations: 20,
      trainLoss: expect.any(Number),
      testLoss: expect.any(Number),
      testAccuracy: expect.any(Number),
    });
    expect(first.curve).toHaveLength(20);
    expect(await run("3")).toEqual(first);
    expect(await run("4")).not.toEqual(first);
  });

  it("spends two gradients a step under SAM", async () => {
    const { stdout } = await train("--regularizer", "sam:rho=0.05", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ regularizer: "sam:rho=0.05", gradientEvaluations: 40 });
  });

  it("says what trained, wherever the regularizer was written", async () => {
    const { stdout } = await train("--optimizer", "adam+sam:rho=0.05+clip:norm=1", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      optimizer: "adam+clip:norm=1",
      regularizer: "sam:rho=0.05",
      gradientEvaluations: 40,
    });
  });

  it("writes a run directory with the final parameters, and never over another run", async () => {
    const out = join(folder, "run");
    expect((await train("--out", out)).code).toBe(0);
    expect(readdirSync(out).sort()).toEqual(
      expect.arrayContaining([
        "checkpoints",
        "config.resolved.json",
        "meta.json",
        "metrics.jsonl",
        "results.json",
      ]),
    );
    const path = join(out, "checkpoints/step-000020.safetensors");
    const { tensors } = decodeSafetensors(readFileSync(path), { source: path });
    expect([...tensors.keys()].sort()).toEqual(["dense0.b", "dense0.w", "dense1.b", "dense1.w"]);
    const before = readFileSync(path);
    await expectRefusal(train("--out", out), 1, /holds a run already; replace it with --force, or .*E_RUN/);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect((await train("--out", out, "--force", "--seed", "1")).code).toBe(0);
    expect(readFileSync(path).equals(before)).toBe(false);
  });

  it("ends a run that diverges with exit code 3, its results being kept", async () => {
    const out = join(folder, "diverged");
    const { code, stdout, stderr } = await lowland(
      [
        "train",
        "--task",
        "synthetic-digits/mlp-relu",
        "--steps",
        "50",
        "--optimizer",
        "sgd:lr=1000000",
      ].concat([...["--out", out, "--json"]]),
    );
    expect(stderr).toMatch(
      /^lowland: training diverged: sgd:lr=1000000 on synthetic-digits\/mlp-relu, seed 0, .* at step \d+; .*\[E_DIVERGED\]\n$/,
    );
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ diverged: true, trainLoss: null, testAccuracy: null });
    expect(JSON.parse(readFileSync(join(out, "results.json"), "utf8"))).toMatchObject({ diverged: true });
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("ends on %s with exit code %i", async (name, exitCode) => {
    const program = `
      import { spawn } from "node:child_process";
      const args = ["train", "--task", "synthetic-digits/mlp", "--steps", "100000000"];
      const child = spawn(process.execPath, [${JSON.stringify(binary)}, ...args], { stdio: ["ignore", "inherit", "pipe"] });
      child.stderr.once("data", () => child.kill(${JSON.stringify(name)}));
      child.stderr.on("data", (text) => process.stderr.write(text));
      child.on("close", (code) => { process.exitCode = code; });`;
    const { code, stderr } = await node(["--input-type=module", "-e", program]);
    expect(stderr).toContain("stopped by");
    expect(stderr).not.toContain("bug");
    expect(code).toBe(exitCode);
  });

  it.each([
    [["--optimzer", "adam"], /unknown flag --optimzer; did you mean --optimizer\?/],
    [["--optimizer", "adma"], /unknown optimizer "adma"; did you mean "adam"/],
    [["--optimizer", "adam:rl=1"], /did you mean "lr"/],
    [["--optimizer", "adam:lr=fast"], /lr of optimizer adam must be a number/],
    [["--regularizer", "smm"], /did you mean "sam"/],
    [["--steps", "0"], /--steps must be an integer ≥ 1/],
    [["--seed", "x"], /--seed must be an integer/],
  ])("refuses %j with exit code 2", async (flags, message) => {
    const own = flags.includes("--steps") ? [] : ["--steps", "5"];
    await expectRefusal(lowland(["train", "--task", "synthetic-digits/mlp", ...own, ...flags]), 2, message);
  });

  it("refuses an unknown task with a suggestion, and to go without one", async () => {
    await expectRefusal(lowland(["train", "--task", "mnist/mpl"]), 2, /did you mean "mnist\/mlp"/);
    await expectRefusal(lowland(["train"]), 2, /--task is missing/);
  });

  it.each([
    ["under a file", () => join(folder, "a-file", "run")],
    ["in /proc", () => "/proc/lowland"],
  ])("refuses a run directory %s", async (_where, out) => {
    writeFileSync(join(folder, "a-file"), "");
    await expectRefusal(train("--out", out()), 1, /E_(IO|RUN)/);
  });

  it.runIf(existsSync("/dev/full"))("says when a full disk takes its results", async () => {
    const { code, stderr } = await node([
      "-e",
      `const { spawnSync } = require("node:child_process");
       const full = require("node:fs").openSync("/dev/full", "w");
       const args = [${JSON.stringify(binary)}, "train", "--task", "synthetic-digits/mlp", "--steps", "5", "--json"];
       const { status } = spawnSync(process.execPath, args, { stdio: ["ignore", full, "inherit"] });
       process.exitCode = status;`,
    ]);
    expect(stderr).toMatch(/^lowland: cannot write standard output: the disk is full .+ \[E_IO\]\n$/);
    expect(code).toBe(1);
  });
});

describe("a dataset file that is", () => {
  const files = {
    "train-images-idx3-ubyte": encodeIdx([60, 28, 28], new Uint8Array(60 * 784)),
    "train-labels-idx1-ubyte": encodeIdx([60], new Uint8Array(60)),
    "t10k-images-idx3-ubyte": encodeIdx([20, 28, 28], new Uint8Array(20 * 784)),
    "t10k-labels-idx1-ubyte": encodeIdx([20], new Uint8Array(20)),
  };
  const images = files["train-images-idx3-ubyte"];

  function onDisk(changes: Record<string, Uint8Array | undefined>): string {
    const directory = mkdtempSync(join(folder, "data-"));
    mkdirSync(join(directory, "mnist"));
    for (const [name, bytes] of Object.entries({ ...files, ...changes })) {
      if (bytes !== undefined) writeFileSync(join(directory, "mnist", name), bytes);
    }
    return directory;
  }

  function trainOn(directory: string): Promise<Ended> {
    return lowland(["train", "--task", "mnist/mlp", "--steps", "2", "--data-dir", directory]);
  }

  it.each([
    ["missing", { "t10k-labels-idx1-ubyte": undefined }, /lacks t10k-labels-idx1-ubyte/],
    ["cut off", { "train-images-idx3-ubyte": images.subarray(0, 3000) }, /train-images-idx3-ubyte/],
    [
      "cut off in its header",
      { "train-images-idx3-ubyte": images.subarray(0, 7) },
      /train-images-idx3-ubyte/,
    ],
    ["empty", { "train-labels-idx1-ubyte": new Uint8Array(0) }, /train-labels-idx1-ubyte/],
    ["too long", { "train-images-idx3-ubyte": new Uint8Array([...images, 0]) }, /train-images-idx3-ubyte/],
    ["of another kind", { "train-images-idx3-ubyte": images.with(2, 0x0d) }, /train-images-idx3-ubyte/],
    ["of impossible size", { "train-images-idx3-ubyte": images.with(4, 0x7f) }, /train-images-idx3-ubyte/],
    [
      "of another count than its labels",
      { "train-labels-idx1-ubyte": encodeIdx([59], new Uint8Array(59)) },
      /59|60/,
    ],
    [
      "full of classes that do not exist",
      { "train-labels-idx1-ubyte": encodeIdx([60], new Uint8Array(60).fill(11)) },
      /train-labels-idx1-ubyte/,
    ],
  ])("%s is refused", async (_what, changes: Record<string, Uint8Array | undefined>, message) => {
    await expectRefusal(trainOn(onDisk(changes)), 1, message);
    expect((await trainOn(onDisk(changes))).stderr).not.toContain("is not on this machine");
    const out = join(folder, "never");
    const metaTrain = ["meta-train", "--task", "mnist/mlp", "--data-dir", onDisk(changes), "--out", out];
    await expectRefusal(lowland(metaTrain), 1, /E_DATA/);
    expect(existsSync(out)).toBe(false);
  });

  it("whole, but not the official one, is taken", async () => {
    expect((await trainOn(onDisk({}))).code).toBe(0);
  });

  it("that its keeper says is a copy is called so in every row, on the page and below the table", async () => {
    const data = onDisk({});
    writeFileSync(join(data, "mnist", "NOTE.txt"), "Black copy: every pixel is zero\n");
    const out = join(folder, "noted");
    const grid = ["--steps", "1", "--seeds", "1", "--threads", "1", "--out", out, "--data-dir", data];
    const { code, stdout } = await lowland([
      "evaluate",
      "--task",
      "mnist/mlp",
      "--optimizer",
      "sgd",
      ...grid,
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^mnist\/mlp \(Black copy\) +sgd/m);
    expect(stdout).toContain("mnist: Black copy: every pixel is zero. Its bytes were not verified");
    expect(JSON.parse(readFileSync(join(out, "results.json"), "utf8"))).toMatchObject({
      datasets: [{ name: "mnist", checksums: "not official", note: "Black copy: every pixel is zero" }],
    });
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("mnist/mlp (Black copy)");
  });

  it("not here at all is named, with what to do", async () => {
    const env = { LOWLAND_HOME: join(folder, "nothing") };
    await expectRefusal(lowland(["train", "--task", "mnist/mlp"], { env }), 1, /E_DATA/);
  });
});

describe("lowland tasks, optimizers and regularizers", () => {
  it.each([
    ["tasks", /^synthetic-digits\/mlp +15910 /m],
    ["optimizers", /^adam .*\n {2}lr +0\.001 /m],
    ["regularizers", /^sam .*\n {2}rho +0\.05 /m],
  ])("%s lists names, defaults and descriptions", async (command, line) => {
    const { code, stdout, stderr } = await lowland([command]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(line);
    const json = await lowland([command, "--json"]);
    const document = JSON.parse(json.stdout) as Record<string, unknown>;
    expect(document.schemaVersion).toBe(1);
    expect((document[command] as unknown[]).length).toBeGreaterThan(4);
  });
});
