import { readFileSync } from "node:fs";
import type { ReferenceTensor, Theta } from "../../src/learned/tensor-reference.ts";

interface Numbers {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

type Tensors = Readonly<Record<string, Numbers>>;

/** The parameters after the first and after the last step. */
type Points = readonly [Tensors, Tensors];

interface Golden {
  readonly theta?: Tensors;
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  readonly f64: Points;
  readonly f32?: Points;
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../golden/learned/${name}.json`, import.meta.url), "utf8"));

const dataOf = (tensors: Tensors): Float64Array[] =>
  Object.values(tensors).map(({ data }) => Float64Array.from(data));

const written = read("inputs") as {
  readonly params: Tensors;
  readonly grads: readonly Tensors[];
  readonly losses: readonly number[];
  readonly horizon: number;
};

/** What every golden starts from and is fed: tensors in the papers' order of axes, gradients and losses of five steps. */
export const inputs: {
  readonly tensors: readonly ReferenceTensor[];
  readonly params: readonly Float64Array[];
  readonly gradients: readonly (readonly Float64Array[])[];
  readonly losses: readonly number[];
  readonly horizon: number;
} = {
  tensors: Object.entries(written.params).map(([name, { shape }]) => ({ shape, bias: name.endsWith(".b") })),
  params: dataOf(written.params),
  gradients: written.grads.map(dataOf),
  losses: written.losses,
  horizon: written.horizon,
};

/** Numbers of one optimizer, made by test/golden/learned/make.py. */
export function golden(name: string): {
  readonly f64: readonly (readonly Float64Array[])[];
  readonly f32?: readonly (readonly Float64Array[])[];
  readonly theta?: Theta;
} {
  const { theta, f64, f32 } = read(name) as Golden;
  return {
    f64: f64.map(dataOf),
    ...(f32 && { f32: f32.map(dataOf) }),
    ...(theta && {
      theta: Object.fromEntries(Object.entries(theta).map(([slot, { data }]) => [slot, data])),
    }),
  };
}

/** The weights of Celo's golden, by the formula of make.py. */
export function celoTheta(): Record<string, Float64Array> {
  const { shapes } = read("celo") as Golden;
  const entries = Object.entries(shapes!).map(([name, shape], j) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    return [
      name,
      Float64Array.from({ length: size }, (_, i) => 0.3 * Math.sin(12.9898 * (i + 1) + j)),
    ] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * The largest error of an update, relative to the largest entry of its tensor's update, in the first step and in all five
 * together.
 */
export function worstUpdate(
  points: readonly (readonly ArrayLike<number>[])[],
  expected: readonly (readonly Float64Array[])[],
): number {
  let worst = 0;
  for (const [which, point] of [points[0]!, points.at(-1)!].entries()) {
    for (const [i, start] of inputs.params.entries()) {
      const updates = start.map((p, j) => expected[which]![i]![j]! - p);
      const largest = updates.reduce((most, u) => Math.max(most, Math.abs(u)), 0);
      for (const [j, u] of updates.entries()) {
        const error = Math.abs(point[i]![j]! - start[j]! - u) / largest;
        worst = Number.isNaN(error) ? NaN : Math.max(worst, error);
      }
    }
  }
  return worst;
}
