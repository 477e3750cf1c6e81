import { mean } from "../evaluation/group.ts";
import type { Measured } from "../evaluation/results.ts";

/** Values of one measure by seed. */
export type BySeed = ReadonlyMap<number, Measured>;

/** Two sides of a comparison, seed by seed, over the seeds that every repetition of both was run from. */
export interface Paired {
  /** `share` if both sides are logarithms: differences are then of them, and told as shares. */
  readonly scale?: "share";
  /** One value a seed, the mean over repetitions; null as soon as one of them is missing. */
  readonly candidate: readonly Measured[];
  readonly baseline: readonly Measured[];
  /** The same before the mean, repetition by repetition. */
  readonly candidates: readonly (readonly Measured[])[];
  readonly baselines: readonly (readonly Measured[])[];
}

/**
 * How two sides are compared, in tests and in the transfer matrix alike: seeds are the unit, repetitions are averaged over
 * first.
 *
 * `difference` is for accuracies and what spreads like them. Losses, eigenvalues, gaps and norms spread by factors: of ten
 * seeds one may be ten times as sharp as the rest, and then decides every test of differences. `ratio` compares them by the
 * differences of their logarithms (over repetitions: of the geometric mean), unless a value that counts is not above zero.
 */
export function pairSides(
  compare: "difference" | "ratio",
  candidates: readonly BySeed[],
  baselines: readonly BySeed[],
): Paired {
  const all = [...candidates, ...baselines];
  const seeds = [...(candidates[0]?.keys() ?? [])].filter((seed) => all.every((side) => side.has(seed)));
  const raw = (sides: readonly BySeed[]) => sides.map((side) => seeds.map((seed) => side.get(seed) ?? null));
  const [a, b] = [raw(candidates), raw(baselines)];
  const complete = seeds.flatMap((_, i) => {
    const values = [...a, ...b].map((side) => side[i]!);
    return values.every((value) => value !== null) ? (values as number[]) : [];
  });
  const shared = compare === "ratio" && complete.length > 0 && complete.every((value) => value > 0);
  const scaled = (sides: readonly (readonly Measured[])[]) =>
    shared
      ? sides.map((side) => side.map((value) => (value === null || value <= 0 ? null : Math.log(value))))
      : sides;
  const [left, right] = [scaled(a), scaled(b)];
  const over = (sides: readonly (readonly Measured[])[]): Measured[] =>
    seeds.map((_, i) => {
      const values = sides.map((side) => side[i]!);
      return values.every((value) => value !== null) ? mean(values as number[]) : null;
    });
  return {
    ...(shared && { scale: "share" }),
    candidate: over(left),
    baseline: over(right),
    candidates: left,
    baselines: right,
  };
}
