import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assign } from "./assign.ts";

const workers = fc
  .array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 6 })
  .map((threads) => threads.map((count, i) => ({ id: `w${i}`, threads: count })));
const holders = fc.array(
  fc.option(
    fc.integer({ min: 0, max: 7 }).map((i) => `w${i}`),
    { nil: undefined },
  ),
  {
    maxLength: 40,
  },
);

describe("the assignment of instances to workers", () => {
  it("gives every instance to a worker, none more than its share of threads", () => {
    fc.assert(
      fc.property(holders, workers, (held, live) => {
        const assigned = assign(held, live);
        const all = live.reduce((sum, { threads }) => sum + threads, 0);
        for (const { id, threads } of live) {
          const count = assigned.filter((worker) => worker === id).length;
          expect(count).toBeLessThanOrEqual(Math.ceil((held.length * threads) / all));
        }
        expect(assigned.every((worker) => live.some(({ id }) => id === worker))).toBe(true);
      }),
    );
  });

  it("moves nothing when it is made again for the same workers", () => {
    fc.assert(
      fc.property(holders, workers, (held, live) => {
        const assigned = assign(held, live);
        expect(assign(assigned, live)).toEqual(assigned);
      }),
    );
  });

  it("moves only what a lost worker held, and what is a new one's share", () => {
    const two = [
      { id: "a", threads: 1 },
      { id: "b", threads: 1 },
    ];
    expect(assign(["a", "b", "a", "b"], [two[0]!])).toEqual(["a", "a", "a", "a"]);
    expect(assign(["a", "a", "a", "a"], two)).toEqual(["a", "a", "b", "b"]);
    expect(assign(["a", "gone", undefined], two)).toEqual(["a", "a", "b"]);
  });

  it("lays neighbours together", () => {
    const two = [
      { id: "a", threads: 1 },
      { id: "b", threads: 2 },
    ];
    expect(assign(new Array(6).fill(undefined), two)).toEqual(["a", "a", "b", "b", "b", "b"]);
  });

  it("leaves all to whoever comes where there is no worker", () => {
    expect(assign(["a", undefined], [])).toEqual([undefined, undefined]);
  });
});
