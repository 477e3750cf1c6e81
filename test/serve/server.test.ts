import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunDetail, RunSummary, RunsChanged, SeriesReply } from "../../src/serve/protocol.ts";
import { type Serving, serve } from "../../src/serve/server.ts";
import { ask, readEvents } from "./http.ts";
import { end, finishedRun, temporaryFolder, unendingRun, until } from "./runs.ts";

let folder: string;
let serving: Serving;
beforeAll(async () => {
  folder = temporaryFolder();
  await finishedRun(join(folder, "seed-0"));
  serving = await serve([folder], { port: 0 });
});
afterAll(async () => {
  await serving.close();
  rmSync(folder, { recursive: true });
});

async function json<T>(path: string): Promise<T> {
  const { status, body } = await ask(serving.url, path);
  expect(status, body).toBe(200);
  return JSON.parse(body) as T;
}

async function runNamed(name: string): Promise<RunSummary | undefined> {
  const { runs } = await json<RunsChanged>("/api/runs");
  return runs.find((run) => run.name.endsWith(`/${name}`));
}

/** Waits until the list, which may be a second old, says so. */
async function untilRun(name: string, isSo: (run: RunSummary) => boolean): Promise<RunSummary> {
  let found: RunSummary | undefined;
  await until(async () => {
    found = await runNamed(name);
    return found !== undefined && isSo(found);
  });
  return found!;
}

const records = (name: string): Record<string, number>[] =>
  readFileSync(join(folder, name, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, number>);

describe("the list of runs", () => {
  it("says of a finished run what its files say", async () => {
    const run = (await runNamed("seed-0"))!;
    const written = records("seed-0");
    expect(run).toMatchObject({ kind: "meta-train", status: "finished", done: 12, total: 12, computing: [] });
    expect(run.last.metaLoss).toBe(written.at(-1)!.metaLoss);
    expect(run.seconds).toBe(written.at(-1)!.seconds);
    expect(run.config).toMatchObject({ learned: "lstm:hidden=4", outerSteps: 12 });
    expect(run.files).toEqual(["README.md", "config.resolved.json", "meta.json", "metrics.jsonl"]);
    const losses = written.flatMap(({ validation }) =>
      validation === undefined ? [] : [(validation as unknown as { loss: number }).loss],
    );
    expect(run.best!.loss).toBe(Math.min(...losses));
  });

  it("shows a run as running, crashed when it is killed, running again when resumed, and waiting when it was stopped", async () => {
    const out = join(folder, "long");
    let child = await unendingRun(out);
    const running = await untilRun(
      "long",
      ({ status, etaSeconds }) => status === "running" && etaSeconds! > 0,
    );
    expect(running.computing).toMatchObject([{ pid: child.pid, alive: true }]);
    expect(running.total).toBe(1_000_000);
    await end(child, "SIGKILL");
    // a kill in the middle of a line
    appendFileSync(join(out, "metrics.jsonl"), '{"outerStep":999999,"metaLo');
    const crashed = await untilRun("long", ({ status }) => status === "crashed");
    expect(crashed.done).toBeLessThan(999_999);
    expect(crashed.etaSeconds).toBeUndefined();
    child = await unendingRun(out, ["--resume"]);
    await untilRun("long", ({ status }) => status === "running");
    await end(child, "SIGINT");
    const waiting = await untilRun("long", ({ status }) => status === "waiting");
    expect(waiting.computing).toEqual([]);
    expect(waiting.done).toBe(records("long").at(-1)!.outerStep);
  });

  it("shows a run as crashed that ended by itself in the middle, and one without a step as waiting", async () => {
    const out = join(folder, "short");
    cpSync(join(folder, "seed-0"), out, { recursive: true });
    const text = readFileSync(join(out, "metrics.jsonl"), "utf8").split("\n");
    writeFileSync(join(out, "metrics.jsonl"), `${text.slice(0, 8).join("\n")}\n`);
    writeFileSync(join(out, "checkpoints/latest"), "step-000005.safetensors\n");
    await untilRun("short", ({ status, done }) => status === "crashed" && done === 8);
    rmSync(join(out, "metrics.jsonl"));
    rmSync(join(out, "checkpoints"), { recursive: true });
    await untilRun("short", ({ status, done }) => status === "waiting" && done === 0);
    rmSync(out, { recursive: true });
    await until(async () => (await runNamed("short")) === undefined);
  });

  it("comes by events, with what changes and what goes", async () => {
    const out = join(folder, "copy");
    const reading = readEvents(`${serving.url}api/events`, (events) =>
      events.some(({ data }) => (JSON.parse(data) as RunsChanged).gone.length > 0),
    );
    cpSync(join(folder, "seed-0"), out, { recursive: true });
    await untilRun("copy", () => true);
    rmSync(out, { recursive: true });
    const events = await reading;
    expect(events[0]!.event).toBe("runs");
    const names = (JSON.parse(events[0]!.data) as RunsChanged).runs.map(({ name }) => name);
    expect(names.some((name) => name.endsWith("/seed-0"))).toBe(true);
    const changes = events.slice(1).map(({ data }) => JSON.parse(data) as RunsChanged);
    const come = changes.flatMap(({ runs }) => runs).find(({ name }) => name.endsWith("/copy"));
    expect(changes.at(-1)!.gone).toEqual([come!.id]);
  });
});

describe("metrics", () => {
  it("come as series with every step of a short run", async () => {
    const { id } = (await runNamed("seed-0"))!;
    const query = `run=${id}&metric=metaLoss&metric=validation.loss&x=step`;
    const { metrics, series } = await json<SeriesReply>(`/api/series?${query}`);
    expect(metrics).toEqual(expect.arrayContaining(["metaLoss", "metaGradientNorm", "validation.accuracy"]));
    const [loss, validation] = series;
    const written = records("seed-0");
    expect(loss!.x).toEqual(written.map(({ outerStep }) => outerStep));
    loss!.mean.forEach((value, i) => {
      // seven digits are sent
      expect(Math.abs(value / written[i]!.metaLoss! - 1)).toBeLessThan(1e-6);
    });
    expect(loss!.low).toBeUndefined();
    expect(validation!.x).toEqual([5, 10, 12]);
  });

  it("come in no more points than were asked for, over steps or seconds, plain or logarithmic", async () => {
    const { id } = (await runNamed("seed-0"))!;
    for (const axis of ["x=step", "x=time", "x=step&scale=log", "x=step&from=3&to=9"]) {
      const { series } = await json<SeriesReply>(`/api/series?run=${id}&metric=metaLoss&points=4&${axis}`);
      expect(series[0]!.x.length).toBeGreaterThan(1);
      expect(series[0]!.x.length).toBeLessThanOrEqual(4);
      expect(series[0]!.low).toBeDefined();
    }
  });

  it("are followed line by line, from the byte offset that was seen last", async () => {
    const { id } = (await runNamed("seed-0"))!;
    const path = join(folder, "seed-0", "metrics.jsonl");
    const address = `${serving.url}api/metrics?run=${id}`;
    const all = await readEvents(address, (events) => events.length === 12);
    expect(all.map(({ data }) => JSON.parse(data))).toEqual(records("seed-0"));
    expect(all.at(-1)!.id).toBe(String(statSync(path).size));
    const rest = await readEvents(address, (events) => events.length === 2, { "Last-Event-ID": all[9]!.id! });
    expect(rest).toEqual(all.slice(10));
    // an offset that no line ends at: the file is another one now
    const again = await readEvents(address, (events) => events.length === 13, { "Last-Event-ID": "7" });
    expect(again[0]!.event).toBe("reset");
    expect(again.slice(1)).toEqual(all);
  });
});

describe("a run", () => {
  it("comes with its configuration, what it was made with, and its card", async () => {
    const { id } = (await runNamed("seed-0"))!;
    const detail = await json<RunDetail>(`/api/run?run=${id}`);
    expect(detail.meta).toMatchObject({ seed: 0, platform: `${process.platform}-${process.arch}` });
    expect(detail.card).toContain("# Learned optimizer: lstm:hidden=4");
  });

  it("gives its files by name, byte for byte, and no other file", async () => {
    const { id } = (await runNamed("seed-0"))!;
    const { headers, body } = await ask(serving.url, `/file?run=${id}&name=metrics.jsonl`);
    expect(body).toBe(readFileSync(join(folder, "seed-0/metrics.jsonl"), "utf8"));
    expect(headers["content-security-policy"]).toContain("sandbox");
    for (const name of [
      "",
      ".lock",
      "checkpoints/latest",
      "../seed-0/meta.json",
      "report.html",
      "constructor",
    ]) {
      const asked = await ask(serving.url, `/file?run=${id}&name=${encodeURIComponent(name)}`);
      expect(asked.status, name).toBe(404);
    }
  });

  it("is not found through a symbolic link, nor is a file of it that is one", async () => {
    const outside = temporaryFolder();
    try {
      cpSync(join(folder, "seed-0"), join(outside, "run"), { recursive: true });
      writeFileSync(join(outside, "secret"), "secret");
      symlinkSync(join(outside, "run"), join(folder, "linked"));
      mkdirSync(join(folder, "open"));
      cpSync(join(folder, "seed-0/meta.json"), join(folder, "open/meta.json"));
      symlinkSync(join(outside, "secret"), join(folder, "open/README.md"));
      symlinkSync(join(outside, "run/metrics.jsonl"), join(folder, "open/metrics.jsonl"));
      symlinkSync(join(outside, "run/checkpoints"), join(folder, "open/checkpoints"));
      const run = await untilRun("open", () => true);
      expect(await runNamed("linked")).toBeUndefined();
      expect(run).toMatchObject({ done: 0, last: {}, files: ["meta.json"] });
      expect((await json<RunDetail>(`/api/run?run=${run.id}`)).card).toBeUndefined();
      for (const name of ["README.md", "metrics.jsonl"]) {
        expect((await ask(serving.url, `/file?run=${run.id}&name=${name}`)).status).toBe(404);
      }
      const { series } = await json<SeriesReply>(`/api/series?run=${run.id}&metric=metaLoss`);
      expect(series).toEqual([]);
    } finally {
      rmSync(outside, { recursive: true });
      for (const name of ["linked", "open"]) rmSync(join(folder, name), { recursive: true });
    }
  });
});
