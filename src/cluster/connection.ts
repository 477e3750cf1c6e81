import { isIP } from "node:net";
import type { Redis } from "ioredis";
import { LowlandError } from "../errors.ts";
import { PASSWORD_VARIABLE, type RedisAddress } from "./address.ts";

/** The optional libraries that a cluster stands on. */
export interface Peers {
  readonly bullmq: typeof import("bullmq");
  readonly Redis: typeof import("ioredis").Redis;
}

/** A connection, and the libraries to make more of it. */
export interface Connection extends Peers {
  readonly redis: Redis;
  readonly address: RedisAddress;
}

/** Longest wait from one attempt to come back to a lost Redis to the next. */
const RETRY_MS = 500;

/**
 * Loads BullMQ and ioredis: nothing else in Lowland does.
 *
 * @throws {LowlandError} E_CONFIG with the command that installs them
 */
export async function loadPeers(): Promise<Peers> {
  try {
    const [{ Redis }, bullmq] = await Promise.all([import("ioredis"), import("bullmq")]);
    return { Redis, bullmq };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const fact =
      code === "ERR_MODULE_NOT_FOUND" ? "which are not installed" : `which do not load: ${message}`;
    throw new LowlandError(
      "E_CONFIG",
      `a cluster needs the packages bullmq and ioredis, ${fact}; run npm install bullmq ioredis`,
    );
  }
}

/**
 * Connects to a Redis. What is lost later comes back on its own: commands wait meanwhile.
 *
 * @throws {LowlandError} E_IO where it cannot be reached, or refuses; E_CONFIG where a library is missing
 */
export async function connect(address: RedisAddress): Promise<Connection> {
  const peers = await loadPeers();
  let connected = false;
  let refusal: Error | undefined;
  const { host, port, database, tls, username, password } = address;
  const redis = new peers.Redis({
    ...{ host, port, db: database, lazyConnect: true, maxRetriesPerRequest: null },
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: isIP(host) === 0 ? { servername: host } : {} }),
    connectTimeout: 10_000,
    retryStrategy: (times) => (connected ? Math.min(50 * times, RETRY_MS) : null),
  });
  redis.on("error", (error) => {
    refusal ??= error;
  });
  try {
    await redis.connect();
    await redis.ping();
    connected = true;
  } catch (error) {
    redis.disconnect();
    throw unreachable(address, refusal ?? (error as Error));
  }
  return { ...peers, redis, address };
}

/** Another connection of the same kind, for commands that block. */
export function another({ redis }: Connection): Redis {
  const copy = redis.duplicate({ lazyConnect: false });
  // what fails is tried again; the first connection has told of it
  copy.on("error", () => {});
  return copy;
}

/** One line; the error itself is left out, since it may hold the arguments of AUTH. */
function unreachable({ shown }: RedisAddress, { message }: Error): LowlandError {
  const needsPassword = /NOAUTH|WRONGPASS|AUTH/.test(message);
  const next = needsPassword
    ? `give the password in the address, or in ${PASSWORD_VARIABLE}`
    : "start one there (redis-server), or correct the address";
  return new LowlandError("E_IO", `no work with Redis at ${shown}: ${message.split("\n")[0]}; ${next}`);
}
