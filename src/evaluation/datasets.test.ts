import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeDirectory } from "../runs/files.ts";
import { datasetRecords } from "./datasets.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lowland-datasets-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("datasetRecords", () => {
  it("says where data come from, with what their keeper noted", async () => {
    expect(await datasetRecords(["synthetic-digits/mlp", "synthetic-digits/cnn"])).toEqual([
      { name: "synthetic-digits", kind: "synthetic", checksums: "official", trainingExamples: 9600 },
    ]);
  });

  it("records the note beside the files, and that their bytes are not the official ones", async () => {
    const data = join(folder, "data");
    makeDirectory(join(data, "mnist"));
    const idx = (magic: number, sizes: number[], bytes: number) => {
      const file = Buffer.alloc(4 + 4 * sizes.length + bytes);
      [magic, ...sizes].forEach((value, i) => {
        file.writeUInt32BE(value, 4 * i);
      });
      return file;
    };
    for (const part of ["train", "t10k"]) {
      writeFileSync(join(data, "mnist", `${part}-images-idx3-ubyte`), idx(0x803, [20, 28, 28], 20 * 784));
      writeFileSync(join(data, "mnist", `${part}-labels-idx1-ubyte`), idx(0x801, [20], 20));
    }
    writeFileSync(join(data, "mnist", "NOTE.txt"), "A test copy:\nall black\n");
    expect(await datasetRecords(["mnist/mlp"], { dataDir: data, offline: true })).toEqual([
      {
        name: "mnist",
        kind: "files",
        checksums: "not official",
        trainingExamples: 16,
        note: "A test copy: all black",
      },
    ]);
  });
});
