import { watch } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type Asset, TYPES } from "./assets.ts";
import type { Catalog } from "./catalog.ts";
import { openEvents } from "./events.ts";
import { openRegular, readText } from "./files.ts";
import { DOCUMENT_POLICY } from "./guard.ts";
import { LineReader } from "./lines.ts";
import type { RunDetail } from "./protocol.ts";
import { BadRequest, readRunId, readSeriesQuery } from "./query.ts";
import { FILES, type RunIdentity, readObject } from "./run-state.ts";
import type { SeriesReader } from "./series.ts";

/** What requests are answered from. */
export interface Site {
  readonly assets: ReadonlyMap<string, Asset>;
  /** Where `/` leads. */
  readonly home: string;
  readonly catalog: Catalog;
  readonly series: SeriesReader;
  /** Streams of events at one time. */
  readonly mostStreams: number;
}

type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
) => Promise<void> | void;

/** How often a file that is written to is looked at, where the system does not say that it was. */
const POLL_MS = 1000;

/** Answers a request that has passed the guard. Paths are looked up as they are, so none leads anywhere else. */
export function routesOf({
  assets,
  home,
  catalog,
  series,
  mostStreams,
}: Site): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  let streams = 0;
  const stream =
    (open: Answer): Answer =>
    (request, response, query) => {
      if (streams >= mostStreams) {
        response.setHeader("Retry-After", "5");
        refuse(response, 503, "E_BUSY", `${streams} pages are watching already; close one`);
        return;
      }
      if (request.method === "HEAD") {
        response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" }).end();
        return;
      }
      streams++;
      response.once("close", () => streams--);
      return open(request, response, query);
    };
  const found = async (
    query: URLSearchParams,
    response: ServerResponse,
  ): Promise<RunIdentity | undefined> => {
    const run = await catalog.find(readRunId(query));
    if (run === undefined) refuse(response, 404, "E_RUN", "there is no such run; take its id from the list");
    return run;
  };

  const routes: Readonly<Record<string, Answer>> = {
    "/": (_, response) => void response.writeHead(302, { Location: home }).end(),
    "/api/runs": async (_, response) => sendJson(response, { runs: await catalog.list(), gone: [] }),
    "/api/run": async (_, response, query) => {
      const run = await found(query, response);
      if (run !== undefined) await sendDetail(response, run, catalog);
    },
    "/api/series": async (_, response, query) => {
      const { runs, asked } = readSeriesQuery(query);
      const paths = new Map<string, string>();
      for (const id of runs) {
        const run = await catalog.find(id);
        if (run !== undefined) paths.set(id, join(run.path, "metrics.jsonl"));
      }
      sendJson(response, await series.read(paths, asked));
    },
    "/api/events": stream(async (request, response) => {
      let end = (): void => {};
      const events = openEvents(request, response, () => end());
      events.send("runs", JSON.stringify({ runs: await catalog.list(), gone: [] }));
      if (response.destroyed) return;
      end = catalog.watch((change) => events.send("changed", JSON.stringify(change)));
    }),
    "/api/metrics": stream(async (request, response, query) => {
      const run = await found(query, response);
      if (run !== undefined) followMetrics(request, response, run);
    }),
    "/file": async (_, response, query) => {
      const run = await found(query, response);
      if (run !== undefined) await sendFile(response, run, query.get("name") ?? "");
    },
  };

  return async (request, response) => {
    const [path = "", search = ""] = request.url!.split("?", 2);
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    const asset = assets.get(path);
    try {
      if (route !== undefined) await route(request, response, new URLSearchParams(search));
      else if (asset !== undefined) sendAsset(response, asset);
      else refuse(response, 404, "E_PATH", "there is nothing at this address; begin at /");
    } catch (error) {
      if (error instanceof BadRequest) refuse(response, 400, "E_QUERY", error.message);
      else if (!response.headersSent) refuse(response, 500, "E_BUG", "this is a bug in lowland; report it");
      else response.destroy();
    }
  };
}

/** The lines of a run's metrics from a byte offset on, each with the offset after it as its id. */
function followMetrics(request: IncomingMessage, response: ServerResponse, { path }: RunIdentity): void {
  const offset = Number(request.headers["last-event-id"] ?? 0);
  const reader = new LineReader(
    join(path, "metrics.jsonl"),
    Number.isSafeInteger(offset) && offset > 0 ? offset : 0,
  );
  let reading = false;
  const read = async (): Promise<void> => {
    if (reading) return;
    reading = true;
    try {
      await reader.read(
        ({ text, end }) => events.send("record", text, { id: end }),
        () => events.send("reset", "{}", { id: 0 }),
      );
    } catch {
      response.destroy();
    } finally {
      reading = false;
    }
  };
  const timer = setInterval(read, POLL_MS);
  const watcher = watchFolder(path, read);
  const events = openEvents(request, response, () => {
    clearInterval(timer);
    watcher?.close();
  });
  void read();
}

/** Tells of changes in a directory at once, where the system can. */
function watchFolder(path: string, onChange: () => void) {
  try {
    return watch(path, (_, name) => name === "metrics.jsonl" && onChange()).on("error", () => {});
  } catch {
    return undefined;
  }
}

async function sendDetail(response: ServerResponse, run: RunIdentity, catalog: Catalog): Promise<void> {
  const summary = (await catalog.list()).find(({ id }) => id === run.id);
  if (summary === undefined) {
    refuse(response, 404, "E_RUN", "the run has just been removed; take another from the list");
    return;
  }
  const name = summary.files.includes("meta.json") ? "meta.json" : "settings.json";
  const card = await readText(join(run.path, "README.md"));
  const detail: RunDetail = {
    summary,
    meta: (await readObject(join(run.path, name))) ?? {},
    ...(card !== undefined && { card }),
  };
  sendJson(response, detail);
}

async function sendFile(response: ServerResponse, run: RunIdentity, name: string): Promise<void> {
  // no other name is ever put into a path
  const file = FILES.some((known) => known === name) ? await openRegular(join(run.path, name)) : undefined;
  if (file === undefined) {
    refuse(response, 404, "E_FILE", "the run has no such file; the list names those it has");
    return;
  }
  try {
    const { size } = await file.stat();
    response.writeHead(200, {
      "Content-Type": TYPES[extname(name)]!,
      "Content-Length": size,
      "Content-Security-Policy": DOCUMENT_POLICY,
      "Cache-Control": "no-store",
    });
    if (response.req.method === "HEAD" || size === 0) response.end();
    // what is appended meanwhile is not sent
    else await pipeline(file.createReadStream({ end: size - 1, autoClose: false }), response);
  } finally {
    await file.close();
  }
}

function sendAsset(response: ServerResponse, { type, bytes, lasting }: Asset): void {
  response.writeHead(200, {
    "Content-Type": type,
    "Content-Length": bytes.length,
    "Cache-Control": lasting ? "public, max-age=31536000, immutable" : "no-cache",
  });
  response.end(bytes);
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "Content-Type": TYPES[".json"], "Cache-Control": "no-store" });
  response.end(JSON.stringify(value));
}

/** Says in one line why a request is not answered. */
export function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { "Content-Type": TYPES[".json"], "Cache-Control": "no-store" });
  response.end(JSON.stringify({ error: { code, message } }));
}
