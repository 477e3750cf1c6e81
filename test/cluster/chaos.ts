import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterStatus } from "../../src/cluster/status.ts";
import { foldIn, key, uniform } from "../../src/random/key.ts";
import { latestCheckpoint } from "../../src/runs/checkpoints.ts";
import { type Running, start } from "./programs.ts";
import type { RedisServer } from "./redis.ts";

/** What happens to a run. */
export interface ChaosPlan {
  readonly seed: number;
  readonly workers: number;
  /** Workers that are killed without notice, one after the other. */
  readonly kills: number;
  /** Between two of them. */
  readonly pauseSeconds: readonly [least: number, most: number];
}

/** How it bore it. */
export interface ChaosFigures {
  readonly kills: number;
  readonly redisRestarts: number;
  /** From each kill to the end of the outer step that it fell into, computing included. */
  readonly secondsToNextStep: readonly number[];
  /** The same of outer steps that nothing fell into. */
  readonly secondsOfStep: number;
  readonly jobs: ClusterStatus["jobs"];
  /** Bytes of the last checkpoint. */
  readonly bytes: Buffer;
}

/**
 * Runs `meta-train` on a cluster in whose midst workers are killed and replaced, at moments drawn from the seed, and the
 * Redis is restarted after half of them.
 */
export async function chaos(
  server: RedisServer,
  out: string,
  args: readonly string[],
  { seed, workers: count, kills, pauseSeconds }: ChaosPlan,
): Promise<ChaosFigures> {
  const spawnWorker = (): Running => start(["worker", server.url, "--threads", "1"]);
  const workers = Array.from({ length: count }, spawnWorker);
  const command = start([...args, "--out", out, "--cluster", server.url]);
  const metrics = join(out, "metrics.jsonl");
  const steps = (): { seconds: number }[] => {
    if (!existsSync(metrics)) return [];
    return readFileSync(metrics, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  };
  const draw = new Float64Array(2);
  const disturbed = new Set<number>();
  const secondsToNextStep: number[] = [];
  let over = false;
  command.ended.then(() => {
    over = true;
  });
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) {
      if (over && !done()) throw new Error(`the run ended before its kills: ${command.text()}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  try {
    await until(() => steps().length > 1);
    for (let kill = 0; kill < kills; kill++) {
      uniform(foldIn(key(seed), kill), draw);
      const [least, most] = pauseSeconds;
      await new Promise((resolve) => setTimeout(resolve, 1000 * (least + (most - least) * draw[0]!)));
      if (kill === Math.floor(kills / 2)) await server.restart();
      // one that is at work: a program that is still starting has nothing to lose
      const atWork = (worker: Running): boolean => /working for/.test(worker.text());
      await until(() => workers.some(atWork));
      const ready = workers.filter(atWork);
      const victim = ready[Math.floor(draw[1]! * ready.length)]!;
      const before = steps().length;
      const killed = performance.now();
      victim.child.kill("SIGKILL");
      workers[workers.indexOf(victim)] = spawnWorker();
      await until(() => steps().length > before);
      secondsToNextStep.push((performance.now() - killed) / 1000);
      disturbed.add(before).add(before + 1);
    }
    const code = await command.ended;
    if (code !== 0) throw new Error(`the run failed: ${command.text()}`);
    const seconds = steps().map(({ seconds }) => seconds);
    const quiet = seconds
      .flatMap((at, i) => (i === 0 || disturbed.has(i) ? [] : [at - seconds[i - 1]!]))
      .sort((a, b) => a - b);
    return {
      kills,
      redisRestarts: 1,
      secondsToNextStep,
      secondsOfStep: quiet[Math.floor(quiet.length / 2)]!,
      jobs: (JSON.parse(readFileSync(join(out, "cluster.json"), "utf8")) as ClusterStatus).jobs,
      bytes: readFileSync(latestCheckpoint(out)!.path),
    };
  } finally {
    command.child.kill("SIGKILL");
    await Promise.all(workers.map((worker) => worker.end()));
  }
}
