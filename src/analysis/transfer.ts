import { groupBy, mean } from "../evaluation/group.ts";
import { groupOf, isPlain, methodKey, plainOf } from "../evaluation/method-id.ts";
import type { Measured, MethodId, MetricRecord, SharpnessSeed, TransferCell } from "../evaluation/results.ts";
import type { ComparedRecords } from "./comparisons.ts";
import { type BySeed, pairSides } from "./effects.ts";
import { BALL_MEASURES, measureOf, POINT_MEASURES } from "./measures.ts";
import { asShare, estimate, pairedTest, standardDeviation } from "./statistics.ts";

/**
 * The transfer matrix: meta-training task × test task × regularizer × number of steps, for every metric, training loss
 * and every sharpness measure. Seeds are the unit: a seed's value is the mean over meta-seeds. Changes are against the plain
 * optimizer of the same source and meta-seeds, with the numbers of the paired test (`compareOptimizers`): differences, or
 * the geometric mean of the ratios less one; none where a ratio means nothing.
 *
 * @param learned methods with a source
 * @example
 * transferMatrix(records, [{ optimizer: "lstm", regularizer: "sam", source: ["mnist/mlp"], metaSeed: 0 }]);
 */
export function transferMatrix(records: ComparedRecords, learned: readonly MethodId[]): TransferCell[] {
  const known = new Set(learned.map(methodKey));
  const groups = groupBy(learned, (method) => methodKey(groupOf(method)));
  return [...groups.values()].flatMap((members) => {
    const method = groupOf(members[0]!);
    return quantitiesOf(records).flatMap(({ of, compare, within, ...where }): TransferCell[] => {
      const repetitions = members.flatMap((member) => {
        const own = of(member);
        const plain = plainOf(member);
        return own === undefined ? [] : [{ own, base: known.has(methodKey(plain)) ? of(plain) : undefined }];
      });
      if (repetitions.length === 0) return [];
      const value = estimate(seedMeans(repetitions.map(({ own }) => own)), {
        factors: compare === "ratio",
        ...(within && { within }),
      });
      const change = isPlain(method) ? undefined : changeOf(compare, repetitions);
      return [{ method, ...where, value, ...(change && { change }) }];
    });
  });
}

/** A measure at a place, and how to read it of a method. */
interface Quantity extends Omit<TransferCell, "method" | "value" | "change"> {
  readonly compare: "difference" | "ratio";
  readonly within?: readonly [number, number];
  readonly of: (method: MethodId) => BySeed | undefined;
}

/** Every measure at every place. */
function quantitiesOf({ evaluations, sharpness, metrics }: ComparedRecords): Quantity[] {
  const quantities: Quantity[] = [];
  const add = (where: Pick<Quantity, "task" | "steps" | "measure" | "radius">, of: Quantity["of"]): unknown =>
    quantities.push({ ...where, ...rangeOf(where.measure, metrics), of });
  for (const place of distinctPlaces(evaluations)) {
    for (const { name } of metrics)
      add(
        { ...place, measure: name },
        reader(evaluations, place, (seed) => seed.metrics[name] ?? null),
      );
    for (const measure of ["testLoss", "trainLoss"] as const)
      add(
        { ...place, measure },
        reader(evaluations, place, (seed) => seed[measure]),
      );
  }
  for (const place of distinctPlaces(sharpness)) {
    const here = sharpness.filter(({ task, steps }) => task === place.task && steps === place.steps);
    for (const measure of POINT_MEASURES) {
      if (!here.some(({ seeds }) => seeds.some((seed) => seed[measure] !== undefined))) continue;
      add(
        { ...place, measure },
        reader(here, place, (seed) => seed[measure] ?? null),
      );
    }
    const radii = new Set(here.flatMap(({ summary }) => summary.radii.map(({ radius }) => radius)));
    for (const radius of [...radii].sort((a, b) => a - b)) {
      for (const measure of BALL_MEASURES) {
        const read = (seed: SharpnessSeed) =>
          seed.radii.find((at) => at.radius === radius)?.[measure] ?? null;
        add({ ...place, measure, radius }, reader(here, place, read));
      }
    }
  }
  return quantities;
}

function rangeOf(measure: string, metrics: readonly MetricRecord[]): Pick<Quantity, "compare" | "within"> {
  const [least, most] = metrics.find(({ name }) => name === measure)?.range ?? [];
  return {
    compare: measureOf(measure, metrics).compare,
    ...(least !== undefined && most !== undefined && { within: [least, most] }),
  };
}

function distinctPlaces(records: readonly { readonly task: string; readonly steps: number }[]) {
  const seen = new Map(records.map(({ task, steps }) => [JSON.stringify([task, steps]), { task, steps }]));
  return [...seen.values()];
}

function reader<S extends { readonly seed: number }>(
  records: readonly { task: string; method: MethodId; steps: number; seeds: readonly S[] }[],
  { task, steps }: { task: string; steps: number },
  read: (seed: S) => Measured,
): Quantity["of"] {
  const here = new Map(
    records
      .filter((record) => record.task === task && record.steps === steps)
      .map((record) => [methodKey(record.method), record]),
  );
  return (method) => {
    const record = here.get(methodKey(method));
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
  compare: "difference" | "ratio",
  repetitions: readonly { readonly own: BySeed; readonly base: BySeed | undefined }[],
): TransferCell["change"] {
  const both = repetitions.flatMap(({ own, base }) => (base === undefined ? [] : [{ own, base }]));
  const { scale, candidate, baseline } = pairSides(
    compare,
    both.map(({ own }) => own),
    both.map(({ base }) => base),
  );
  if (compare === "ratio" && scale === undefined) return undefined;
  const { meanDifference, low, high, pairs } = pairedTest(candidate, baseline);
  if (meanDifference === null) return undefined;
  const differences = candidate.flatMap((value, i) =>
    value === null || baseline[i] === null ? [] : [value - baseline[i]!],
  );
  const sd = pairs < 2 ? null : standardDeviation(differences);
  const change = { mean: meanDifference, sd, low, high, count: pairs };
  return scale ? asShare(change, "mean") : change;
}
