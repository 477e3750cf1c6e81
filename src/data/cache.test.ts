import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { datasetsToHandOver, openDataset, openedDataset, receiveDatasets } from "./cache.ts";
import { encodeIdx } from "./idx.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lowland-cache-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const env = { LOWLAND_OFFLINE: "1", HOME: "/nonexistent" };

/** Writes 20 training and 20 test images of MNIST's extents, all of one value, and returns their folder. */
function write(name: string, fill: number, count = 20): string {
  const path = join(folder, name);
  mkdirSync(join(path, "mnist"), { recursive: true });
  for (const part of ["train", "t10k"]) {
    const images = encodeIdx([count, 28, 28], new Uint8Array(count * 784).fill(fill));
    writeFileSync(join(path, "mnist", `${part}-images-idx3-ubyte`), images);
    writeFileSync(
      join(path, "mnist", `${part}-labels-idx1-ubyte`),
      encodeIdx([count], new Uint8Array(count)),
    );
  }
  return path;
}

describe("openDataset", () => {
  it("reads the same files once, and other files of the same name for themselves", async () => {
    const [a, b] = [write("a", 1), write("b", 2)];
    const first = await openDataset("mnist", { dataDir: a, env });
    const second = await openDataset("mnist", { dataDir: b, env });
    expect([first.train.images[0], second.train.images[0]]).toEqual([1, 2]);
    expect(await openDataset("mnist", { dataDir: a, env })).toBe(first);
    expect(openedDataset("mnist", { dataDir: b, env })).toBe(second);
  });

  it("reads files again that have changed", async () => {
    const dataDir = write("changing", 3);
    expect((await openDataset("mnist", { dataDir, env })).train.images[0]).toBe(3);
    write("changing", 4, 30);
    expect((await openDataset("mnist", { dataDir, env })).train.images[0]).toBe(4);
  });

  it("draws a synthetic dataset once", async () => {
    expect(await openDataset("synthetic-digits")).toBe(await openDataset("synthetic-digits"));
  });

  it("keeps bytes where threads share them, those of smaller images too", async () => {
    for (const name of ["mnist", "mnist@8"]) {
      const { train, test } = await openDataset(name, { dataDir: write("shared", 5), env });
      for (const { images, labels } of [train, test]) {
        expect(images.buffer).toBeInstanceOf(SharedArrayBuffer);
        expect(labels.buffer).toBeInstanceOf(SharedArrayBuffer);
      }
    }
  });

  it("gives a thread what it was handed, though the files are gone", async () => {
    const dataDir = write("handed", 6);
    const handed = await datasetsToHandOver(["mnist@8"], { dataDir, env });
    rmSync(dataDir, { recursive: true });
    await expect(openDataset("mnist@8", { dataDir, env })).rejects.toMatchObject({ code: "E_DATA" });
    receiveDatasets(handed);
    const { train } = await openDataset("mnist@8", { dataDir, env });
    expect([train.images[0], train.height, train.width, train.channels]).toEqual([6, 8, 8, 1]);
    expect([...handed.values()][0]!.train).toBe(train);
  });
});
