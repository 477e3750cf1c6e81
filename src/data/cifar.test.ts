import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseCifarBatch } from "./cifar.ts";
import { readTar } from "./tar.ts";

const refuses = (message: RegExp) =>
  expect.objectContaining({ code: "E_DATA", message: expect.stringMatching(message) });

describe("a CIFAR-10 batch", () => {
  const batch = new Uint8Array(2 * 3073);
  batch[0] = 7;
  // The first pixel of the first image, the second of the second, planes red, green, blue.
  batch.set([10], 1);
  batch.set([20], 1 + 1024);
  batch.set([30], 1 + 2048);
  batch[3073] = 9;
  batch.set([40], 3073 + 2);
  batch.set([50], 3073 + 2 + 1024);
  batch.set([60], 3073 + 2 + 2048);

  it("becomes labels and images with the channels last", () => {
    const { images, labels } = parseCifarBatch(batch, "f", 2);
    expect([...labels]).toEqual([7, 9]);
    expect([...images.subarray(0, 4)]).toEqual([10, 20, 30, 0]);
    expect([...images.subarray(3072, 3072 + 7)]).toEqual([0, 0, 0, 40, 50, 60, 0]);
    expect(images.reduce((sum, value) => sum + value, 0)).toBe(210);
  });

  it("of another length or with a label above 9 is refused", () => {
    expect(() => parseCifarBatch(batch.subarray(1), "f", 2)).toThrow(refuses(/f is truncated: 6145 bytes/));
    expect(() => parseCifarBatch(batch, "f", 1)).toThrow(
      refuses(/oversized: 6146 bytes, 1 records of 3073 are 3073/),
    );
    expect(() => parseCifarBatch(batch, "f")).toThrow(refuses(/10000 records/));
    const wrong = batch.slice();
    wrong[3073] = 10;
    expect(() => parseCifarBatch(wrong, "f", 2)).toThrow(refuses(/label 10 at record 1/));
  });
});

describe("a tar archive", () => {
  const folder = mkdtempSync(join(tmpdir(), "lowland-tar-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "a.bin"), new Uint8Array(700).fill(1));
  writeFileSync(join(folder, "empty.bin"), "");
  writeFileSync(join(folder, "b.bin"), "hello");
  execFileSync("tar", ["-cf", "x.tar", "a.bin", "empty.bin", "b.bin"], { cwd: folder });
  const archive = readFileSync(join(folder, "x.tar"));

  it("written by the system's tar gives its files", () => {
    const files = readTar(archive, "x.tar");
    expect([...files.keys()]).toEqual(["a.bin", "empty.bin", "b.bin"]);
    expect(files.get("a.bin")).toEqual(Buffer.alloc(700, 1));
    expect(files.get("empty.bin")).toHaveLength(0);
    expect(new TextDecoder().decode(files.get("b.bin"))).toBe("hello");
  });

  it("that ends within a file, or is something else, is refused", () => {
    expect(() => readTar(archive.subarray(0, 1000), "x.tar")).toThrow(
      refuses(/x.tar is truncated: 1000 bytes/),
    );
    const damaged = Buffer.from(archive);
    damaged[3]! ^= 1;
    expect(() => readTar(damaged, "x.tar")).toThrow(refuses(/damaged at byte 0/));
    expect(() => readTar(Buffer.alloc(600, 7), "x.tar")).toThrow(refuses(/not a tar archive/));
  });
});
