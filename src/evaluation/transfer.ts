import type { ComparedRecords } from "./comparisons.ts";
import { groupBy } from "./group.ts";
import type { Measured, RadiusMeasure, SharpnessSeed, TransferCell } from "./results.ts";
import { asShare, type Estimate, estimate, mean } from "./statistics.ts";

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

/** One optimizer's values of one measure at one place, by seed. */
type Values = ReadonlyMap<number, Measured>;

/**
 * The transfer matrix: meta-training task × test task × regularizer × number of steps, for test accuracy, training loss
 * and every sharpness measure. Values are means over meta-seeds and seeds together; changes are against the plain optimizer
 * of the same source and meta-seed on the same seed: differences of accuracies, of other measures the geometric mean of the
 * ratios less one (the difference as a share of the plain mean where a value is not above zero).
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
      const own = group.map(({ name }) => of(name));
      const values = own.flatMap((found) => [...(found?.values() ?? [])]);
      if (own.every((found) => found === undefined)) return [];
      const base = plain.map((name) => (name === undefined ? undefined : of(name)));
      const change =
        regularizer === "none" ? undefined : changeOf(own, base, where.measure === "testAccuracy");
      return [{ source, regularizer, ...where, value: estimate(values), ...(change && { change }) }];
    });
  });
}

/** Every measure at every place, and how to read it of an optimizer by name. */
function quantitiesOf({ evaluations, sharpness }: ComparedRecords) {
  const quantities: (Omit<TransferCell, "source" | "regularizer" | "value" | "change"> & {
    readonly of: (name: string) => Values | undefined;
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
): (name: string) => Values | undefined {
  const here = records.filter((record) => record.task === task && record.steps === steps);
  return (name) => {
    const record = here.find(({ optimizer }) => optimizer === name);
    return record && new Map(record.seeds.map((seed) => [seed.seed, read(seed)]));
  };
}

/** Differences seed by seed and meta-seed by meta-seed; nothing where no plain optimizer was run. */
function changeOf(
  own: readonly (Values | undefined)[],
  plain: readonly (Values | undefined)[],
  absolute: boolean,
): Estimate | undefined {
  const pairs: [number, number][] = [];
  for (const [i, values] of own.entries()) {
    for (const [seed, value] of values ?? []) {
      const other = plain[i]?.get(seed) ?? null;
      if (value !== null && other !== null) pairs.push([value, other]);
    }
  }
  if (pairs.length === 0) return undefined;
  if (!absolute && pairs.flat().every((value) => value > 0)) {
    return asShare(estimate(pairs.map(([value, other]) => Math.log(value / other))), "mean");
  }
  const scale = absolute ? 1 : Math.abs(mean(pairs.map(([, other]) => other)));
  if (scale === 0) return undefined;
  return estimate(pairs.map(([value, other]) => (value - other) / scale));
}
