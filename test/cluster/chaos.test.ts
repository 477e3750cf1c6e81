import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { latestCheckpoint } from "../../src/runs/checkpoints.ts";
import { lowland } from "../cli/lowland.ts";
import { chaos } from "./chaos.ts";
import { start } from "./programs.ts";
import { type RedisServer, startRedis } from "./redis.ts";

/** The long version: LOWLAND_CHAOS_KILLS=50 LOWLAND_CHAOS_STEPS=300; LOWLAND_CHAOS_OUT names a file for its figures. */
const { LOWLAND_CHAOS_KILLS = "3", LOWLAND_CHAOS_STEPS = "24", LOWLAND_CHAOS_SEED = "1" } = process.env;

const folder = mkdtempSync(join(tmpdir(), "lowland-chaos-"));
let server: RedisServer;

beforeAll(async () => {
  server = await startRedis(folder);
}, 600_000);

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const meta = (outerSteps: string | number): string[] => [
  ...["meta-train", "--task", "synthetic-digits/mlp", "--learned", "lstm", "--instances", "3"],
  ...["--checkpoint-every", "5", "--validation-seeds", "1", "--outer-optimizer", "adam"],
  ...["--outer-steps", String(outerSteps)],
];

/** The same run in one process that nothing happens to. */
async function alone(outerSteps: string | number): Promise<Buffer> {
  const out = join(folder, `alone-${outerSteps}`);
  const { code } = await lowland([...meta(outerSteps), "--out", out]);
  expect(code).toBe(0);
  return readFileSync(latestCheckpoint(out)!.path);
}

it("a run whose workers are killed and whose Redis is restarted ends in the bits of one left alone", async () => {
  const plan = { seed: Number(LOWLAND_CHAOS_SEED), workers: 4, kills: Number(LOWLAND_CHAOS_KILLS) };
  const { bytes, ...figures } = await chaos(server, join(folder, "chaos"), meta(LOWLAND_CHAOS_STEPS), {
    ...plan,
    pauseSeconds: [0.3, 1.3],
  });
  const same = bytes.equals(await alone(LOWLAND_CHAOS_STEPS));
  const file = process.env.LOWLAND_CHAOS_OUT;
  if (file) writeFileSync(file, `${JSON.stringify({ ...plan, ...figures, same }, null, 2)}\n`);
  expect(same).toBe(true);
  expect(figures.secondsToNextStep).toHaveLength(plan.kills);
}, 1_800_000);

it("a coordinator that is killed resumes to the same bits, with the workers that are there", async () => {
  const out = join(folder, "resumed");
  const args = [...meta(12), "--out", out, "--cluster", server.url];
  const workers = [1, 2].map(() => start(["worker", server.url, "--threads", "1"]));
  try {
    const killed = start(args);
    while (latestCheckpoint(out) === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    await killed.end("SIGKILL");
    const resumed = start([...args, "--resume"]);
    expect(await resumed.ended).toBe(0);
    for (const worker of workers) expect(worker.text().match(/working for/g)).toHaveLength(2);
    expect(readFileSync(latestCheckpoint(out)!.path).equals(await alone(12))).toBe(true);
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
  }
});
