import { createServer, type Server } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { LowlandError } from "../errors.ts";
import { loadAssets } from "./assets.ts";
import { Catalog } from "./catalog.ts";
import { openFolders } from "./folders.ts";
import { refusalOf, setSafeHeaders } from "./guard.ts";
import { refuse, routesOf } from "./routes.ts";
import { SeriesReader } from "./series.ts";

/** How the pages are served. */
export interface ServeOptions {
  /** 0: any that is free. */
  readonly port?: number;
  /** Address to listen at; the loopback by default, which no other machine reaches. */
  readonly host?: string;
  /** Serve the playground too. */
  readonly playground?: boolean;
}

/** A server at work. */
export interface Serving {
  /** Where to open it. */
  readonly url: string;
  close(): Promise<void>;
}

const LOOPBACK = "127.0.0.1";
const DEFAULT_PORT = 8321;
/** Beyond these a connection is closed at once: one page needs two. */
const MOST_CONNECTIONS = 512;
const MOST_STREAMS = 64;
const LARGEST_HEADERS = 16 * 1024;

/**
 * Serves the live page of the runs under some folders, and the playground if asked for.
 *
 * @throws {LowlandError} E_USAGE if a folder is missing; E_IO if the port cannot be had; E_RUN if the pages are not built
 */
export async function serve(
  folders: readonly string[],
  { port = DEFAULT_PORT, host = LOOPBACK, playground = false }: ServeOptions = {},
): Promise<Serving> {
  const catalog = new Catalog(openFolders(folders));
  const answer = routesOf({
    assets: loadAssets({ playground }),
    home: folders.length === 0 && playground ? "/playground/" : "/live/",
    catalog,
    series: new SeriesReader(),
    mostStreams: MOST_STREAMS,
  });
  const names = host === LOOPBACK ? [] : [host, hostname(), ...addresses()].map(asInUrl);
  const server = createServer(
    {
      maxHeaderSize: LARGEST_HEADERS,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 5_000,
    },
    (request, response) => {
      setSafeHeaders(response);
      const refusal = refusalOf(request, names);
      if (refusal === undefined) void answer(request, response);
      else {
        response.setHeader("Connection", "close");
        refuse(response, refusal.status, refusal.code, refusal.message);
      }
    },
  );
  server.maxConnections = MOST_CONNECTIONS;
  await listen(server, port, host);
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${asInUrl(host)}:${taken}/`,
    async close() {
      catalog.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const fact =
        error.code === "EADDRINUSE"
          ? `port ${port} is in use`
          : `cannot listen at ${host}:${port}: ${error.code}`;
      reject(new LowlandError("E_IO", `${fact}; choose another --port`, { cause: error }));
    });
    server.listen(port, host, () => resolve());
  });
}

/** Addresses under which other machines reach this one. */
function addresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((found = []) => found.map(({ address }) => address));
}

function asInUrl(host: string): string {
  return isIPv6(host) ? `[${host}]` : host.toLowerCase();
}
