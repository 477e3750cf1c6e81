// npm run bench:cluster -- [overhead] [queue] [crowd] [chaos] [--rounds N] [--data-dir DIR] [--check]
// Measures the cluster on this machine and writes bench/results/cluster.json and the figures of docs/cluster.md.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { redisAddress } from "../dist/cluster/address.js";
import { openCluster } from "../dist/cluster/cluster.js";
import { connect } from "../dist/cluster/connection.js";
import { openCoordinator } from "../dist/cluster/coordinator.js";
import "../dist/kernels/node.js";
import { buildMetaTraining } from "../dist/meta/build.js";
import { resolveMetaConfig } from "../dist/meta/config.js";
import { initialState, metaTrain } from "../dist/meta/outer-loop.js";
import { presetFields } from "../dist/meta/presets.js";
import { openExecutor } from "../dist/meta/threads.js";
import { replaceBlock } from "../scripts/readme.mjs";
import { machine } from "./lib/machine.mjs";
import { startRedis } from "./lib/redis.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const file = join(root, "bench/results/cluster.json");
const page = join(root, "docs/cluster.md");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "9" },
    "data-dir": { type: "string" },
    kills: { type: "string", default: "50" },
    steps: { type: "string", default: "260" },
    seed: { type: "string", default: "7" },
    check: { type: "boolean", default: false },
  },
});
const store = values["data-dir"] === undefined ? {} : { dataDir: values["data-dir"] };

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const round = (x, digits = 3) => Number(x.toPrecision(digits));

/** Outer steps a second on two threads and on two workers, in turns. */
async function overhead() {
  const PARTS = {
    "lstm on mnist/mlp": { steps: 12, config: { tasks: ["mnist/mlp"], learned: "lstm" } },
    "celo2-base, pes (preset celo2-embedded)": { steps: 12, config: presetFields("celo2-embedded") },
  };
  const figures = {};
  for (const [name, { steps, config: input }] of Object.entries(PARTS)) {
    const config = resolveMetaConfig({ ...input, outerSteps: 1_000_000, checkpointEvery: 1_000_000 });
    const training = await buildMetaTraining(config, store);
    const server = await startRedis();
    const args = [
      "worker",
      server.url,
      "--threads",
      "1",
      ...(store.dataDir ? ["--data-dir", store.dataDir] : []),
    ];
    const workers = [1, 2].map(() =>
      spawn(process.execPath, [join(root, "dist/cli/main.js"), ...args], { stdio: "ignore" }),
    );
    const cluster = openCluster(server.url, { ...store, say: () => {} });
    const sides = {
      threads: { executor: await openExecutor(training, { threads: 2, ...store }), seconds: [] },
      cluster: { executor: await cluster.executor(training), seconds: [] },
    };
    while (!cluster.size().startsWith("2")) await new Promise((resolve) => setTimeout(resolve, 100));
    for (const side of Object.values(sides)) side.state = initialState(training);
    for (let turn = 0; turn <= Number(values.rounds); turn++) {
      for (const side of Object.values(sides)) {
        const controller = new AbortController();
        const end = side.state.outerStep + steps;
        const started = performance.now();
        side.state = await metaTrain(training, side.executor, side.state, {
          signal: controller.signal,
          onStep: ({ outerStep }) => {
            if (outerStep === end) controller.abort();
          },
        });
        // the first turn warms up
        if (turn > 0) side.seconds.push((performance.now() - started) / 1000 / steps);
      }
    }
    const same = Buffer.from(sides.threads.state.metaParams.buffer).equals(
      Buffer.from(sides.cluster.state.metaParams.buffer),
    );
    for (const { executor } of Object.values(sides)) await executor.close();
    await Promise.all(
      workers.map((worker) => {
        worker.kill();
        return new Promise((resolve) => worker.once("exit", resolve));
      }),
    );
    await server.stop();
    training.close();
    const of = (seconds) => ({ least: round(Math.min(...seconds)), median: round(median(seconds)) });
    const ratios = sides.threads.seconds.map((seconds, i) => seconds / sides.cluster.seconds[i]);
    figures[name] = {
      secondsAStep: { threads: of(sides.threads.seconds), cluster: of(sides.cluster.seconds) },
      share: {
        ofLeast: round(Math.min(...sides.threads.seconds) / Math.min(...sides.cluster.seconds)),
        medianOfTurns: round(median(ratios)),
      },
      sameBits: same,
      rounds: Number(values.rounds),
      stepsATurn: steps,
    };
    console.log(name, JSON.stringify(figures[name]));
  }
  return figures;
}

/** Jobs through coordinator, Redis and workers that only sleep. */
async function through({ processes, workersEach, bytes, milliseconds, jobs, ahead }) {
  const server = await startRedis();
  const connection = await connect(redisAddress(server.url));
  const id = "bench";
  const coordinator = await openCoordinator(connection, {
    id,
    work: { kind: "evaluate", tasks: [], specs: [] },
    needs: {},
  });
  const children = Array.from({ length: processes }, (_, i) => {
    const setup = {
      url: server.url,
      experiment: id,
      first: i * workersEach,
      workers: workersEach,
      bytes,
      milliseconds,
    };
    return spawn(process.execPath, [join(root, "bench/lib/simulated-workers.mjs"), JSON.stringify(setup)], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  });
  const total = processes * workersEach;
  const opening = performance.now();
  while (coordinator.workers().length < total) {
    if (performance.now() - opening > 240_000) {
      console.log(`only ${coordinator.workers().length} of ${total} came`);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const cpuOfRedis = async () => {
    const info = await connection.redis.info("cpu");
    return Number(/used_cpu_user:([\d.]+)/.exec(info)[1]) + Number(/used_cpu_sys:([\d.]+)/.exec(info)[1]);
  };
  // what signs of life alone cost
  const [idleRedis, idleFrom] = [await cpuOfRedis(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const idleShare = ((await cpuOfRedis()) - idleRedis) / ((performance.now() - idleFrom) / 1000);
  const [redisBefore, ownBefore, started] = [await cpuOfRedis(), process.cpuUsage(), performance.now()];
  const latencies = [];
  const ids = coordinator.workers().map((worker) => worker.id);
  let sent = 0;
  const lane = async () => {
    while (sent < jobs) {
      const job = sent++;
      const from = performance.now();
      const done = await coordinator.run({
        data: { kind: "run", job: { task: "t", spec: "s", steps: [1], seed: job } },
        // as instances are: each to the worker that holds it
        worker: ids[job % ids.length],
      });
      coordinator.forget([coordinator.keys.result(done.job)]);
      latencies.push(performance.now() - from - milliseconds);
    }
  };
  await Promise.all(Array.from({ length: ahead }, lane));
  const seconds = (performance.now() - started) / 1000;
  const own = process.cpuUsage(ownBefore);
  const figure = {
    workers: ids.length,
    jobs,
    resultBytes: bytes,
    jobMilliseconds: milliseconds,
    jobsASecond: round(jobs / seconds),
    megabytesASecond: round((jobs * bytes) / seconds / 1e6),
    latencyMs: { median: round(median(latencies)), most: round(Math.max(...latencies)) },
    again: coordinator.counts().again,
    cores: {
      redisIdle: round(idleShare, 2),
      redis: round(((await cpuOfRedis()) - redisBefore) / seconds, 2),
      coordinator: round((own.user + own.system) / 1e6 / seconds, 2),
    },
  };
  console.log(JSON.stringify(figure));
  await coordinator.close();
  const ended = children.map((child) => new Promise((resolve) => child.once("exit", resolve)));
  setTimeout(() => children.forEach((child) => void child.kill("SIGKILL")), 10_000).unref();
  await Promise.all(ended);
  await server.stop();
  return figure;
}

/** Throughput of the queue alone. */
async function queue() {
  const two = { processes: 2, workersEach: 1, milliseconds: 0 };
  return {
    small: await through({ ...two, bytes: 1000, jobs: 4000, ahead: 32 }),
    lstm: await through({ ...two, bytes: 5_300_000, jobs: 200, ahead: 2 }),
  };
}

/** Many workers with jobs of two seconds: what the queue bears. */
async function crowd() {
  const figures = [];
  for (const [processes, workersEach] of [
    [1, 10],
    [4, 25],
    [10, 100],
  ]) {
    const workers = processes * workersEach;
    figures.push(
      await through({
        ...{ processes, workersEach, bytes: 20_000, milliseconds: 2000 },
        ...{ jobs: 5 * workers, ahead: workers },
      }),
    );
  }
  return figures;
}

/** Workers killed at random: the long version of test/cluster/chaos.test.ts. */
function chaos() {
  const folder = mkdtempSync(join(tmpdir(), "lowland-chaos-"));
  const out = join(folder, "figures.json");
  const { status } = spawnSync("npx", ["vitest", "run", "test/cluster/chaos", "-t", "workers are killed"], {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      LOWLAND_CHAOS_KILLS: values.kills,
      LOWLAND_CHAOS_STEPS: values.steps,
      LOWLAND_CHAOS_SEED: values.seed,
      LOWLAND_CHAOS_OUT: out,
    },
  });
  if (status !== 0) throw new Error("a killed run did not end in the bits of one left alone");
  const figures = JSON.parse(readFileSync(out, "utf8"));
  rmSync(folder, { recursive: true });
  return figures;
}

const parts = { overhead, queue, crowd, chaos };
const kept = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
for (const name of positionals) {
  if (!(name in parts)) throw new Error(`there is no part ${name}; use ${Object.keys(parts).join(", ")}`);
  kept[name] = {
    machine: machine(),
    loadBefore: loadavg().map((load) => round(load, 2)),
    figures: await parts[name](),
  };
  if (!values.check) writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`);
}
writeTables();

function table(head, rows) {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** The figures as docs/cluster.md shows them. */
function writeTables() {
  const { overhead: cost, queue: pipe, crowd: many, chaos: kills } = kept;
  const percent = (share) => `${(100 * share).toFixed(0)} %`;
  if (cost) {
    const rows = Object.entries(cost.figures).map(([name, { secondsAStep, share }]) => [
      name,
      ...[secondsAStep.threads, secondsAStep.cluster].map(({ least, median }) => `${least} / ${median}`),
      `${percent(share.ofLeast)} / ${percent(share.medianOfTurns)}`,
    ]);
    replaceBlock(
      page,
      "overhead",
      `${table(["meta-training", "two threads, s a step", "two workers, s a step", "speed of the cluster"], rows)}\n\nLeast / median over ${Object.values(cost.figures)[0].rounds} turns, interleaved; load average before: ${cost.loadBefore[0]} on ${cost.machine.cores ?? cost.machine.cpus ?? "2"} cores.`,
    );
  }
  if (pipe) {
    const rows = Object.values(pipe.figures).map((figure) => [
      figure.resultBytes >= 1e6 ? `${figure.resultBytes / 1e6} MB` : `${figure.resultBytes / 1000} kB`,
      figure.jobsASecond,
      figure.megabytesASecond,
      figure.latencyMs.median,
      figure.cores.redis,
      figure.cores.coordinator,
    ]);
    replaceBlock(
      page,
      "queue",
      table(["result", "jobs/s", "MB/s", "ms a job", "cores of Redis", "of the coordinator"], rows),
    );
  }
  if (many) {
    const rows = many.figures.map((figure) => [
      figure.workers,
      figure.jobsASecond,
      round(figure.workers / (figure.jobMilliseconds / 1000)),
      figure.latencyMs.median,
      figure.latencyMs.most,
      `${figure.cores.redisIdle} / ${figure.cores.redis}`,
      figure.cores.coordinator,
    ]);
    const head = [
      "workers",
      "jobs/s",
      "at most",
      "ms waited, median",
      "most",
      "cores of Redis, idle / busy",
      "of the coordinator",
    ];
    replaceBlock(page, "crowd", table(head, rows));
  }
  if (kills) {
    const { secondsToNextStep, secondsOfStep, jobs, same, ...plan } = kills.figures;
    replaceBlock(
      page,
      "chaos",
      table(
        [
          "kills",
          "restarts of Redis",
          "workers",
          "seed",
          "jobs done",
          "given out again",
          "s to the end of the step: median / most",
          "s of a quiet step",
          "same bits",
        ],
        [
          [
            ...[plan.kills, plan.redisRestarts, plan.workers, plan.seed, jobs.done, jobs.again],
            `${round(median(secondsToNextStep))} / ${round(Math.max(...secondsToNextStep))}`,
            ...[round(secondsOfStep), same ? "yes" : "no"],
          ],
        ],
      ),
    );
  }
}
