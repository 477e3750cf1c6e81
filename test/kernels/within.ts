import { expect } from "vitest";
import type { Vector } from "../../src/kernels/types.ts";

/** |actual − expected| ≤ bound in every entry. */
export function expectWithin(actual: Vector, expected: Vector, bound: (i: number) => number): void {
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    if (!(error <= bound(i))) {
      expect.fail(`entry ${i} is ${actual[i]}, not ${expected[i]}: ${error} off, ${bound(i)} allowed`);
    }
  }
}
