import { LowlandError } from "../errors.ts";

/** Where a Redis is, and how to show it to people: without user and password. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly database: number;
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  /** `redis://host:port`: all that may be printed or written. */
  readonly shown: string;
}

/** Environment variables: the whole address, and the password of one that has none. */
export const REDIS_VARIABLE = "LOWLAND_REDIS";
export const PASSWORD_VARIABLE = "LOWLAND_REDIS_PASSWORD";

/**
 * Reads `redis://[[user]:password@]host[:port][/database]`, `rediss://` for TLS. Nothing given: `LOWLAND_REDIS`. A password
 * that is not in it: `LOWLAND_REDIS_PASSWORD`.
 *
 * @throws {LowlandError} E_USAGE; the message never holds the password
 */
export function redisAddress(
  text: string | undefined,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): RedisAddress {
  const given = text || environment[REDIS_VARIABLE];
  if (!given) {
    throw new LowlandError(
      "E_USAGE",
      `no Redis is named; give redis://host:port, or set ${REDIS_VARIABLE} to it`,
    );
  }
  const url = parsed(given);
  const tls = url.protocol === "rediss:";
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? 6379 : Number(url.port);
  const database = Number(url.pathname.slice(1) || 0);
  const password = decodeURIComponent(url.password) || environment[PASSWORD_VARIABLE];
  return {
    ...{ host, port, database, tls },
    ...(url.username !== "" && { username: decodeURIComponent(url.username) }),
    ...(password && { password }),
    shown: `${url.protocol}//${url.hostname}:${port}${database === 0 ? "" : `/${database}`}`,
  };
}

function parsed(text: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    // the refusal below says what is wanted
  }
  const fits =
    url !== undefined &&
    /^rediss?:$/.test(url.protocol) &&
    url.hostname !== "" &&
    /^\/?\d*$/.test(url.pathname);
  if (fits) return url!;
  throw new LowlandError(
    "E_USAGE",
    `${JSON.stringify(withoutSecrets(text))} is no address of a Redis; write redis://host:port, rediss://:password@host:port for TLS, characters like @ and / in a password as %40 and %2F`,
  );
}

/** A text in which no address shows its user and password. */
export function withoutSecrets(text: string): string {
  return text.replace(/(rediss?:\/\/)\S*@/g, "$1***@");
}
