import { describe, expect, it } from "vitest";
import { bits, key } from "../random/key.ts";
import type { Dataset } from "./dataset.ts";
import { resized } from "./resize.ts";

/** Images of random bytes. */
function noise(count: number, height: number, channels: number): Dataset {
  const images = new Uint8Array(count * height * height * channels);
  bits(key(3), new Uint32Array(images.buffer));
  return {
    name: "noise",
    images,
    labels: new Uint8Array(count),
    count,
    height,
    width: height,
    channels,
    classes: 1,
  };
}

describe("resized", () => {
  it("averages whole blocks and channels", () => {
    const dataset: Dataset = {
      ...noise(1, 2, 3),
      images: Uint8Array.of(0, 30, 60, 10, 10, 10, 0, 0, 0, 255, 255, 255),
    };
    // means of the channels: 30, 10, 0, 255
    expect([...resized(dataset, 2).images]).toEqual([30, 10, 0, 255]);
    expect([...resized(dataset, 1).images]).toEqual([74]); // 73.75
  });

  it("weighs pixels that two outputs share by their area: as blocks of the images enlarged without loss", () => {
    const dataset = noise(3, 28, 1);
    const small = resized(dataset, 8);
    // 28·2 = 8·7: doubled images have blocks of 7×7
    for (let image = 0; image < 3; image++) {
      for (let y = 0; y < 8; y++) {
        for (let x = 0; x < 8; x++) {
          let sum = 0;
          for (let i = 7 * y; i < 7 * y + 7; i++) {
            for (let j = 7 * x; j < 7 * x + 7; j++) {
              sum += dataset.images[image * 784 + (i >> 1) * 28 + (j >> 1)]!;
            }
          }
          expect(Math.abs(small.images[image * 64 + y * 8 + x]! - sum / 49)).toBeLessThanOrEqual(0.5 + 1e-9);
        }
      }
    }
  });

  it("leaves images of one value as they are, at any size", () => {
    const dataset = { ...noise(1, 32, 3), images: new Uint8Array(32 * 32 * 3).fill(201) };
    for (let side = 1; side <= 32; side++) {
      expect(resized(dataset, side).images.every((value) => value === 201)).toBe(true);
    }
  });

  it.each([0, 1.5, 29, Number.NaN])("refuses a size of %d", (side) => {
    expect(() => resized(noise(1, 28, 1), side)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });
});
