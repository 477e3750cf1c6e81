import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ClusterStatus } from "../../src/cluster/status.ts";
import { latestCheckpoint } from "../../src/runs/checkpoints.ts";
import { LOWLAND_VERSION } from "../../src/version.ts";
import { lowland } from "../cli/lowland.ts";
import { type Running, start } from "./programs.ts";
import { type RedisServer, startRedis } from "./redis.ts";

const folder = mkdtempSync(join(tmpdir(), "lowland-cluster-"));
let server: RedisServer;
let redis: Redis;
const running: Running[] = [];

beforeAll(async () => {
  server = await startRedis(folder);
  redis = new Redis(server.url);
}, 600_000);

afterEach(async () => {
  await Promise.all(running.splice(0).map((program) => program.end()));
});

afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function run(args: readonly string[], env?: Readonly<Record<string, string>>): Running {
  const program = start(args, env);
  running.push(program);
  return program;
}

const worker = (args: readonly string[] = [], env?: Readonly<Record<string, string>>): Running =>
  run(["worker", server.url, "--threads", "1", ...args], env);

const meta = (task = "synthetic-digits@8/mlp-relu:hidden=4,batch=8"): string[] => [
  ...["meta-train", "--task", task, "--instances", "3"],
  ...[
    "--learned",
    "lstm:hidden=4",
    "--checkpoint-every",
    "4",
    "--validation-seeds",
    "2",
    "--outer-optimizer",
    "adam",
  ],
];
const checkpoint = (path: string): Buffer => readFileSync(latestCheckpoint(path)!.path);
const status = (path: string): ClusterStatus =>
  JSON.parse(readFileSync(join(path, "cluster.json"), "utf8")) as ClusterStatus;

/** Meta-trains in a folder to its end and gives the bytes of the last checkpoint. */
async function metaTrain(name: string, more: readonly string[] = []): Promise<Buffer> {
  const out = join(folder, name);
  const { code, stderr } = await lowland([...meta(), "--outer-steps", "8", "--out", out, ...more]);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return checkpoint(out);
}

/** Keys that an experiment left, once its workers have seen its end. */
async function leftovers(): Promise<string[]> {
  for (let look = 0; look < 50; look++) {
    const keys = await redis.keys("*");
    if (keys.length === 0) return [];
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return redis.keys("*");
}

describe("a cluster", () => {
  it.each([1, 2, 4])(
    "of %i workers meta-trains to the bits of this thread, and leaves no key",
    async (count) => {
      const alone = await metaTrain(`alone-${count}`);
      for (let i = 0; i < count; i++) worker();
      const cluster = await metaTrain(`cluster-${count}`, ["--cluster", server.url]);
      expect(cluster.equals(alone)).toBe(true);
      const { state, jobs } = status(join(folder, `cluster-${count}`));
      expect({ state, ...jobs, done: jobs.done > 8 }).toEqual({
        state: "ended",
        done: true,
        again: 0,
        waiting: 0,
      });
      expect(await leftovers()).toEqual([]);
    },
  );

  it("of workers with several threads evaluates to the results of this thread, and resumes", async () => {
    const evaluate = async (name: string, more: readonly string[]) => {
      const out = join(folder, name);
      const args = [
        "evaluate",
        "--task",
        "synthetic-digits@8/mlp",
        "--optimizer",
        "adam,sgd:lr=0.1+sam:rho=0.05",
      ];
      const { code, stderr } = await lowland([...args, "--steps", "5,10", "--out", out, ...more]);
      expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
      const { evaluations } = JSON.parse(readFileSync(join(out, "results.json"), "utf8")) as {
        evaluations: { seconds?: unknown }[];
      };
      return JSON.stringify(evaluations, (key, value) => (/seconds/i.test(key) ? undefined : value));
    };
    const alone = await evaluate("evaluate-alone", ["--threads", "1", "--seeds", "4"]);
    run(["worker", server.url, "--threads", "2"]);
    worker();
    await evaluate("evaluate", ["--cluster", server.url, "--seeds", "2"]);
    const grown = await evaluate("evaluate", ["--cluster", server.url, "--seeds", "4", "--extend"]);
    expect(grown).toBe(alone);
    expect(await leftovers()).toEqual([]);
  });

  it("hands out the weights of a learned optimizer to workers that have no copy", async () => {
    await metaTrain("weights");
    mkdirSync(join(folder, "elsewhere"));
    const other = start(["worker", server.url, "--threads", "1"], {}, join(folder, "elsewhere"));
    running.push(other);
    const evaluate = [
      "evaluate",
      "--task",
      "synthetic-digits@8/mlp",
      "--optimizer",
      "learned:weights+sam:rho=0.05",
    ];
    const results = async (more: readonly string[]) => {
      const { code, stdout } = await lowland(
        [...evaluate, "--steps", "5", "--seeds", "2", "--json", ...more],
        {
          cwd: folder,
        },
      );
      expect(code).toBe(0);
      return (JSON.parse(stdout) as { evaluations: { summary: unknown }[] }).evaluations;
    };
    const withoutTimes = (value: unknown): string =>
      JSON.stringify(value, (key, each) => (/seconds/i.test(key) ? undefined : each));
    expect(withoutTimes(await results(["--cluster", server.url]))).toBe(
      withoutTimes(await results(["--threads", "1"])),
    );
    expect(other.text()).toContain("working for");
  });

  it("keeps two experiments on one Redis apart", async () => {
    worker();
    worker();
    const [first, second] = await Promise.all([
      metaTrain("apart-1", ["--cluster", server.url, "--seed", "1"]),
      metaTrain("apart-2", ["--cluster", server.url, "--seed", "2"]),
    ]);
    expect(first.equals(await metaTrain("apart-1-alone", ["--seed", "1"]))).toBe(true);
    expect(second.equals(await metaTrain("apart-2-alone", ["--seed", "2"]))).toBe(true);
  });

  it("throws what a job throws, as what it is", async () => {
    const module = join(folder, "throws.mjs");
    writeFileSync(
      module,
      "export default () => ({ loss() { throw new Error('no such ground'); }, lossAndGradient() { throw new Error('no such ground'); } });\n",
    );
    worker();
    const { code, stderr } = await lowland([
      ...[...meta(), "--outer-steps", "2", "--regularizer", module, "--out", join(folder, "throws")],
      ...["--cluster", server.url],
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain("no such ground (on ");
  });
});

describe("a worker", () => {
  const refusal = async (
    env: Readonly<Record<string, string>>,
    more: readonly string[],
    pattern: RegExp,
    task?: string,
  ) => {
    const other = worker([], env);
    const out = join(folder, `refused-${running.length}-${Date.now()}`);
    const command = run([
      ...meta(task),
      "--outer-steps",
      "4",
      "--out",
      out,
      "--cluster",
      server.url,
      ...more,
    ]);
    await Promise.all([other.says(pattern), command.says(pattern)]);
    // one that fits does the work all the same
    worker([], more.length > 0 ? { LOWLAND_DATA_DIR: join(folder, "data") } : {});
    expect(await command.ended).toBe(0);
    expect(other.text()).toMatch(/refused by experiment [-\w]+: /);
    expect(command.text()).toMatch(/worker \w+ \(process \d+ on .*\) is refused: /);
    expect(status(out).refused).toMatchObject([{ reason: expect.stringMatching(pattern) }]);
  };

  it("of another class of bits is told why on both sides, and gets no work", async () => {
    await refusal(
      { LOWLAND_KERNELS: "portable" },
      [],
      /its kernels give portable bits, the experiment's fma;/,
    );
  });

  it("with another text of a module is refused by its name", async () => {
    const module = join(folder, "mine.mjs");
    writeFileSync(module, "export default (objective) => objective;\n");
    const command = run([
      ...[...meta(), "--outer-steps", "4", "--regularizer", module, "--out", join(folder, "module")],
      ...["--cluster", server.url],
    ]);
    await command.says(/no worker yet/);
    writeFileSync(module, "export default (objective) => ({ ...objective });\n");
    const other = worker();
    await Promise.all(
      [other, command].map(({ says }) => says(/it has no or another .*mine\.mjs; copy the file/)),
    );
    expect(other.text()).not.toContain("working for");
  });

  it("of another version is refused with both", async () => {
    const id = "00000000-version";
    const needs = { version: "9.9.9", kernelVariant: "fma", files: {}, data: {} };
    const work = { kind: "evaluate", tasks: ["synthetic-digits@8/mlp"], specs: [] };
    await redis.sadd("lowland/experiments", id);
    await redis.set(`lowland/${id}/offer`, JSON.stringify({ id, work, needs }), "EX", 30);
    await redis.set(`lowland/${id}/keep`, "", "EX", 30);
    const other = worker();
    await other.says(
      new RegExp(`it runs Lowland ${LOWLAND_VERSION}, the experiment 9\\.9\\.9; install lowland@9\\.9\\.9`),
    );
    await redis.flushall();
  });

  it("without the dataset is refused with what it looked for", async () => {
    // two images of four classes in the files of MNIST, which the other worker does not have
    const data = join(folder, "data", "mnist");
    mkdirSync(data, { recursive: true });
    const idx = (dims: number[], bytes: Uint8Array): Uint8Array =>
      Buffer.concat([
        Buffer.from([0, 0, 8, dims.length]),
        ...dims.map((n) => Buffer.from([0, 0, n >> 8, n & 255])),
        bytes,
      ]);
    for (const part of ["train", "t10k"]) {
      const count = 200;
      writeFileSync(
        join(data, `${part}-images-idx3-ubyte`),
        idx(
          [count, 28, 28],
          new Uint8Array(count * 784).map((_, i) => (i * 37) % 251),
        ),
      );
      writeFileSync(
        join(data, `${part}-labels-idx1-ubyte`),
        idx(
          [count],
          new Uint8Array(count).map((_, i) => i % 10),
        ),
      );
    }
    await refusal({}, ["--data-dir", join(folder, "data")], /mnist/, "mnist@8/mlp-relu:hidden=4,batch=8");
  });

  it("leaves after the job at hand when it is asked to, and ends by itself when it is idle", async () => {
    const idle = worker(["--idle", "0.1"]);
    expect(await idle.ended).toBe(0);
    const asked = worker();
    await asked.says(/waiting for experiments/);
    asked.child.kill("SIGTERM");
    expect(await asked.ended).toBe(143);
  });
});
