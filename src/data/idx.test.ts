import { describe, expect, it } from "vitest";
import { encodeIdx as idx, parseIdxImages, parseIdxLabels } from "./idx.ts";

const pixels = Uint8Array.from({ length: 12 }, (_, i) => i);
const images = idx([2, 3, 2], pixels);
const labels = idx([4], Uint8Array.of(0, 9, 3, 1));
const refuses = (message: RegExp) =>
  expect.objectContaining({ code: "E_DATA", message: expect.stringMatching(message) });

describe("an IDX file", () => {
  it("gives its extents and its bytes", () => {
    expect(parseIdxImages(images, "f")).toEqual({ pixels, count: 2, height: 3, width: 2 });
    expect([...parseIdxLabels(labels, "f", 10)]).toEqual([0, 9, 3, 1]);
  });

  it("is read from the middle of a larger buffer", () => {
    const larger = new Uint8Array(images.length + 9);
    larger.set(images, 5);
    expect(parseIdxImages(larger.subarray(5, 5 + images.length), "f").pixels).toEqual(pixels);
  });

  it("with another magic number is refused", () => {
    expect(() => parseIdxImages(labels.slice(0, 16), "dir/f")).toThrow(refuses(/header of images|magic/));
    const padded = new Uint8Array(16);
    padded.set(labels);
    expect(() => parseIdxImages(padded, "dir/f")).toThrow(
      refuses(/^dir\/f is not an IDX file of images: magic number 0x00000801, expected 0x00000803; delete/),
    );
    expect(() => parseIdxLabels(images, "f", 10)).toThrow(refuses(/0x00000803, expected 0x00000801/));
  });

  it("that is truncated is refused at every length", () => {
    for (let length = 0; length < images.length; length++) {
      expect(() => parseIdxImages(images.subarray(0, length), "f")).toThrow(refuses(/truncated/));
    }
  });

  it("with trailing bytes is refused", () => {
    const longer = new Uint8Array(images.length + 1);
    longer.set(images);
    expect(() => parseIdxImages(longer, "f")).toThrow(
      refuses(/oversized: 29 bytes, its header \(2 × 3 × 2\) says 28/),
    );
  });

  it("whose header claims more than memory holds is refused before anything is allocated", () => {
    const huge = idx([0xffffffff, 0xffffffff, 0xffffffff], new Uint8Array(8));
    expect(() => parseIdxImages(huge, "f")).toThrow(refuses(/truncated: 24 bytes/));
  });

  it("with a label out of range is refused", () => {
    expect(() => parseIdxLabels(labels, "f", 9)).toThrow(
      refuses(/label 9 at record 1, labels go from 0 to 8/),
    );
  });
});
