import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FILE_DATASETS, type FileDatasetSpec } from "./catalog.ts";
import {
  DATASET_NAMES,
  fileReport,
  listDatasets,
  loadDataset,
  loadFiles,
  verifyDataset,
} from "./datasets.ts";
import { type DownloadProgress, md5Of } from "./download.ts";
import { encodeIdx } from "./idx.ts";

const pixels = (count: number) => Uint8Array.from({ length: count * 784 }, (_, i) => (i * 7) % 251);
const labels = (count: number) => Uint8Array.from({ length: count }, (_, i) => i % 10);
/** A small MNIST: 12 training and 5 test images. */
const FILES: Record<string, Uint8Array> = {
  "train-images-idx3-ubyte": encodeIdx([12, 28, 28], pixels(12)),
  "train-labels-idx1-ubyte": encodeIdx([12], labels(12)),
  "t10k-images-idx3-ubyte": encodeIdx([5, 28, 28], pixels(5)),
  "t10k-labels-idx1-ubyte": encodeIdx([5], labels(5)),
};
const mnist = FILE_DATASETS[0]!;
const small: FileDatasetSpec = {
  ...mnist,
  files: mnist.files.map(({ name }) => ({ name, md5: md5Of(FILES[name]!) })),
  addresses: [],
};

let root: string;
let dataDir: string;
let env: Record<string, string>;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "lowland-data-"));
  dataDir = join(root, "given");
  env = { LOWLAND_HOME: join(root, "cache") };
});
afterEach(() => rmSync(root, { recursive: true }));

function put(folder: string, { gzip = false, skip = "" } = {}): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(FILES)) {
    if (name === skip) continue;
    writeFileSync(join(folder, gzip ? `${name}.gz` : name), gzip ? gzipSync(bytes) : bytes);
  }
  return folder;
}

const refuses = (...messages: (string | RegExp)[]) =>
  expect.objectContaining({
    code: "E_DATA",
    message: expect.toSatisfy(
      (text: string) =>
        !text.includes("\n") &&
        messages.every((m) => (typeof m === "string" ? text.includes(m) : m.test(text))),
      messages.join(" and "),
    ),
  });

describe("a dataset in files", () => {
  it.each([false, true])("is found in the data directory and read (gzip: %s)", async (gzip) => {
    const folder = put(join(dataDir, "mnist"), { gzip });
    const { train, test, source } = await loadFiles(small, { dataDir, env });
    expect(train).toMatchObject({
      name: "mnist",
      count: 12,
      height: 28,
      width: 28,
      channels: 1,
      classes: 10,
    });
    expect(train.images).toEqual(Buffer.from(pixels(12)));
    expect([...test.labels]).toEqual([0, 1, 2, 3, 4]);
    expect(source).toEqual({ kind: "files", path: folder, checksums: "official" });
  });

  it("is looked for in the data directory, LOWLAND_DATA_DIR and the cache, in this order", async () => {
    const cached = put(join(root, "cache", "mnist"));
    expect((await loadFiles(small, { dataDir, env })).source.path).toBe(cached);
    env.LOWLAND_DATA_DIR = join(root, "variable");
    const variable = put(join(root, "variable", "mnist"));
    expect((await loadFiles(small, { dataDir, env })).source.path).toBe(variable);
    const given = put(join(dataDir, "mnist"));
    expect((await loadFiles(small, { dataDir, env })).source.path).toBe(given);
  });

  it("uses $XDG_CACHE_HOME/lowland, then ~/.cache/lowland without LOWLAND_HOME", async () => {
    const home = put(join(root, ".cache", "lowland", "mnist"));
    expect((await loadFiles(small, { env: { HOME: root } })).source.path).toBe(home);
    const xdg = put(join(root, "xdg", "lowland", "mnist"));
    expect(
      (await loadFiles(small, { env: { HOME: root, XDG_CACHE_HOME: join(root, "xdg") } })).source.path,
    ).toBe(xdg);
  });

  it("that is nowhere is refused offline, with every folder looked into and what to do", async () => {
    env = { ...env, LOWLAND_OFFLINE: "1", LOWLAND_DATA_DIR: join(root, "variable") };
    await expect(loadFiles(small, { dataDir, env })).rejects.toEqual(
      refuses(
        "train-images-idx3-ubyte[.gz]",
        join(dataDir, "mnist"),
        join(root, "variable", "mnist"),
        join(root, "cache", "mnist"),
        "--data-dir",
        "LOWLAND_OFFLINE",
      ),
    );
    await expect(loadDataset("cifar-10", { env })).rejects.toEqual(
      refuses("cifar-10-binary.tar.gz", join(root, "variable", "cifar-10-batches-bin")),
    );
  });

  it("of which a file is missing is refused by that file's name", async () => {
    put(join(dataDir, "mnist"), { skip: "t10k-labels-idx1-ubyte" });
    put(join(root, "cache", "mnist"));
    await expect(loadFiles(small, { dataDir, env })).rejects.toEqual(
      refuses(/given.mnist lacks t10k-labels-idx1-ubyte of mnist/),
    );
  });

  it("with other bytes than the published is read, and said to be not official", async () => {
    const folder = put(join(dataDir, "mnist"));
    writeFileSync(join(folder, "t10k-labels-idx1-ubyte"), encodeIdx([5], Uint8Array.of(1, 1, 1, 1, 1)));
    expect((await loadFiles(small, { dataDir, env })).source.checksums).toBe("not official");
  });

  it.each<[string, string, Uint8Array, RegExp]>([
    [
      "truncated",
      "train-images-idx3-ubyte",
      FILES["train-images-idx3-ubyte"]!.subarray(0, 999),
      /is truncated: 999 bytes/,
    ],
    [
      "oversized",
      "train-labels-idx1-ubyte",
      Buffer.concat([FILES["train-labels-idx1-ubyte"]!, Buffer.alloc(1)]),
      /oversized/,
    ],
    ["empty", "t10k-images-idx3-ubyte", new Uint8Array(0), /is truncated: 0 bytes/],
    [
      "labelled beyond its classes",
      "t10k-labels-idx1-ubyte",
      encodeIdx([5], Uint8Array.of(1, 2, 3, 10, 4)),
      /label 10 at record 3/,
    ],
    [
      "unlike its labels in number",
      "t10k-labels-idx1-ubyte",
      encodeIdx([4], labels(4)),
      /5 images and .* 4 labels/,
    ],
    [
      "of another size of image",
      "t10k-images-idx3-ubyte",
      encodeIdx([5, 14, 56], pixels(5)),
      /14 × 56 images/,
    ],
    [
      "of labels where images belong",
      "t10k-images-idx3-ubyte",
      encodeIdx([50], labels(50)),
      /magic number 0x00000801/,
    ],
  ])("that is %s is refused by name", async (_, name, bytes, message) => {
    const folder = put(join(dataDir, "mnist"));
    writeFileSync(join(folder, name), bytes);
    await expect(loadFiles(small, { dataDir, env })).rejects.toEqual(refuses(join(folder, name), message));
  });

  it("of damaged, truncated or trailing gzip data is refused", async () => {
    const folder = put(join(dataDir, "mnist"), { gzip: true });
    const path = join(folder, "train-images-idx3-ubyte.gz");
    const whole = gzipSync(FILES["train-images-idx3-ubyte"]!);
    const damaged = Buffer.from(whole);
    damaged[whole.length - 6]! ^= 0xff;
    for (const [bytes, message] of [
      [damaged, /damaged gzip/],
      [whole.subarray(0, whole.length - 20), /damaged gzip/],
      [Buffer.from("not gzip at all"), /damaged gzip/],
      [Buffer.concat([whole, Buffer.from("tail")]), /damaged gzip/],
      [Buffer.concat([whole, Buffer.alloc(3)]), /oversized: 3 bytes after/],
    ] as const) {
      writeFileSync(path, bytes);
      await expect(loadFiles(small, { dataDir, env })).rejects.toEqual(refuses(path, message));
    }
  });
});

describe("CIFAR-10", () => {
  const spec: FileDatasetSpec = { ...FILE_DATASETS[2]!, recordsPerFile: 2 };
  const batch = (first: number) => {
    const bytes = new Uint8Array(2 * 3073).fill(first);
    bytes[3073] = first + 1;
    return bytes;
  };
  function putBatches(folder: string): void {
    mkdirSync(folder, { recursive: true });
    for (const [i, file] of spec.files.entries()) writeFileSync(join(folder, file.name), batch(i));
  }

  it.each(["cifar-10/cifar-10-batches-bin", "cifar-10-batches-bin"])("is read from %s", async (folder) => {
    putBatches(join(dataDir, folder));
    const { train, test, source } = await loadFiles(spec, { dataDir, env });
    expect(train).toMatchObject({ count: 10, height: 32, width: 32, channels: 3 });
    expect([...train.labels]).toEqual([0, 1, 1, 2, 2, 3, 3, 4, 4, 5]);
    expect([...test.labels]).toEqual([5, 6]);
    expect(train.images).toHaveLength(10 * 3072);
    expect(source).toEqual({ kind: "files", path: join(dataDir, folder), checksums: "not official" });
  });

  it("is read from its archive, official if the archive is", async () => {
    putBatches(join(root, "cifar-10-batches-bin"));
    mkdirSync(join(dataDir, "cifar-10"), { recursive: true });
    const path = join(dataDir, "cifar-10", "cifar-10-binary.tar.gz");
    execFileSync("tar", ["-czf", path, "cifar-10-batches-bin"], { cwd: root });
    const { train, source } = await loadFiles(spec, { dataDir, env });
    expect([...train.labels]).toEqual([0, 1, 1, 2, 2, 3, 3, 4, 4, 5]);
    expect(source.checksums).toBe("not official");
    const md5 = fileReport(spec, { dataDir, env, verify: true }).files[0]!.md5!;
    const official = { ...spec, archive: { name: "cifar-10-binary.tar.gz", md5 } };
    expect((await loadFiles(official, { dataDir, env })).source.checksums).toBe("official");
    rmSync(join(root, "cifar-10-batches-bin", "test_batch.bin"));
    execFileSync("tar", ["-czf", path, "cifar-10-batches-bin"], { cwd: root });
    await expect(loadFiles(spec, { dataDir, env })).rejects.toEqual(refuses(/test_batch.bin is missing/));
  });
});

describe("a download", () => {
  let server: Server;
  let address: string;
  let requests: string[];
  let answer: RequestListener;
  beforeEach(async () => {
    requests = [];
    answer = (request, response) => {
      response.end(gzipSync(FILES[request.url!.slice(1).replace(".gz", "")]!));
    };
    server = createServer((request, response) => {
      requests.push(request.url!);
      answer(request, response);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  const served = (): FileDatasetSpec => ({ ...small, addresses: [address] });
  const cached = () => join(root, "cache", "mnist");
  const leftovers = () => (existsSync(cached()) ? readdirSync(cached()) : []);

  it("fills the cache once, with progress", async () => {
    const progress: DownloadProgress[] = [];
    const { train, source } = await loadFiles(served(), { env, onProgress: (p) => progress.push(p) });
    expect(train.count).toBe(12);
    expect(source).toEqual({ kind: "files", path: cached(), checksums: "official" });
    expect(leftovers().sort()).toEqual(
      Object.keys(FILES)
        .map((name) => `${name}.gz`)
        .sort(),
    );
    expect(requests).toHaveLength(4);
    expect(progress.at(-1)!.file).toBe(join(cached(), "t10k-labels-idx1-ubyte.gz"));
    expect(progress.at(-1)!.receivedBytes).toBe(progress.at(-1)!.totalBytes);
    await loadFiles(served(), { env: { ...env, LOWLAND_OFFLINE: "1" } });
    expect(requests).toHaveLength(4);
  });

  it("continues with the files that are missing", async () => {
    put(cached(), { skip: "t10k-images-idx3-ubyte" });
    await loadFiles(served(), { env });
    expect(requests).toEqual(["/t10k-images-idx3-ubyte.gz"]);
  });

  it("is not tried offline", async () => {
    await expect(loadFiles(served(), { env, offline: true })).rejects.toEqual(refuses("downloads are off"));
    await expect(loadFiles(served(), { env: { ...env, LOWLAND_OFFLINE: "1" } })).rejects.toEqual(
      refuses("downloads are off"),
    );
    expect(requests).toEqual([]);
  });

  it("goes on to the next address when one refuses connections", async () => {
    const { source } = await loadFiles({ ...small, addresses: ["http://127.0.0.1:1/", address] }, { env });
    expect(source.checksums).toBe("official");
  });

  const whole = gzipSync(FILES["train-images-idx3-ubyte"]!);
  it.each<[string, RequestListener, RegExp]>([
    ["answers 404", (_, response) => response.writeHead(404).end("no"), /HTTP 404/],
    ["answers 500", (_, response) => response.writeHead(500).end("no"), /HTTP 500/],
    [
      "sends other bytes",
      (_, response) => response.end(gzipSync("other")),
      /wrong checksum [0-9a-f]{32}, expected/,
    ],
    ["sends a web page", (_, response) => response.end("<html>"), /not whole gzip data/],
    [
      "sends half and says so",
      (_, response) => response.end(whole.subarray(0, 100)),
      /100 bytes that are not whole/,
    ],
    [
      "closes halfway",
      (_, response) => {
        response.writeHead(200, { "content-length": whole.length });
        response.write(whole.subarray(0, 100), () => response.destroy());
      },
      /terminated/,
    ],
    ["hangs before it answers", () => {}, /no data for 0.2 s/],
    [
      "hangs halfway",
      (_, response) => {
        response.writeHead(200, { "content-length": whole.length });
        response.write(whole.subarray(0, 100));
      },
      /no data for 0.2 s/,
    ],
  ])("from a server that %s is refused and leaves nothing behind", async (_, listener, message) => {
    answer = listener;
    await expect(loadFiles(served(), { env, stallMs: 200 })).rejects.toEqual(
      refuses(`${address}train-images-idx3-ubyte.gz: `, message, "put the file there yourself"),
    );
    expect(leftovers()).toEqual([]);
  });

  it("from a port that nobody listens on says so", async () => {
    await expect(loadFiles({ ...small, addresses: ["http://127.0.0.1:1/"] }, { env })).rejects.toEqual(
      refuses(/could not download .*127\.0\.0\.1:1\/train-images-idx3-ubyte\.gz: /),
    );
  });

  it("into a folder that cannot be made is an E_IO error", async () => {
    writeFileSync(join(root, "cache"), "a file in the way");
    await expect(loadFiles(served(), { env })).rejects.toMatchObject({
      code: "E_IO",
      message: expect.stringContaining("LOWLAND_HOME"),
    });
  });
});

describe("reports", () => {
  it("list every dataset, with where it was looked for", () => {
    const list = listDatasets({ env });
    expect(list.map((entry) => entry.name)).toEqual([...DATASET_NAMES]);
    expect(list[0]).toMatchObject({ available: false, lookedInto: [join(root, "cache", "mnist")] });
    expect(list.at(-1)).toMatchObject({ name: "synthetic-textures", available: true, files: [] });
  });

  it("verify each file against its published checksum", () => {
    const folder = put(join(dataDir, "mnist"), { gzip: true });
    const report = fileReport(small, { dataDir, env, verify: true });
    expect(report).toMatchObject({ available: true, path: folder });
    expect(report.files.map((file) => [file.found, file.official])).toEqual(new Array(4).fill([true, true]));
    expect(report.files[1]).toMatchObject({ md5: md5Of(FILES["train-labels-idx1-ubyte"]!) });
    const real = verifyDataset("mnist", { dataDir, env });
    expect(real.files.map((file) => file.official)).toEqual(new Array(4).fill(false));
  });

  it("say what is wrong with damaged files instead of throwing", () => {
    const folder = put(join(dataDir, "mnist"));
    writeFileSync(join(folder, "t10k-images-idx3-ubyte"), "short");
    const report = fileReport(small, { dataDir, env, verify: true });
    expect(report).toMatchObject({ available: false, problem: expect.stringContaining("truncated") });
    expect(report.files.map((file) => file.official)).toEqual([true, true, false, true]);
    rmSync(join(folder, "t10k-images-idx3-ubyte"));
    expect(fileReport(small, { dataDir, env })).toMatchObject({
      available: false,
      problem: expect.stringContaining("lacks t10k-images-idx3-ubyte"),
    });
  });

  it("refuse an unknown name with the known ones", () => {
    expect(() => verifyDataset("mnst")).toThrow(/unknown dataset "mnst"; use one of mnist, fashion-mnist/);
  });
});
