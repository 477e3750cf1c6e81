import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { binary, lowland, node } from "./lowland.ts";

let empty: string;
beforeAll(() => {
  if (!existsSync(binary)) throw new Error("dist/cli/main.js is missing; run npm run build");
  empty = mkdtempSync(join(tmpdir(), "lowland-cli-"));
});
afterAll(() => rmSync(empty, { recursive: true }));

describe("lowland", () => {
  it.each([[[]], [["--help"]], [["-h"]], [["data"]], [["data", "list", "--help"]]])(
    "%j prints help",
    async (args) => {
      const { code, stdout, stderr } = await lowland(args);
      expect(stdout).toMatch(/^USAGE/);
      expect(stdout).not.toContain("\u001b");
      expect(stderr).toBe("");
      expect(code).toBe(0);
    },
  );

  it("--version prints the version of the package", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(await lowland(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  it.each([
    [["dta"], 'unknown command "dta"; did you mean data?'],
    [["data", "lsit"], 'unknown command "lsit"; did you mean list?'],
    [["--hlep"], "unknown flag --hlep; did you mean --help?"],
    [["data", "list", "--jsn"], "unknown flag --jsn; did you mean --json?"],
    [["data", "list", "--jsn", "--wrong"], "unknown flag --jsn"],
    [["data", "list", "-x"], "unknown flag -x"],
    [["data", "list", "--data-dir"], "--data-dir is missing or has no value"],
    [["data", "fetch", "a", "b"], 'unexpected argument "b"'],
    [["data", "verify", "mnits"], 'unknown dataset "mnits"'],
    [["reproduce", "paper", "--budget", "houre", "--out", "x"], "did you mean hour?"],
    [["reproduce", "paper", "--source", "mnist/mpl", "--out", "x"], 'did you mean "mnist/mlp"?'],
    [
      ["reproduce", "paper", "--force", "--extend", "--dry-run", "--out", "x"],
      "--extend and --force exclude each other",
    ],
    [
      ["reproduce", "paper", "--learned", "runs/a", "--outer-steps", "5", "--out", "x"],
      "--outer-steps would do nothing",
    ],
    [["zoo", "show", "lstm-sam"], 'did you mean "lstm-sam-mnist"?'],
    [["train", "--task", "synthetic-digits/mlp", "--optimizer", "adam,sgd"], "takes one optimizer, not 2"],
    [["train", "--task", "./nope.mjs", "--optimizer", "adam"], "there is no task module"],
    [["evaluate", "--task", "synthetic-digits/mlp", "--optimizer", "adam,adam"], "distinct optimizers"],
    [["evaluate", "--task", "a/b,a/b", "--optimizer", "adam"], "distinct tasks"],
    [
      ["evaluate", "--task", "synthetic-digits/mlp", "--optimizer", "adam", "--steps", "5,5"],
      "distinct numbers of steps",
    ],
  ])("%j is one line on stderr and exit 2", async (args, message) => {
    const { code, stdout, stderr } = await lowland(args);
    expect(stderr).toMatch(/^lowland: [^\n]+ \[E_(USAGE|CONFIG)\]\n$/);
    expect(stderr).toContain(message);
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });

  it("takes a reader that has gone for no failure", () => {
    const { status, stderr } = spawnSync(
      "bash",
      ["-c", 'set -o pipefail; "$0" "$1" data list | true', process.execPath, binary],
      { encoding: "utf8" },
    );
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });

  it.runIf(existsSync("/dev/full"))("says when its results cannot be written", () => {
    const { status, stderr } = spawnSync(
      "bash",
      ["-c", '"$0" "$1" data list > /dev/full', process.execPath, binary],
      {
        encoding: "utf8",
      },
    );
    expect(stderr).toMatch(/^lowland: cannot write standard output: the disk is full .+ \[E_IO\]\n$/);
    expect(status).toBe(1);
  });
});

describe("an error that nobody caught", () => {
  const library = JSON.stringify(new URL("../../dist/index.js", import.meta.url).href);
  const throwing = (what: string): string => `
    import { defineTask, LowlandError } from ${library};
    setTimeout(() => { ${what} }, 100);
    export default defineTask({ name: "late", layout: 1, lossAndGradient: (w, _batch, g) => { g[0] = w[0]; return 1; } });`;

  it.each([
    [
      "a setting",
      `throw new LowlandError("E_CONFIG", "too late; be earlier");`,
      2,
      "too late; be earlier [E_CONFIG]",
    ],
    [
      "divergence",
      `Promise.reject(new LowlandError("E_DIVERGED", "gone; go back"));`,
      3,
      "gone; go back [E_DIVERGED]",
    ],
    ["a bug", `throw new TypeError("no");`, 1, "this is a bug in lowland: TypeError: no"],
  ])("of %s ends the program with its exit code", async (_what, code, exitCode, message) => {
    const module = join(empty, `late-${exitCode}.mjs`);
    writeFileSync(module, throwing(code));
    const ended = await lowland(["train", "--task", module, "--steps", "1000000000"]);
    expect(ended.stderr).toContain(message);
    expect(ended.code).toBe(exitCode);
  });
});

describe("lowland data", () => {
  it("list prints a table, or one JSON document", async () => {
    const env = { LOWLAND_HOME: empty };
    const table = await lowland(["data", "list"], { env });
    expect(table.stdout).toMatch(/^synthetic-digits +28×28×1 +10 +ready/m);
    expect(table.stdout).toMatch(/^mnist .* missing/m);
    const json = await lowland(["data", "list", "--json"], { env });
    const { schemaVersion, datasets } = JSON.parse(json.stdout) as {
      schemaVersion: number;
      datasets: { name: string; available: boolean }[];
    };
    expect(schemaVersion).toBe(1);
    expect(datasets.find(({ name }) => name === "mnist")?.available).toBe(false);
    expect([json.code, json.stderr]).toEqual([0, ""]);
  });

  it("verify tells a missing dataset, which is no failure unless it was asked for", async () => {
    const env = { LOWLAND_HOME: empty };
    const asked = await lowland(["data", "verify", "mnist"], { env });
    expect(asked.code).toBe(1);
    expect(asked.stderr).toMatch(/^lowland: no files of mnist in .+ \[E_DATA\]\n$/);
    expect((await lowland(["data", "verify"], { env })).code).toBe(0);
  });

  it("verify refuses damaged files", async () => {
    for (const part of ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"]) {
      writeFileSync(join(empty, `${part}-ubyte`), "damaged");
    }
    const { code, stderr } = await lowland(["data", "verify", "mnist", "--data-dir", empty]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^lowland: [^\n]+ \[E_DATA\]\n$/);
  });

  it("fetch without network is one line and exit 1", async () => {
    const { code, stderr } = await lowland(["data", "fetch", "fashion-mnist"], {
      env: { LOWLAND_HOME: empty },
    });
    expect(stderr).toMatch(/^lowland: [^\n]+ \[E_DATA\]\n$/);
    expect(code).toBe(1);
  });
});

describe("signals", () => {
  const module = JSON.stringify(new URL("../../dist/cli/signals.js", import.meta.url).href);
  const program = (onAbort: string): string[] => [
    "--input-type=module",
    "-e",
    `import { SignalListener } from ${module};
     const listener = new SignalListener();
     const { signal } = listener;
     const alive = setInterval(() => {}, 1000);
     signal.addEventListener("abort", () => { console.log("aborted"); ${onAbort} });
     console.log("ready");`,
  ];

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s lets a command tidy up and ends with its exit code", async (name, code) => {
    const ended = await node(program("clearInterval(alive); process.exitCode = listener.exitCode(0);"), {
      onStdout: (text, kill) => {
        if (text.includes("ready")) kill(name);
      },
    });
    expect(ended).toEqual({ code, stdout: "ready\naborted\n", stderr: "" });
  });

  it("a second one ends a command that does not stop", async () => {
    const ended = await node(program(""), { onStdout: (_text, kill) => kill("SIGINT") });
    expect(ended).toEqual({ code: 130, stdout: "ready\naborted\n", stderr: "" });
  });
});
