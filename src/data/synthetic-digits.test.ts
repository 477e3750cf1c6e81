import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { loadDataset } from "./datasets.ts";
import { syntheticDigits } from "./synthetic-digits.ts";

const { train, test, source } = await loadDataset("synthetic-digits");

/** Test accuracy of assigning each image to the nearest of the ten class means. */
function nearestMeanAccuracy(): number {
  const size = train.height * train.width;
  const means = Array.from({ length: 10 }, () => new Float64Array(size));
  const counts = new Float64Array(10);
  train.labels.forEach((label, i) => {
    counts[label]! += 1;
    const mean = means[label]!;
    for (let p = 0; p < size; p++) mean[p]! += train.images[i * size + p]!;
  });
  let right = 0;
  test.labels.forEach((label, i) => {
    let best = Number.POSITIVE_INFINITY;
    let answer = -1;
    means.forEach((mean, c) => {
      let distance = 0;
      for (let p = 0; p < size; p++) distance += (test.images[i * size + p]! - mean[p]! / counts[c]!) ** 2;
      if (distance < best) [best, answer] = [distance, c];
    });
    if (answer === label) right++;
  });
  return right / test.count;
}

describe("synthetic-digits", () => {
  it("has 12,000 training and 2,000 test images of 28 × 28 × 1 in ten equally frequent classes", () => {
    for (const [set, count] of [
      [train, 12_000],
      [test, 2_000],
    ] as const) {
      expect(set).toMatchObject({ count, height: 28, width: 28, channels: 1, classes: 10 });
      expect(set.images).toHaveLength(count * 784);
      const counts = new Array(10).fill(0);
      for (const label of set.labels) counts[label]++;
      expect(counts).toEqual(new Array(10).fill(count / 10));
    }
    expect(source).toEqual({ kind: "synthetic", checksums: "official" });
  });

  it("has the same bytes on every machine", () => {
    const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");
    expect([train.images, train.labels, test.images, test.labels].map(md5)).toEqual([
      "bbe2662fd3a31f4feeb6297e7911845d",
      "52c958dffa7de4e3ed6692dd0e629eb9",
      "aac4ae67e4fb21be5a90d9371c69f42d",
      "177350880e8d14fa40dbb1d9e7f69149",
    ]);
  });

  it("draws the same image whatever the number asked for, and others with another seed", () => {
    const few = syntheticDigits({ train: 20, test: 0 });
    const same = syntheticDigits({ train: 20, test: 5 });
    expect(same.train).toEqual(few.train);
    expect(syntheticDigits({ train: 20, test: 0, seed: 1 }).train.images).not.toEqual(few.train.images);
  });

  it("cannot be solved by class means, and tells more than chance", () => {
    const accuracy = nearestMeanAccuracy();
    expect(accuracy).toBeGreaterThan(0.4);
    expect(accuracy).toBeLessThan(0.85);
  });

  it("shares no image between training and test", () => {
    const image = (set: typeof train, i: number) =>
      Buffer.from(set.images.subarray(i * 784, (i + 1) * 784)).toString("latin1");
    const seen = new Set(Array.from({ length: train.count }, (_, i) => image(train, i)));
    expect(seen.size).toBe(train.count);
    for (let i = 0; i < test.count; i++) expect(seen.has(image(test, i))).toBe(false);
  });
});
