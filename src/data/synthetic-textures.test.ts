import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { loadDataset } from "./datasets.ts";
import { syntheticTextures } from "./synthetic-textures.ts";

const { train, test, source } = await loadDataset("synthetic-textures");
const SIZE = 32 * 32 * 3;

/** Test accuracy of assigning each image to the nearest of the ten class means. */
function nearestMeanAccuracy(): number {
  const means = Array.from({ length: 10 }, () => new Float64Array(SIZE));
  train.labels.forEach((label, i) => {
    const mean = means[label]!;
    for (let p = 0; p < SIZE; p++) mean[p]! += train.images[i * SIZE + p]! / (train.count / 10);
  });
  let right = 0;
  test.labels.forEach((label, i) => {
    const distances = means.map((mean) =>
      mean.reduce((sum, value, p) => sum + (test.images[i * SIZE + p]! - value) ** 2, 0),
    );
    if (distances.indexOf(Math.min(...distances)) === label) right++;
  });
  return right / test.count;
}

describe("synthetic-textures", () => {
  it("has 6,000 training and 1,000 test images of 32 × 32 × 3 in ten equally frequent classes", () => {
    for (const [set, count] of [
      [train, 6_000],
      [test, 1_000],
    ] as const) {
      expect(set).toMatchObject({ count, height: 32, width: 32, channels: 3, classes: 10 });
      expect(set.images).toHaveLength(count * SIZE);
      const counts = new Array(10).fill(0);
      for (const label of set.labels) counts[label]++;
      expect(counts).toEqual(new Array(10).fill(count / 10));
    }
    expect(source).toEqual({ kind: "synthetic", checksums: "official" });
  });

  it("has the same bytes on every machine", () => {
    const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");
    expect([train.images, train.labels, test.images, test.labels].map(md5)).toEqual([
      "6af1e21abf09cf14676b30aa9771f030",
      "89f4aacca3fd81c8a061d643725ad079",
      "74156f447f331428f3d0d5e576099e32",
      "dc5813b9efe821a8e5e1403f95f23dc6",
    ]);
  });

  it("draws the same image whatever the number asked for, and others with another seed", () => {
    const few = syntheticTextures({ train: 20, test: 0 });
    expect(syntheticTextures({ train: 20, test: 5 }).train).toEqual(few.train);
    expect(syntheticTextures({ train: 20, test: 0, seed: 1 }).train.images).not.toEqual(few.train.images);
  });

  it("tells next to nothing to class means", () => {
    expect(nearestMeanAccuracy()).toBeLessThan(0.3);
  });

  it("uses the whole range of brightness without clipping much of it", () => {
    const counts = new Array(256).fill(0);
    for (const value of train.images) counts[value]++;
    expect((counts[0] + counts[255]) / train.images.length).toBeLessThan(0.05);
    expect(Math.min(...counts)).toBeGreaterThan(1000);
  });

  it("shares no image between training and test", () => {
    const image = (set: typeof train, i: number) =>
      Buffer.from(set.images.subarray(i * SIZE, (i + 1) * SIZE)).toString("latin1");
    const seen = new Set(Array.from({ length: train.count }, (_, i) => image(train, i)));
    expect(seen.size).toBe(train.count);
    for (let i = 0; i < test.count; i++) expect(seen.has(image(test, i))).toBe(false);
  });
});
