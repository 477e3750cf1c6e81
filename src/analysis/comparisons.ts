import { groupBy, mean, unique } from "../evaluation/group.ts";
import { groupOf, methodKey } from "../evaluation/method-id.ts";
import type {
  AtLossRecord,
  Comparison,
  Measured,
  MethodId,
  Results,
  SharpnessRecord,
  SharpnessSeed,
} from "../evaluation/results.ts";
import { type Paired, pairSides } from "./effects.ts";
import { judgeOf, measureOf, OWN_QUANTITIES } from "./measures.ts";
import { asShare, holm, pairedTest } from "./statistics.ts";

/** Two methods to compare; without a meta-seed all repetitions that both sides have, i-th with i-th. */
export interface Pair {
  readonly candidate: MethodId;
  readonly baseline: MethodId;
  /**
   * `quality` is the measure that the task is judged by alone. `main`, the default, adds training loss, top eigenvalue and
   * the curvature gap at the largest radius; `properties` adds what regularizers lower, at every radius.
   */
  readonly measures?: "quality" | "main" | "properties";
  /**
   * Gradients that a step of the baseline takes, where both are compared after equally many gradients: the candidate after
   * N steps with the baseline after N/gradients.
   */
  readonly baselineGradients?: number;
}

/** The records that comparisons are made from. */
export type ComparedRecords = Pick<Results, "evaluations" | "sharpness" | "sharpnessAtLoss" | "metrics">;

/**
 * Paired tests of every pair on every task and number of steps both sides were run for, and at equal training loss where
 * that was measured. Holm's correction runs over everything returned.
 *
 * What is compared with what is the business of `pairSides`. `agreeing` counts the repetitions that differ in the direction
 * of the mean, the i-th of one side taken with the i-th of the other.
 *
 * @example
 * compareOptimizers(results, [{ candidate: { optimizer: "adam", regularizer: "sam" }, baseline: { optimizer: "adam", regularizer: "none" } }]);
 */
export function compareOptimizers(records: ComparedRecords, pairs: readonly Pair[]): Comparison[] {
  const found = pairs.flatMap((pair) => {
    const { baselineGradients } = pair;
    if (baselineGradients === undefined) {
      return [
        ...evaluationTests(records, pair),
        ...(pair.measures === "quality"
          ? []
          : [...sharpnessTests(records, pair), ...atLossTests(records, pair)]),
      ];
    }
    const shifted = atEqualGradients(records, pair.baseline, baselineGradients);
    return [...evaluationTests(shifted, pair), ...sharpnessTests(shifted, pair)].map(
      (test): Untested => ({ ...test, baselineSteps: stepsForGradients(test.steps, baselineGradients) }),
    );
  });
  const corrected = holm(found.map((comparison) => comparison.p));
  return found.map((comparison, i) => ({ ...comparison, pHolm: corrected[i]! }));
}

type Untested = Omit<Comparison, "pHolm">;

/** Steps of so many gradients each that take as many as so many plain ones. */
export function stepsForGradients(steps: number, gradients: number): number {
  return Math.max(1, Math.round(steps / gradients));
}

/** The records with those of one method under the number of steps in which plain ones take as many gradients. */
function atEqualGradients(
  { evaluations, sharpness, metrics }: ComparedRecords,
  baseline: MethodId,
  gradients: number,
): ComparedRecords {
  const steps = unique(evaluations.map((record) => record.steps));
  const shift = <R extends { readonly method: MethodId; readonly steps: number }>(records: readonly R[]) =>
    records.flatMap((record) =>
      methodKey(groupOf(record.method)) === methodKey(groupOf(baseline))
        ? steps
            .filter((count) => stepsForGradients(count, gradients) === record.steps)
            .map((count) => ({ ...record, steps: count }))
        : record,
    );
  return { evaluations: shift(evaluations), sharpness: shift(sharpness), metrics };
}

function evaluationTests({ evaluations, metrics }: ComparedRecords, pair: Pair): Untested[] {
  return placesOf(evaluations, ({ task, steps }) => ({ task, steps })).flatMap(({ place, members }) => {
    const judge = judgeOf(members, metrics);
    const measures = pair.measures === "quality" ? [judge] : [judge, "trainLoss"];
    return measures.flatMap((measure) => {
      const { compare } = measureOf(measure, metrics);
      return testPair(
        members,
        pair,
        (seed) =>
          (measure === "trainLoss" || measure === "testLoss" ? seed[measure] : seed.metrics[measure]) ?? null,
        { ...place, measure, compare },
      );
    });
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
  const at = (radius: number, measure: (typeof OWN_QUANTITIES)[number] | "curvatureGap") =>
    testPair(
      members,
      pair,
      (seed: SharpnessSeed) => seed.radii.find((entry) => entry.radius === radius)?.[measure] ?? null,
      { ...place, measure, radius, compare: "ratio" },
    );
  return [
    ...testPair(members, pair, (seed: SharpnessSeed) => seed.topEigenvalue, {
      ...place,
      measure: "topEigenvalue",
      compare: "ratio",
    }),
    ...radii.slice(-1).flatMap((radius) => at(radius, "curvatureGap")),
    ...(pair.measures === "properties"
      ? radii.flatMap((radius) => OWN_QUANTITIES.flatMap((measure) => at(radius, measure)))
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
  records: readonly { readonly method: MethodId; readonly seeds: readonly S[] }[],
  { candidate, baseline }: Pair,
  read: (seed: S) => Measured,
  {
    compare,
    ...what
  }: Place & {
    readonly measure: string;
    readonly radius?: number;
    readonly compare: "difference" | "ratio";
  },
): Untested[] {
  const [candidates, baselines] = repetitionsOf(records, candidate, baseline);
  if (candidates.length === 0 || baselines.length === 0) return [];
  const valuesOf = ({ seeds }: { readonly seeds: readonly S[] }) =>
    new Map(seeds.map((seed) => [seed.seed, read(seed)]));
  const paired = pairSides(compare, candidates.map(valuesOf), baselines.map(valuesOf));
  const { scale } = paired;
  const test = pairedTest(paired.candidate, paired.baseline);
  const used = paired.baseline.filter(
    (value, i) => value !== null && paired.candidate[i] !== null,
  ) as number[];
  const baselineMean = used.length === 0 ? null : mean(scale ? used.map(Math.exp) : used);
  return [
    {
      ...what,
      candidate,
      baseline,
      baselineMean,
      ...(scale ? { scale, ...asShare(test, "meanDifference") } : test),
      ...agreement(paired, test.meanDifference),
    },
  ];
}

/**
 * The records of both sides in the order of their meta-seeds. Where both are repetitions of learned optimizers, those
 * whose meta-seed the other side has too.
 */
function repetitionsOf<R extends { readonly method: MethodId }>(
  records: readonly R[],
  ...sides: readonly [MethodId, MethodId]
): [R[], R[]] {
  const [one, other] = sides.map((side) => {
    const wanted = methodKey(side);
    return records
      .filter(({ method }) => methodKey(side.metaSeed === undefined ? groupOf(method) : method) === wanted)
      .sort((a, b) => (a.method.metaSeed ?? 0) - (b.method.metaSeed ?? 0));
  }) as [R[], R[]];
  const repeated = sides.every((side) => side.source !== undefined && side.metaSeed === undefined);
  if (!repeated) return [one, other];
  const shared = (own: R[], others: R[]) =>
    own.filter(({ method }) => others.some((each) => each.method.metaSeed === method.metaSeed));
  return [shared(one, other), shared(other, one)];
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
