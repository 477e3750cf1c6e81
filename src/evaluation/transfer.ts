import type { ComparedRecords } from "./comparisons.ts";
import { type BySeed, pairSides } from "./effects.ts";
import { groupBy } from "./group.ts";
import type { Measured, RadiusMeasure, SharpnessSeed, TransferCell } from "./results.ts";
import { asShare, type Estimate, estimate, mean, pairedTest, standardDeviation } from "./statistics.ts";

/** Where a learned optimizer comes from: what a transfer matrix needs to know of it. */
export interface Lineage {
  /** Display name, that of its evaluations. */
  readonly name: string;
  /** Meta-training task, several joined by commas. */
  readonly source: string;
  /** Name of the regularizer in the meta-objective, or `none`. */
  readonly regularizer: string;
  readonly metaSeed: number;
}

const POINT_MEASURES = ["topEigenvalue", "trace", "gradientNorm"] as const;
const BALL_MEASURES: readonly RadiusMeasure[] = [
  "maxLoss",
  "surrogateGap",
  "maxGradientNorm",
  "curvatureGap",
];

/**
 * The transfer matrix: meta-training task × test task × regularizer × number of steps, for test accuracy, training loss
 * and every sharpness measure. Seeds are the unit: a seed's value is the mean over meta-seeds. Changes are against the plain
 * optimizer of the same source and meta-seeds, with the numbers of the paired test (`compareOptimizers`): differences of
 * accuracies, of other measures the geometric mean of the ratios less one; none where a value is not above zero.
 *
 * @example
 * transferMatrix(records, [{ name: "LSTM + SAM", source: "mnist/mlp", regularizer: "sam", metaSeed: 0 }]);
 */
export function transferMatrix(records: ComparedRecords, lineages: readonly Lineage[]): TransferCell[] {
  const groups = groupBy(lineages, ({ source, regularizer }) => JSON.stringify([source, regularizer]));
  return [...groups.values()].flatMap((group) => {
    const { source, regularizer } = group[0]!;
    const plain = group.map(
      ({ metaSeed }) =>
        lineages.find(
          (other) => other.source === source && other.regularizer === "none" && other.metaSeed === metaSeed,
        )?.name,
    );
    return quantitiesOf(records).flatMap(({ of, ...where }): TransferCell[] => {
      const repetitions = group.flatMap(({ name }, i) => {
        const own = of(name);
        return own === undefined ? [] : [{ own, base: plain[i] === undefined ? undefined : of(plain[i]) }];
      });
      if (repetitions.length === 0) return [];
      const within = where.measure === "testAccuracy" ? { within: [0, 1] as const } : {};
      const value = estimate(seedMeans(repetitions.map(({ own }) => own)), within);
      const change = regularizer === "none" ? undefined : changeOf(where.measure, repetitions);
      return [{ source, regularizer, ...where, value, ...(change && { change }) }];
    });
  });
}

/** Every measure at every place, and how to read it of an optimizer by name. */
function quantitiesOf({ evaluations, sharpness }: ComparedRecords) {
  const quantities: (Omit<TransferCell, "source" | "regularizer" | "value" | "change"> & {
    readonly of: (name: string) => BySeed | undefined;
  })[] = [];
  for (const { task, steps } of distinctPlaces(evaluations)) {
    for (const measure of ["testAccuracy", "testLoss", "trainLoss"] as const) {
      const of = reader(evaluations, { task, steps }, (seed) => seed[measure] ?? null);
      quantities.push({ task, steps, measure, of });
    }
  }
  for (const { task, steps } of distinctPlaces(sharpness)) {
    const here = sharpness.filter((record) => record.task === task && record.steps === steps);
    for (const measure of POINT_MEASURES) {
      if (!here.some(({ seeds }) => seeds.some((seed) => seed[measure] !== undefined))) continue;
      const of = reader(here, { task, steps }, (seed) => seed[measure] ?? null);
      quantities.push({ task, steps, measure, of });
    }
    const radii = new Set(here.flatMap(({ summary }) => summary.radii.map(({ radius }) => radius)));
    for (const radius of [...radii].sort((a, b) => a - b)) {
      for (const measure of BALL_MEASURES) {
        const read = (seed: SharpnessSeed) =>
          seed.radii.find((at) => at.radius === radius)?.[measure] ?? null;
        quantities.push({ task, steps, measure, radius, of: reader(here, { task, steps }, read) });
      }
    }
  }
  return quantities;
}

function distinctPlaces(records: readonly { readonly task: string; readonly steps: number }[]) {
  const seen = new Map(records.map(({ task, steps }) => [JSON.stringify([task, steps]), { task, steps }]));
  return [...seen.values()];
}

function reader<S extends { readonly seed: number }>(
  records: readonly { task: string; optimizer: string; steps: number; seeds: readonly S[] }[],
  { task, steps }: { task: string; steps: number },
  read: (seed: S) => Measured,
): (name: string) => BySeed | undefined {
  const here = records.filter((record) => record.task === task && record.steps === steps);
  return (name) => {
    const record = here.find(({ optimizer }) => optimizer === name);
    return record && new Map(record.seeds.map((seed) => [seed.seed, read(seed)]));
  };
}

/** A seed's mean over repetitions, of those that have a value. */
function seedMeans(repetitions: readonly BySeed[]): number[] {
  const seeds = new Set(repetitions.flatMap((values) => [...values.keys()]));
  return [...seeds].flatMap((seed) => {
    const values = repetitions.map((own) => own.get(seed) ?? null).filter((value) => value !== null);
    return values.length === 0 ? [] : [mean(values)];
  });
}

/** Against the plain optimizers, over the meta-seeds that have one; nothing where ratios mean nothing. */
function changeOf(
  measure: string,
  repetitions: readonly { readonly own: BySeed; readonly base: BySeed | undefined }[],
): Estimate | undefined {
  const both = repetitions.flatMap(({ own, base }) => (base === undefined ? [] : [{ own, base }]));
  const { scale, candidate, baseline } = pairSides(
    measure,
    both.map(({ own }) => own),
    both.map(({ base }) => base),
  );
  if (measure !== "testAccuracy" && scale === undefined) return undefined;
  const { meanDifference, low, high, pairs } = pairedTest(candidate, baseline);
  if (meanDifference === null) return undefined;
  const differences = candidate.flatMap((value, i) =>
    value === null || baseline[i] === null ? [] : [value - baseline[i]!],
  );
  const sd = pairs < 2 ? null : standardDeviation(differences);
  const change = { mean: meanDifference, sd, low, high, count: pairs };
  return scale ? asShare(change, "mean") : change;
}
