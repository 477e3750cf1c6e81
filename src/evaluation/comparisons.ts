import { type Paired, pairSides } from "./effects.ts";
import { groupBy, unique } from "./group.ts";
import type {
  AtLossRecord,
  Comparison,
  Measured,
  Results,
  SharpnessRecord,
  SharpnessSeed,
} from "./results.ts";
import { asShare, holm, mean, pairedTest } from "./statistics.ts";

/** One side of a comparison: an optimizer by display name, or repetitions of one under a common name. */
export type Side = string | { readonly name: string; readonly members: readonly string[] };

/** A candidate to compare with a baseline. */
export interface Pair {
  readonly candidate: Side;
  readonly baseline: Side;
  /** What both were meta-trained on and the name of the candidate's regularizer, for learned pairs. */
  readonly source?: string;
  readonly regularizer?: string;
  /**
   * `accuracy` is that of the test set alone (its loss where there are no classes). `main`, the default, adds training
   * loss, top eigenvalue and the curvature gap at the largest radius; `properties` adds the largest loss, gap and
   * gradient norm at every radius.
   */
  readonly measures?: "accuracy" | "main" | "properties";
}

/** The records that comparisons are made from. */
export type ComparedRecords = Pick<Results, "evaluations" | "sharpness" | "sharpnessAtLoss">;

/** What is tested in every ball: the quantities that SAM, GSAM and GAM lower. */
const BALL_MEASURES = ["maxLoss", "surrogateGap", "maxGradientNorm"] as const;

/**
 * Paired tests of every pair on every task and number of steps both sides were run for, and at equal training loss where
 * that was measured. Holm's correction runs over everything returned.
 *
 * What is compared with what is the business of `pairSides`. `agreeing` counts the repetitions that differ in the direction
 * of the mean, the i-th of one side taken with the i-th of the other.
 *
 * @example
 * compareOptimizers({ evaluations, sharpness }, [["lstm + SAM", "lstm"], ["Adam + SAM", "Adam"]]);
 */
export function compareOptimizers(
  records: ComparedRecords,
  pairs: readonly (Pair | readonly [candidate: string, baseline: string])[],
): Comparison[] {
  const found = pairs.flatMap((given) => {
    const pair: Pair = "candidate" in given ? given : { candidate: given[0], baseline: given[1] };
    return [
      ...evaluationTests(records, pair),
      ...(pair.measures === "accuracy"
        ? []
        : [...sharpnessTests(records, pair), ...atLossTests(records, pair)]),
    ];
  });
  const corrected = holm(found.map((comparison) => comparison.p));
  return found.map((comparison, i) => ({ ...comparison, pHolm: corrected[i]! }));
}

type Untested = Omit<Comparison, "pHolm">;

function evaluationTests({ evaluations }: ComparedRecords, pair: Pair): Untested[] {
  return placesOf(evaluations, ({ task, steps }) => ({ task, steps })).flatMap(({ place, members }) => {
    const classified = members.some(({ summary }) => summary.testAccuracy !== undefined);
    const all = [classified ? "testAccuracy" : "testLoss", "trainLoss"] as const;
    return (pair.measures === "accuracy" ? all.slice(0, 1) : all).flatMap((measure) =>
      testPair(members, pair, (seed) => seed[measure] ?? null, { ...place, measure }),
    );
  });
}

function sharpnessTests({ sharpness }: ComparedRecords, pair: Pair): Untested[] {
  return placesOf(sharpness, ({ task, steps }) => ({ task, steps })).flatMap(({ place, members }) =>
    pointTests(members, pair, place),
  );
}

function atLossTests({ sharpnessAtLoss = [] }: ComparedRecords, pair: Pair): Untested[] {
  return placesOf(sharpnessAtLoss, ({ task, maxSteps, below }) => ({ task, steps: maxSteps, below })).flatMap(
    ({ place, members }) => pointTests(members, pair, place),
  );
}

/** Tests at points reached after equal steps or at equal loss. */
function pointTests(
  members: readonly (SharpnessRecord | AtLossRecord)[],
  pair: Pair,
  place: Place,
): Untested[] {
  const radii = unique(members.flatMap(({ summary }) => summary.radii.map((at) => at.radius))).sort(
    (a, b) => a - b,
  );
  const at = (radius: number, measure: (typeof BALL_MEASURES)[number] | "curvatureGap") =>
    testPair(
      members,
      pair,
      (seed: SharpnessSeed) => seed.radii.find((entry) => entry.radius === radius)?.[measure] ?? null,
      { ...place, measure, radius },
    );
  return [
    ...testPair(members, pair, (seed: SharpnessSeed) => seed.topEigenvalue, {
      ...place,
      measure: "topEigenvalue",
    }),
    ...radii.slice(-1).flatMap((radius) => at(radius, "curvatureGap")),
    ...(pair.measures === "properties"
      ? radii.flatMap((radius) => BALL_MEASURES.flatMap((measure) => at(radius, measure)))
      : []),
  ];
}

interface Place {
  readonly task: string;
  readonly steps: number;
  readonly below?: number;
}

/** Records that can be compared with one another, in order of first appearance. */
function placesOf<R>(records: readonly R[], placeOf: (record: R) => Place): { place: Place; members: R[] }[] {
  const places = groupBy(records, (record) => JSON.stringify(placeOf(record)));
  return [...places.values()].map((members) => ({ place: placeOf(members[0]!), members }));
}

/** The test of one measure at one place; nothing where one side was not run there. */
function testPair<S extends { readonly seed: number }>(
  records: readonly { readonly optimizer: string; readonly seeds: readonly S[] }[],
  pair: Pair,
  read: (seed: S) => Measured,
  what: Place & { readonly measure: string; readonly radius?: number },
): Untested[] {
  const [candidates, baselines] = [pair.candidate, pair.baseline].map((side) =>
    membersOf(side).flatMap((name) => records.find(({ optimizer }) => optimizer === name) ?? []),
  ) as [(typeof records)[number][], (typeof records)[number][]];
  if (candidates.length === 0 || baselines.length === 0) return [];
  const valuesOf = ({ seeds }: { readonly seeds: readonly S[] }) =>
    new Map(seeds.map((seed) => [seed.seed, read(seed)]));
  const paired = pairSides(what.measure, candidates.map(valuesOf), baselines.map(valuesOf));
  const { scale, candidate, baseline } = paired;
  const test = pairedTest(candidate, baseline);
  const used = baseline.filter((value, i) => value !== null && candidate[i] !== null) as number[];
  const baselineMean = used.length === 0 ? null : mean(scale ? used.map(Math.exp) : used);
  const { source, regularizer } = pair;
  return [
    {
      ...what,
      candidate: nameOf(pair.candidate),
      baseline: nameOf(pair.baseline),
      baselineMean,
      ...(scale ? { scale, ...asShare(test, "meanDifference") } : test),
      ...agreement(paired, test.meanDifference),
      ...(source !== undefined && { source }),
      ...(regularizer !== undefined && { regularizer }),
    },
  ];
}

/** In how many repetitions the difference has the sign of the mean over them; nothing if there is only one. */
function agreement(
  { candidates, baselines }: Paired,
  difference: Measured,
): Pick<Comparison, "repetitions" | "agreeing"> {
  const repetitions = Math.max(candidates.length, baselines.length);
  if (repetitions < 2 || difference === null) return {};
  const agreeing = Array.from({ length: repetitions }, (_, i) => {
    const of = (sides: Paired["candidates"]) => sides[Math.min(i, sides.length - 1)]!;
    return pairedTest(of(candidates), of(baselines)).meanDifference;
  }).filter((own) => own !== null && Math.sign(own) === Math.sign(difference)).length;
  return { repetitions, agreeing };
}

function membersOf(side: Side): readonly string[] {
  return typeof side === "string" ? [side] : side.members;
}

function nameOf(side: Side): string {
  return typeof side === "string" ? side : side.name;
}
