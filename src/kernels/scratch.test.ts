import { expect, it } from "vitest";
import { openArena } from "./module.ts";
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
