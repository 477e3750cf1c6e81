import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LowlandError } from "../errors.ts";
import { decodeFlax } from "./flax.ts";

/**
 * Written by Python's msgpack 1 as flax does: {theta: {"mlp/~/linear_0": {w: float32 [[0, 1, 2], [3, 4, 5]], b: float64 [-1.5, 2.5,
 * 0.25]}, step: int32 7, names: [...]}, one: float32 0.5}, arrays as extension 1 of (shape, dtype, bytes).
 */
const bytes = Buffer.from(
  "gqV0aGV0YYOubWxwL34vbGluZWFyXzCCoXfHJgGTkgIDp2Zsb2F0MzLEGAAAAAAAAIA/AAAAQAAAQEAAAIBAAACgQKFixyUBk5EDp2Zsb2F0NjTEGAAAAAAAAPi/AAAAAAAABEAAAAAAAADQP6RzdGVwxw4Bk5ClaW50MzLEBAcAAAClbmFtZXOYoWHAw/3NASzS//7ukMs/+AAAAAAAAM8AAAEAAAAAAKNvbmXYAZOQp2Zsb2F0MzLEBAAAAD8=",
  "base64",
);

describe("a msgpack file of flax", () => {
  it("gives its floating-point tensors by their paths", () => {
    const tensors = decodeFlax(bytes, "theta.state");
    expect([...tensors].map(([name, { shape, data }]) => [name, shape, [...Array.from(data)]])).toEqual([
      ["theta.mlp/~/linear_0.w", [2, 3], [0, 1, 2, 3, 4, 5]],
      ["theta.mlp/~/linear_0.b", [3], [-1.5, 2.5, 0.25]],
      ["one", [], [0.5]],
    ]);
  });

  it("is refused wherever it is cut", () => {
    for (let size = 0; size < bytes.length; size++) {
      expect(() => decodeFlax(bytes.subarray(0, size), "theta.state")).toThrow(
        /theta\.state is no msgpack file of flax/,
      );
    }
  });

  it("is refused where it nests without end", () => {
    expect(() => decodeFlax(new Uint8Array(1_000_000).fill(0x91), "theta.state")).toThrow(
      /more than 100 deep/,
    );
  });

  it("is refused with an error of ours or read, whatever its bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(bytes.length - 1), (noise, from) => {
        const damaged = Uint8Array.from(bytes);
        damaged.set(noise.subarray(0, bytes.length - from), from);
        for (const some of [noise, damaged]) {
          try {
            decodeFlax(some, "theta.state");
          } catch (error) {
            expect(error).toBeInstanceOf(LowlandError);
          }
        }
      }),
    );
  });
});
