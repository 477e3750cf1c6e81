import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { divideThreads } from "./threads.ts";

describe("divideThreads", () => {
  it("gives every instance a worker before a kernel gets a second thread", () => {
    expect(divideThreads(8, 20)).toEqual({ workers: 8, inside: 1 });
    expect(divideThreads(8, 3)).toEqual({ workers: 3, inside: 2 });
    expect(divideThreads(2, 1)).toEqual({ workers: 1, inside: 2 });
    expect(divideThreads(1, 5)).toEqual({ workers: 1, inside: 1 });
  });

  it("never uses more threads than there are, nor more workers than instances", () => {
    const counts = fc.integer({ min: 1, max: 200 });
    fc.assert(
      fc.property(counts, fc.nat(200), (threads, instances) => {
        const { workers, inside } = divideThreads(threads, instances);
        expect(workers * inside).toBeLessThanOrEqual(threads);
        expect(workers).toBeLessThanOrEqual(Math.max(1, instances));
        expect(inside).toBeGreaterThanOrEqual(1);
      }),
    );
  });

  it("refuses what is no number of threads", () => {
    for (const threads of [0, 1.5, -2, Number.NaN]) {
      expect(() => divideThreads(threads, 1)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
    }
  });
});
