import { expect, it } from "vitest";
import { kernels, openArena } from "./module.ts";
import { withScratch } from "./scratch.ts";
import { inKernelMemory } from "./vector.ts";

it("lends vectors of the same kind and length", () => {
  const arena = openArena();
  withScratch(arena.float32(5), 2, (vectors) => {
    expect(vectors.map((v) => [inKernelMemory(v), v.length])).toEqual([
      [true, 5],
      [true, 5],
    ]);
  });
  arena.close();
  withScratch(new Float32Array(5), 1, ([v]) => {
    expect(v).toBeInstanceOf(Float32Array);
    expect(inKernelMemory(v!)).toBe(false);
  });
  withScratch(new Float64Array(5), 1, ([v]) => expect(v).toBeInstanceOf(Float64Array));
});

it("lends different vectors to nested uses, and the same ones again afterwards, also after an error", () => {
  const params = new Float64Array(7);
  const outer = withScratch(params, 2, (vectors) => {
    withScratch(params, 2, (nested) => {
      expect(new Set([...vectors, ...nested]).size).toBe(4);
    });
    return vectors;
  });
  expect(() =>
    withScratch(params, 2, () => {
      throw new Error("stop");
    }),
  ).toThrow("stop");
  expect(withScratch(params, 2, (vectors) => vectors.every((v, i) => v === outer[i]))).toBe(true);
});

it("keeps vectors of the lengths met last, never those that are lent out", () => {
  const outer = openArena();
  const base = outer.float32(33);
  withScratch(base, 1, ([lent]) => {
    lent!.fill(7);
    const used: number[] = [];
    for (let length = 1000; length < 1100; length++) {
      const arena = openArena();
      withScratch(arena.float32(length), 3, () => {});
      arena.close();
      used.push(kernels().memory.usedBytes);
    }
    expect(used.at(-1)! - used[20]!).toBeLessThan(3 * 16 * 4 * 100);
    expect(lent!.every((entry) => entry === 7)).toBe(true);
  });
  outer.close();
});
