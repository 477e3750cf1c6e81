import { LowlandError } from "../errors.ts";
import type { Layout, Vector } from "../kernels/types.ts";

/** Throws `E_CONFIG`, naming the promise, where it does not hold. */
export type Expect = (holds: boolean, promise: string) => void;

/** `expect` for one thing under test; `subject` starts the message: `optimizer adam`. */
export function expectOf(subject: string): Expect {
  return (holds, promise) => {
    if (!holds) throw new LowlandError("E_CONFIG", `${subject} ${promise}`);
  };
}

/** Whether a call throws a `LowlandError`, the kind a user can act on. */
export function refuses(call: () => void): boolean {
  try {
    call();
    return false;
  } catch (error) {
    return error instanceof LowlandError;
  }
}

export function sameBits(a: Vector, b: Vector): boolean {
  return a.length === b.length && a.every((entry: number, i: number) => Object.is(entry, b[i]));
}

export function sameLayout(a: Layout, b: Layout): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export function allFinite(x: Vector): boolean {
  return x.every((entry: number) => Number.isFinite(entry));
}

/** Checks that slots lie one after another under names of their own. */
export function expectLayout(expect: Expect, layout: Layout): void {
  let end = 0;
  for (const { offset, size, shape } of layout.slots) {
    expect(offset === end, "has a layout with gaps or overlaps; make it with layoutOf");
    expect(size === shape.reduce((a, b) => a * b, 1), "has a slot whose size is not that of its shape");
    end += size;
  }
  expect(end === layout.size, "has a layout whose size is not that of its slots; make it with layoutOf");
  const names = new Set(layout.slots.map(({ name }) => name));
  expect(names.size === layout.slots.length, "has two slots of one name");
}
