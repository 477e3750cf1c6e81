import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { binary, lowland, node } from "../cli/lowland.ts";
import { start } from "./programs.ts";
import { freePort, type RedisServer, startRedis } from "./redis.ts";

const PASSWORD = "s3cret/With@signs";
const WRITTEN = encodeURIComponent(PASSWORD);
const folder = mkdtempSync(join(tmpdir(), "lowland-connection-"));
let server: RedisServer;
let secure: { readonly port: number; readonly certificate: string };

beforeAll(async () => {
  const certificate = join(folder, "certificate.pem");
  const key = join(folder, "key.pem");
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"],
      ...["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
    ],
    { stdio: "ignore" },
  );
  secure = { port: await freePort(), certificate };
  server = await startRedis(folder, {
    password: PASSWORD,
    settings: [
      ...["--tls-port", String(secure.port), "--tls-cert-file", certificate, "--tls-key-file", key],
      ...["--tls-auth-clients", "no"],
    ],
  });
}, 600_000);

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const META = [
  ...["meta-train", "--task", "synthetic-digits@8/mlp-relu:hidden=4,batch=8", "--learned", "lstm:hidden=4"],
  ...["--outer-steps", "2", "--outer-optimizer", "adam", "--validation-seeds", "1"],
];

/** Every file below a folder, as text. */
function textsIn(path: string): string {
  if (statSync(path).isFile()) return readFileSync(path, "latin1");
  return readdirSync(path)
    .map((name) => textsIn(join(path, name)))
    .join("\n");
}

describe("a Redis", () => {
  it("that is not there gives one line, on both sides, without the password", async () => {
    const url = `redis://me:${WRITTEN}@127.0.0.1:${await freePort()}`;
    for (const args of [
      ["worker", url],
      [...META, "--out", join(folder, "nowhere"), "--cluster", url],
    ]) {
      const { code, stdout, stderr } = await lowland(args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(
        /^lowland: no work with Redis at redis:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED.*; start one there .*\[E_IO\]\n$/,
      );
      expect(stderr).not.toContain(WRITTEN);
    }
  });

  it("that wants another password gives one line that says where to put it", async () => {
    for (const url of [server.url, server.url.replace("//", "//:wr0ng@")]) {
      const { code, stderr } = await lowland(["worker", url]);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^lowland: no work with Redis at .*; give the password in the address, or in LOWLAND_REDIS_PASSWORD \[E_IO\]\n$/,
      );
      expect(stderr).not.toContain("wr0ng");
    }
  });

  it("behind TLS and a password does the work, and neither run nor output shows the password", async () => {
    const out = join(folder, "secret");
    const url = `rediss://:${WRITTEN}@localhost:${secure.port}`;
    const trust = { NODE_EXTRA_CA_CERTS: secure.certificate };
    const worker = start(["worker", "--threads", "1"], {
      ...trust,
      LOWLAND_REDIS: `rediss://localhost:${secure.port}`,
      LOWLAND_REDIS_PASSWORD: PASSWORD,
    });
    try {
      const { code, stdout, stderr } = await lowland([...META, "--out", out, "--cluster", url], {
        env: trust,
      });
      expect(code).toBe(0);
      const all = stdout + stderr + worker.text() + textsIn(out);
      expect(all).toContain("rediss://***@localhost");
      for (const secret of [PASSWORD, WRITTEN]) expect(all).not.toContain(secret);
    } finally {
      await worker.end();
    }
  });

  it("is named in no complaint about the command line with its password", async () => {
    const url = `redis://:${WRITTEN}@here`;
    for (const args of [
      ["worker", url, url],
      [...META, "--cluster", url, "--cluster", url],
      ["worker", `x${url}`],
    ]) {
      const { code, stderr } = await lowland(args);
      expect(code).toBe(2);
      expect(stderr).not.toContain(WRITTEN);
    }
  });
});

describe("the libraries of the cluster", () => {
  it("are not loaded by a run without --cluster", async () => {
    const args = [...META, "--out", join(folder, "plain")];
    const script = `
      import { createRequire } from "node:module";
      process.argv = ["node", ${JSON.stringify(binary)}, ...${JSON.stringify(args)}];
      await import(${JSON.stringify(binary)});
      const loaded = Object.keys(createRequire(import.meta.url).cache);
      process.stderr.write(JSON.stringify(loaded.filter((path) => /ioredis|bullmq|msgpackr/.test(path))));`;
    const { code, stderr } = await node(["--input-type=module", "-e", script]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "[]" });
  });

  it("give one line with the command that installs them where they are missing", async () => {
    const root = fileURLToPath(new URL("../../", import.meta.url));
    const bare = join(folder, "bare");
    for (const part of ["dist", "package.json"])
      cpSync(join(root, part), join(bare, part), { recursive: true });
    for (const name of ["@stricli/core", "yaml", "zod"]) {
      mkdirSync(dirname(join(bare, "node_modules", name)), { recursive: true });
      symlinkSync(join(root, "node_modules", name), join(bare, "node_modules", name));
    }
    const { code, stderr } = await node([join(bare, "dist/cli/main.js"), "worker", server.url]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr:
        "lowland: a cluster needs the packages bullmq and ioredis, which are not installed; run npm install bullmq ioredis [E_CONFIG]\n",
    });
  });
});
