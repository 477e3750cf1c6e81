import { describe, expect, it } from "vitest";
import type { Dataset } from "../data/dataset.ts";
import { splitIndices } from "../data/splits.ts";
import { openArena } from "../kernels/module.ts";
import { kernelOps, referenceOps } from "../kernels/ops.ts";
import { bits, key } from "../random/key.ts";
import { openExamples } from "./examples.ts";

const arena = openArena();

/** Images of random bytes, from a byte that may lie between words. */
function noise(count: number, side: number, offset: number): Dataset {
  const size = side * side;
  const words = new Uint32Array(Math.ceil((count * size + offset) / 4));
  bits(key(side), words);
  const images = new Uint8Array(words.buffer, offset, count * size);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  return { name: "noise", images, labels, count, height: side, width: side, channels: 1, classes: 10 };
}

describe("examples", () => {
  it.each([
    ["8×8, copied by words", 8, 0],
    ["8×8, between words", 8, 3],
    ["7×7, no whole words", 7, 0],
    ["28×28", 28, 0],
  ])("of %s are the chosen images / 255 with their labels", (_what, side, offset) => {
    const train = noise(50, side, offset);
    const test = noise(20, side, offset);
    const size = side * side;
    const examples = openExamples({ train, test }, (bytes) => arena.uint8(bytes));
    const { train: indices } = splitIndices(50);
    const order = Uint32Array.of(3, 0, 39, 3, 17);
    for (const ops of [kernelOps(arena), referenceOps]) {
      const x = ops.allocate(4 * size);
      const labels = new Uint8Array(4);
      const expectImages = (chosen: readonly number[], of: Dataset): void => {
        chosen.forEach((example, i) => {
          expect(labels[i]).toBe(of.labels[example]);
          for (let k = 0; k < size; k++) {
            // 1/255 is rounded to float32 before it is multiplied
            expect(x[i * size + k]).toBeCloseTo(of.images[example * size + k]! / 255, 6);
          }
        });
      };
      examples.unpack("train", { order, start: 1, count: 4 }, { ops, x, labels });
      expectImages(
        [0, 39, 3, 17].map((place) => indices[place]!),
        train,
      );
      examples.unpack("test", { start: 16, count: 4 }, { ops, x, labels });
      expectImages([16, 17, 18, 19], test);
    }
  });

  it("of training and test images of other extents are refused", () => {
    const data = { train: noise(20, 8, 0), test: noise(20, 7, 0) };
    expect(() => openExamples(data, () => new Uint8Array(0))).toThrow(
      expect.objectContaining({
        code: "E_SHAPE",
        message: expect.stringMatching(/8×8×1, test images 7×7×1/),
      }),
    );
  });
});
