import { beforeAll, describe, expect, it } from "vitest";
import { kernels, openArena } from "./module.ts";

const arena = openArena();
const { calls, variant } = kernels();

type Elementwise = "exp" | "log" | "sigmoid" | "tanh";

function run(name: Elementwise, values: ArrayLike<number>): { x: Float32Array; y: Float32Array } {
  const x = arena.float32(values.length);
  const y = arena.float32(values.length);
  x.set(Array.from(values));
  calls[name](x.byteOffset, y.byteOffset, values.length);
  return { x, y };
}

/** 100,001 evenly spaced points: an odd number, so the last goes through the tail. */
function grid(min: number, max: number): Float64Array {
  return Float64Array.from({ length: 100_001 }, (_, i) => min + ((max - min) * i) / 100_000);
}

/** Largest of `error` over the points. */
function worst(
  { x, y }: { x: Float32Array; y: Float32Array },
  error: (x: number, y: number) => number,
): number {
  return x.reduce((largest, value, i) => Math.max(largest, error(value, y[i]!)), 0);
}

/** Half a unit in the last place of a float32 is 6e-8 relative. */
describe(`elementary functions (${variant})`, () => {
  let exp: ReturnType<typeof run>;
  beforeAll(() => {
    exp = run("exp", grid(-87.3, 88.3));
  });

  it("exp is within 1.3e-7 relative where its value is a normal float32", () => {
    expect(worst(exp, (x, y) => Math.abs(y / Math.exp(x) - 1))).toBeLessThan(1.3e-7);
  });

  it("exp is clamped outside, so that it never overflows", () => {
    const { y } = run("exp", [88.3, 1000, Infinity, -87.33, -1000, -Infinity]);
    expect([y[1], y[2]]).toEqual([y[0], y[0]]);
    expect([y[4], y[5]]).toEqual([y[3], y[3]]);
    expect(y[0]).toBeLessThan(3.4e38);
    expect(y[3]).toBeGreaterThan(0);
  });

  it("log is within 1.2e-7 relative, and near 1, where it vanishes, within 4e-8 absolute", () => {
    const wide = run(
      "log",
      grid(-86, 88).map((x) => Math.exp(x)),
    );
    const near = run("log", grid(0.5, 2));
    const error = (x: number, y: number): number =>
      Math.abs(y - Math.log(x)) / Math.max(Math.abs(Math.log(x)), 1 / 3);
    expect(worst(wide, error)).toBeLessThan(1.2e-7);
    expect(worst(near, error)).toBeLessThan(1.2e-7);
    expect(run("log", [1]).y[0]).toBe(0);
  });

  it("sigmoid is within 2.2e-7 relative", () => {
    // one exp, one sum, one quotient: 1.3e-7 and twice half a unit in the last place
    const error = (x: number, y: number): number => Math.abs(y * (1 + Math.exp(-x)) - 1);
    expect(worst(run("sigmoid", grid(-80, 80)), error)).toBeLessThan(2.2e-7);
    expect(worst(run("sigmoid", grid(-2, 2)), error)).toBeLessThan(2.2e-7);
  });

  it("tanh is within 4.2e-7 relative, and never beyond 1", () => {
    for (const points of [grid(-20, 20), grid(-1, 1), grid(-1e-3, 1e-3)]) {
      const result = run("tanh", points);
      const error = (x: number, y: number): number =>
        x === 0 ? Math.abs(y) : Math.abs(y / Math.tanh(x) - 1);
      expect(worst(result, error)).toBeLessThan(4.2e-7);
      expect(worst(result, (_x, y) => Math.abs(y))).toBeLessThanOrEqual(1);
    }
  });

  it.each(["exp", "sigmoid", "tanh"] as const)(
    "%s lets a NaN through, in a whole vector and in a tail",
    (name) => {
      const { y } = run(name, [NaN, 0, 0, 0, 0, NaN]);
      expect([...y].map(Number.isNaN)).toEqual([true, false, false, false, false, true]);
    },
  );

  it.each(["exp", "sigmoid", "tanh"] as const)(
    "%s gives a value the same bits wherever it stands",
    (name) => {
      const values = [-3.3, -0.7, 1e-4, 0.3, 2.9, 11];
      const alone = values.map((value) => run(name, [value]).y[0]);
      const together = run(name, [...values, ...values, ...values.slice(0, 1)]).y;
      expect([...together]).toEqual([...alone, ...alone, alone[0]]);
    },
  );
});
