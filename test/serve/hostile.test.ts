import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Serving, serve } from "../../src/serve/server.ts";
import { ask, sendRaw } from "./http.ts";
import { temporaryFolder } from "./runs.ts";

/** What no answer may hold. */
const SECRET = "the secret of this machine";

let folder: string;
let serving: Serving;
beforeAll(async () => {
  folder = temporaryFolder();
  mkdirSync(join(folder, "runs/one"), { recursive: true });
  writeFileSync(join(folder, "secret"), SECRET);
  writeFileSync(join(folder, "runs/secret.json"), SECRET);
  writeFileSync(join(folder, "runs/one/secret.json"), SECRET);
  writeFileSync(
    join(folder, "runs/one/meta.json"),
    JSON.stringify({ lowland: "0.2.0", command: ["meta-train"] }),
  );
  serving = await serve([join(folder, "runs")], { port: 0 });
});
afterAll(async () => {
  await serving.close();
  rmSync(folder, { recursive: true });
});

async function isWell(): Promise<void> {
  const { status, body } = await ask(serving.url, "/api/runs");
  expect(status).toBe(200);
  expect(JSON.parse(body).runs).toHaveLength(1);
}

describe("the guard", () => {
  it("answers under names of the loopback only, whatever port it was forwarded from", async () => {
    for (const host of ["localhost", "localhost:9000", "127.0.0.1:1", "LOCALHOST", "[::1]:80"]) {
      expect((await ask(serving.url, "/api/runs", { headers: { host } })).status, host).toBe(200);
    }
    for (const host of [
      "evil.example",
      "localhost.evil.example",
      "127.0.0.1.evil.example:80",
      "localhost:x",
    ]) {
      expect((await ask(serving.url, "/api/runs", { headers: { host } })).status, host).toBe(421);
    }
  });

  it("answers no page but its own", async () => {
    const { host } = new URL(serving.url);
    const status = async (headers: Record<string, string>) =>
      (await ask(serving.url, "/api/runs", { headers: { host, ...headers } })).status;
    expect(await status({ origin: `http://${host}` })).toBe(200);
    for (const origin of ["null", "http://evil.example", `https://${host}`, "http://127.0.0.1:1"]) {
      expect(await status({ origin }), origin).toBe(403);
    }
    expect(await status({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" })).toBe(403);
    expect(await status({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" })).toBe(200);
  });

  it("reads only, and takes no body", async () => {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]) {
      expect((await ask(serving.url, "/api/runs", { method })).status, method).toBe(405);
    }
    const head = await ask(serving.url, "/api/runs", { method: "HEAD" });
    expect(head).toMatchObject({ status: 200, body: "" });
    expect((await ask(serving.url, "/", { headers: { "content-length": "5" } })).status).toBe(400);
  });

  it("refuses addresses and headers without end", async () => {
    expect((await ask(serving.url, `/api/runs?${"x".repeat(9000)}`)).status).toBe(414);
    expect(
      await sendRaw(serving.url, `GET /${"x".repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`),
    ).toMatch(/^HTTP\/1.1 431/);
    const many = `x: ${"y".repeat(1000)}\r\n`.repeat(50);
    expect(await sendRaw(serving.url, `GET / HTTP/1.1\r\nHost: localhost\r\n${many}\r\n`)).toMatch(
      /^HTTP\/1.1 431/,
    );
    await isWell();
  });

  it("gives every answer a policy", async () => {
    for (const path of ["/", "/live/", "/api/runs", "/nothing", "/api/series"]) {
      const { headers } = await ask(serving.url, path);
      expect(headers["content-security-policy"], path).toMatch(/^default-src 'none'/);
      expect(headers["x-content-type-options"]).toBe("nosniff");
      expect(headers["cross-origin-resource-policy"]).toBe("same-origin");
    }
  });
});

describe("the server", () => {
  it("serves nothing that lies outside, however it is asked for", async () => {
    for (const path of [
      "/../secret",
      "/live/../../secret",
      "/..%2fsecret",
      "/%2e%2e/%2e%2e/secret",
      "//secret",
      "/live//",
      "/assets/../../../package.json",
      "/file?run=../one&name=secret.json",
      "/file?run=&name=/etc/passwd",
      "/api/run?run=__proto__",
      "/constructor",
      "/__proto__",
      "/playground/",
      "/zoo/index.json",
    ]) {
      const { status, body } = await ask(serving.url, path);
      expect(status, path).toBe(404);
      expect(body).not.toContain(SECRET);
    }
    expect(
      await sendRaw(serving.url, "GET http://localhost/api/runs HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ).toMatch(/^HTTP\/1.1 400/);
  });

  it("says what is wrong with a query", async () => {
    for (const query of [
      "",
      "run=x&points=0",
      "run=x&points=1e9",
      "run=x&from=",
      "run=x&x=loss",
      "run=x&scale=2",
    ]) {
      const { status, body } = await ask(serving.url, `/api/series?${query}`);
      expect(status, query).toBe(400);
      expect(JSON.parse(body).error.message).toMatch(/give/);
    }
    const many = Array.from({ length: 65 }, (_, i) => `run=${i}`).join("&");
    expect((await ask(serving.url, `/api/series?${many}`)).status).toBe(400);
    expect((await ask(serving.url, "/api/run")).status).toBe(400);
  });

  it("withstands any request: it never fails, never tells a secret, and answers the next", async () => {
    const word = fc.oneof(
      fc.constantFrom(
        "api",
        "runs",
        "run",
        "series",
        "events",
        "file",
        "live",
        "..",
        ".",
        "%2e%2e",
        "%00",
        "secret.json",
      ),
      fc.string(),
    );
    const query = fc.array(
      fc.tuple(fc.constantFrom("run", "name", "metric", "points", "x", "scale", "from", "to"), word),
    );
    const address = fc
      .tuple(fc.array(word), query)
      .map(
        ([path, pairs]) => `/${path.join("/")}?${pairs.map(([key, value]) => `${key}=${value}`).join("&")}`,
      );
    const header = fc.tuple(
      fc.constantFrom(
        "Host",
        "Origin",
        "Last-Event-ID",
        "Content-Length",
        "Transfer-Encoding",
        "Range",
        "Expect",
      ),
      fc.oneof(
        fc.string(),
        fc.constantFrom("localhost", "chunked", "-1", "99999999999999999999", "100-continue"),
      ),
    );
    const request = fc
      .tuple(fc.constantFrom("GET", "HEAD", "POST", "get", ""), address, fc.array(header, { maxLength: 3 }))
      .map(([method, url, headers]) => {
        const lines = [["Host", "localhost"], ...headers].map(([name, value]) => `${name}: ${value}`);
        return `${method} ${url} HTTP/1.1\r\n${lines.join("\r\n")}\r\nConnection: close\r\n\r\n`;
      });
    await fc.assert(
      fc.asyncProperty(fc.oneof(request, fc.uint8Array({ maxLength: 2000 })), async (bytes) => {
        const back = await sendRaw(serving.url, bytes, 50);
        expect(back).not.toContain(SECRET);
        expect(back).not.toMatch(/^HTTP\/1.1 5/);
        expect(back).not.toContain(folder);
      }),
      { numRuns: 300 },
    );
    await isWell();
  });

  it("answers two hundred connections at once, and lets no more than 64 pages watch", async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => ask(serving.url, "/api/runs")));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 200 }, () => 200));
    const controller = new AbortController();
    const watching = await Promise.all(
      Array.from({ length: 70 }, () => fetch(`${serving.url}api/events`, { signal: controller.signal })),
    );
    const statuses = watching.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(64);
    expect(statuses.filter((status) => status === 503)).toHaveLength(6);
    await isWell();
    controller.abort();
  });

  it("is not held up by those who connect and say nothing", async () => {
    const silent = Array.from({ length: 100 }, () =>
      sendRaw(serving.url, "GET /api/runs HTTP/1.1\r\nHost: lo", 500),
    );
    await isWell();
    await Promise.all(silent);
  });
});
