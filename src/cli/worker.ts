import { availableParallelism } from "node:os";
import { buildCommand, type Command } from "@stricli/core";
import type { CliContext } from "./context.ts";
import { dataDirFlag, nonNegative, optional, threadsFlag } from "./flags.ts";

interface WorkerFlags {
  readonly threads?: number;
  readonly idle?: number;
  readonly dataDir?: string;
}

export const worker: Command<CliContext> = buildCommand({
  docs: {
    brief: "Work for the commands that run with --cluster at a Redis",
    fullDescription:
      "Takes part in one experiment after the other, until it is stopped. Without an address: LOWLAND_REDIS; a password that the address lacks: LOWLAND_REDIS_PASSWORD. docs/cluster.md describes the rest.",
  },
  parameters: {
    flags: {
      threads: threadsFlag,
      idle: optional(nonNegative, "End after this many seconds without an experiment", "s"),
      dataDir: dataDirFlag,
    },
    positional: {
      kind: "tuple",
      parameters: [{ brief: "Address of the Redis", parse: String, placeholder: "redis", optional: true }],
    },
  },
  async func(
    this: CliContext,
    { threads = availableParallelism(), idle, dataDir }: WorkerFlags,
    address?: string,
  ): Promise<void> {
    const { redisAddress } = await import("../cluster/address.ts");
    const { connect } = await import("../cluster/connection.ts");
    const { runWorker } = await import("../cluster/worker.ts");
    const connection = await connect(redisAddress(address));
    try {
      await runWorker(connection, {
        threads,
        signal: this.signal,
        say: (line) => void this.stderr.write(`${line}\n`),
        ...(idle !== undefined && { idleSeconds: idle }),
        ...(dataDir !== undefined && { dataDir }),
      });
    } finally {
      connection.redis.disconnect();
    }
    this.signal.throwIfAborted();
  },
});
