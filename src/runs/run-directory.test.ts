import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ErrorCode, LowlandError } from "../errors.ts";
import { formatCard } from "./card.ts";
import { findCheckpoint } from "./checkpoints.ts";
import { ioError, writeFileAtomic } from "./files.ts";
import { LOCK_FILE } from "./lock.ts";
import { MetricsWriter, readMetrics } from "./metrics.ts";
import { describeRun, isRunDirectory } from "./run.ts";
import { RunDirectory } from "./run-directory.ts";

const meta = describeRun({
  variant: "portable",
  command: ["meta-train", "--task", "it's", "--out", "runs/x"],
  seed: 7,
  started: "2026-01-02T03:04:05Z",
});
const config = { task: "synthetic-digits/mlp", outerSteps: 10 };
const bytes = (step: number): Uint8Array => Uint8Array.of(step, 1, 2);

let root: string;
let path: string;
const open: RunDirectory[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "lowland-runs-"));
  path = join(root, "deep", "run");
});
afterEach(() => {
  for (const run of open.splice(0)) run.close();
  rmSync(root, { recursive: true });
});

function refusal(code: ErrorCode, run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(LowlandError);
    expect((error as LowlandError).code).toBe(code);
    expect((error as LowlandError).message).toMatch(/^[^\n]+; [^\n]+$/);
    return (error as LowlandError).message;
  }
  throw new Error("expected a refusal");
}

function create(force = false): RunDirectory {
  const run = RunDirectory.create(path, { meta, config, force });
  open.push(run);
  return run;
}

/** What is in the run directory, the lock left out. */
function names(): string[] {
  return readdirSync(path).filter((name) => name !== LOCK_FILE);
}

describe("RunDirectory.create", () => {
  it("writes what the run is made of, and open reads it back", () => {
    create().close();
    expect(names()).toEqual(["checkpoints", "config.resolved.json", "meta.json"]);
    const run = RunDirectory.open(path);
    expect(run.meta).toEqual(meta);
    expect(run.meta).toMatchObject({ node: process.version, seed: 7, variant: "portable" });
    expect(run.config).toEqual(config);
    expect(run.latest()).toBeUndefined();
    expect(run.best()).toBeUndefined();
  });

  it("takes an empty directory, also one a process died in before it wrote anything", () => {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, ".meta.json.123.tmp"), "{");
    create();
    expect(names()).toEqual(["checkpoints", "config.resolved.json", "meta.json"]);
  });

  it("refuses a run that is there and leaves it as it was", () => {
    create().writeCheckpoint(1, bytes(1));
    expect(refusal("E_RUN", () => create())).toContain("--resume");
    expect(RunDirectory.open(path).latest()?.step).toBe(1);
  });

  it("replaces a run when forced, and only the files of the run", () => {
    const old = create();
    old.metrics.append({ outerStep: 1 });
    old.writeCheckpoint(1, bytes(1), { best: true });
    old.writeCard("card");
    old.close();
    writeFileSync(join(path, "notes.txt"), "mine");
    writeFileSync(join(path, "checkpoints", "mine.safetensors"), "mine");
    writeFileSync(join(path, "events.out.tfevents.1.lowland"), "");
    create(true);
    expect(names()).toEqual(["checkpoints", "config.resolved.json", "meta.json", "notes.txt"]);
    expect(readdirSync(join(path, "checkpoints"))).toEqual(["mine.safetensors"]);
  });

  it("never touches a directory that is no run, forced or not", () => {
    mkdirSync(path, { recursive: true });
    for (const content of ["not JSON", "null", '{"name":"other"}']) {
      writeFileSync(join(path, "meta.json"), content);
      writeFileSync(join(path, "metrics.jsonl"), "precious");
      for (const force of [false, true]) {
        expect(refusal("E_RUN", () => create(force))).toContain("left alone");
      }
      expect(readdirSync(path)).toEqual(["meta.json", "metrics.jsonl"]);
      expect(readFileSync(join(path, "metrics.jsonl"), "utf8")).toBe("precious");
    }
  });

  it("does not follow a symbolic link out of the run when forced", () => {
    create();
    const outside = join(root, "outside.json");
    writeFileSync(outside, "precious");
    symlinkSync(outside, join(path, "results.json"));
    create(true);
    expect(existsSync(join(path, "results.json"))).toBe(false);
    expect(readFileSync(outside, "utf8")).toBe("precious");
  });

  it("refuses a file, and a directory that cannot be made", () => {
    const file = join(root, "file");
    writeFileSync(file, "");
    expect(refusal("E_RUN", () => RunDirectory.create(file, { meta, config }))).toContain("is a file");
    const below = join(file, "run");
    expect(refusal("E_IO", () => RunDirectory.create(below, { meta, config }))).toContain("ENOTDIR");
  });

  it.runIf(process.platform === "linux")("refuses a read-only file system", () => {
    refusal("E_IO", () => RunDirectory.create("/proc/lowland", { meta, config }));
  });
});

describe("RunDirectory.open", () => {
  it("refuses what is no run or a damaged one", () => {
    expect(refusal("E_RUN", () => RunDirectory.open(path))).toContain("does not exist");
    mkdirSync(path, { recursive: true });
    expect(refusal("E_RUN", () => RunDirectory.open(path))).toContain("not a lowland run directory");
    create();
    writeFileSync(join(path, "config.resolved.json"), '{"cut');
    expect(refusal("E_RUN", () => RunDirectory.open(path))).toContain("not valid JSON");
    rmSync(join(path, "config.resolved.json"));
    expect(refusal("E_RUN", () => RunDirectory.open(path))).toContain("is missing");
  });

  it("removes what killed writers left", () => {
    create();
    const leftovers = [join(path, ".README.md.42.tmp"), join(path, "checkpoints", ".latest.42.tmp")];
    for (const leftover of leftovers) writeFileSync(leftover, "torn");
    RunDirectory.open(path);
    expect(leftovers.filter((leftover) => existsSync(leftover))).toEqual([]);
  });
});

describe("checkpoints", () => {
  it("are named by step, and latest and best point at them", () => {
    const run = create();
    run.writeCheckpoint(100, bytes(1), { best: true });
    run.writeCheckpoint(1_234_567, bytes(2));
    expect(readdirSync(join(path, "checkpoints"))).toEqual([
      "best",
      "latest",
      "step-000100.safetensors",
      "step-1234567.safetensors",
    ]);
    expect(readFileSync(join(path, "checkpoints", "latest"), "utf8")).toBe("step-1234567.safetensors\n");
    expect(run.latest()).toEqual({
      step: 1_234_567,
      path: join(path, "checkpoints", "step-1234567.safetensors"),
    });
    expect(new Uint8Array(readFileSync(run.best()!.path))).toEqual(bytes(1));
  });

  it("are pruned to the newest, latest and best", () => {
    const run = create();
    run.writeCheckpoint(1, bytes(1), { best: true });
    for (let step = 2; step <= 5; step++) run.writeCheckpoint(step, bytes(step), { keep: 2 });
    const steps = (): string[] =>
      readdirSync(join(path, "checkpoints")).filter((name) => name.startsWith("step"));
    expect(steps()).toEqual([
      "step-000001.safetensors",
      "step-000004.safetensors",
      "step-000005.safetensors",
    ]);
    run.markBest(4);
    run.prune(0);
    expect(steps()).toEqual(["step-000004.safetensors", "step-000005.safetensors"]);
  });

  it("cannot be pointed at when missing", () => {
    const run = create();
    refusal("E_RUN", () => run.markBest(3));
    run.writeCheckpoint(1, bytes(1));
    for (const content of ["step-000009.safetensors", "../../secret", ""]) {
      writeFileSync(join(path, "checkpoints", "latest"), content);
      expect(refusal("E_RUN", () => run.latest())).toContain("no checkpoint there");
    }
  });

  it("are found by run directory, best first, or by file", () => {
    expect(refusal("E_RUN", () => findCheckpoint(path))).toContain("does not exist");
    const run = create();
    expect(refusal("E_RUN", () => findCheckpoint(path))).toContain("no checkpoint yet");
    expect(refusal("E_RUN", () => findCheckpoint(root))).toContain("not a lowland run directory");
    run.writeCheckpoint(1, bytes(1));
    run.writeCheckpoint(2, bytes(2));
    expect(findCheckpoint(path)).toBe(run.latest()!.path);
    run.markBest(1);
    expect(findCheckpoint(path)).toBe(run.best()!.path);
    expect(findCheckpoint(run.latest()!.path)).toBe(run.latest()!.path);
  });
});

describe("metrics", () => {
  it("survive truncation to a checkpoint and a torn last line", () => {
    const run = create();
    run.metrics.append({ note: "start" });
    for (let step = 1; step <= 4; step++) run.metrics.append({ outerStep: step, metaLoss: 1 / step });
    run.close();
    const file = join(path, "metrics.jsonl");
    writeFileSync(file, `${readFileSync(file, "utf8")}{"outerStep":5,"meta`);
    expect(readMetrics(file)).toHaveLength(5);

    const resumed = RunDirectory.open(path);
    resumed.metrics.truncateTo(2);
    resumed.metrics.append({ outerStep: 3, metaLoss: 0.5 });
    resumed.close();
    expect(readMetrics(file)).toEqual([
      { note: "start" },
      { outerStep: 1, metaLoss: 1 },
      { outerStep: 2, metaLoss: 0.5 },
      { outerStep: 3, metaLoss: 0.5 },
    ]);
    expect(isRunDirectory(path)).toBe(true);
  });

  it("of a missing file are none, and truncating it makes none", () => {
    const file = join(root, "metrics.jsonl");
    new MetricsWriter(file).truncateTo(3);
    expect(existsSync(file)).toBe(false);
    expect(readMetrics(file)).toEqual([]);
  });

  it("with a damaged line are refused, not dropped", () => {
    const file = join(root, "metrics.jsonl");
    writeFileSync(file, '{"outerStep":1}\nnonsense\n{"outerStep":2}\n');
    expect(refusal("E_RUN", () => readMetrics(file))).toContain("line 2");
    refusal("E_RUN", () => new MetricsWriter(file).truncateTo(1));
    expect(readFileSync(file, "utf8")).toContain("nonsense");
  });

  it.runIf(existsSync("/dev/full"))("on a full disk are an E_IO that says so", () => {
    const metrics = new MetricsWriter("/dev/full");
    expect(refusal("E_IO", () => metrics.append({ outerStep: 1 }))).toContain("the disk is full");
    metrics.close();
  });
});

describe("writeFileAtomic", () => {
  it("leaves the old content and no temporary file when it fails", () => {
    const target = join(root, "target");
    mkdirSync(target);
    writeFileSync(join(target, "inside"), "old");
    refusal("E_IO", () => writeFileAtomic(target, "new"));
    expect(readdirSync(root)).toEqual(["target"]);
    expect(readFileSync(join(target, "inside"), "utf8")).toBe("old");
  });

  it.runIf(existsSync("/dev/full"))("leaves the old content when the disk fills up while it writes", () => {
    const target = join(root, "latest");
    writeFileSync(target, "old");
    symlinkSync("/dev/full", join(root, `.latest.${process.pid}.tmp`));
    expect(refusal("E_IO", () => writeFileAtomic(target, "new"))).toContain("ENOSPC");
    expect(readFileSync(target, "utf8")).toBe("old");
    expect(readdirSync(root)).toEqual(["latest"]);
  });
});

describe("ioError", () => {
  it("names an error it has no advice for by its code", () => {
    const message = refusal("E_IO", () => {
      throw ioError("read", "x", Object.assign(new Error("bad"), { code: "EIO" }));
    });
    expect(message).toContain("EIO");
  });
});

describe("formatCard", () => {
  it("says how to make the run again, in words a shell reads back", () => {
    const card = formatCard({
      title: "Plain LSTM",
      description: "It.",
      meta,
      config,
      results: { accuracy: "91.5 %" },
    });
    expect(card).toContain("lowland meta-train --task 'it'\\''s' --out runs/x\n");
    expect(card).toContain("| accuracy | 91.5 % |");
    expect(card).toContain(`Lowland ${meta.lowland} (portable kernels)`);
    expect(card).toContain('"outerSteps": 10');
  });
});
