import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Starts a Redis of the benchmark's own, with an append-only file as docs/cluster.md has it. */
export async function startRedis() {
  const directory = mkdtempSync(join(tmpdir(), "lowland-bench-redis-"));
  const port = await freePort();
  const child = spawn(
    process.env.LOWLAND_REDIS_SERVER ?? "redis-server",
    ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, "--appendonly", "yes", "--save", ""],
    { stdio: "ignore" },
  );
  await new Promise((resolve, reject) => {
    child.once("error", () =>
      reject(new Error("redis-server is not there; install Redis 7 or set LOWLAND_REDIS_SERVER")),
    );
    setTimeout(resolve, 500);
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      child.kill();
      await new Promise((resolve) => child.once("exit", resolve));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
