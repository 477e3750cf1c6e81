import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { isExecutable, onPath } from "../executable.ts";

/**
 * Path of a Redis server: `LOWLAND_REDIS_SERVER`, else one on the PATH, else one installed with apt where this is root on
 * Debian. Throws with what to do where there is none.
 */
export function findRedis(): string {
  const named = process.env.LOWLAND_REDIS_SERVER;
  if (named) {
    if (isExecutable(named)) return named;
    throw new Error(
      `LOWLAND_REDIS_SERVER is "${named}", which cannot be run; set it to a redis-server or unset it`,
    );
  }
  const found = onPath("redis-server");
  if (found !== undefined) return found;
  if (existsSync("/etc/debian_version") && process.getuid?.() === 0) {
    // no service of the system's: tests start servers of their own
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
    const options = { stdio: "ignore", env } as const;
    try {
      execFileSync("apt-get", ["update", "-q"], options);
      execFileSync("apt-get", ["install", "-y", "-q", "--no-install-recommends", "redis-server"], options);
      execFileSync("service", ["redis-server", "stop"], options);
    } catch {
      // the look-up below says what is missing
    }
    const installed = onPath("redis-server");
    if (installed !== undefined) return installed;
  }
  throw new Error(
    "the cluster tests need redis-server and found none on the PATH; install Redis 7 or set LOWLAND_REDIS_SERVER",
  );
}

/** A server of a test's own. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Ends it as the system would, and starts it again on the same port and files. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server on a free port that keeps its data in `directory`. */
export async function startRedis(
  directory: string,
  { password, settings = [] }: { password?: string; settings?: readonly string[] } = {},
): Promise<RedisServer> {
  const binary = findRedis();
  const port = await freePort();
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(
      binary,
      [
        ...["--port", String(port), "--bind", "127.0.0.1", "--dir", directory],
        ...["--appendonly", "yes", "--save", "", "--loglevel", "warning"],
        ...(password === undefined ? [] : ["--requirepass", password]),
        ...settings,
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    let output = "";
    child.stdout!.on("data", (text) => {
      output += text;
    });
    let ended = false;
    child.once("exit", () => {
      ended = true;
    });
    while (!(await answers(port))) {
      if (ended) throw new Error(`redis-server ended: ${output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return child;
  };
  let child = await start();
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once("exit", () => resolve());
      child.kill("SIGTERM");
    });
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    async restart() {
      await stop();
      child = await start();
    },
    stop,
  };
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(port: number): Promise<boolean> {
  const { Socket } = await import("node:net");
  return new Promise((resolve) => {
    const socket = new Socket();
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("error", () => end(false));
    // any answer means that it takes commands: PONG, or that it wants a password; not that it is still loading
    socket.once("data", (data) => end(/PONG|NOAUTH/.test(String(data))));
    socket.connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
  });
}
