// What makes the results of an experiment with thousands of runs small enough to keep beside code.
import { isSameMethod } from "./method-id.ts";
import type { EvaluationRecord, Measured } from "./results.ts";

/**
 * The same records with curves fit for a file that many runs share: only that of the longest run of each optimizer on each
 * task, at most `points` points, five digits.
 */
export function withShortCurves(records: readonly EvaluationRecord[], points: number): EvaluationRecord[] {
  const digits = (value: Measured): Measured => (value === null ? null : Number(value.toPrecision(5)));
  return records.map((record) => {
    const longest = !records.some(
      ({ task, method, steps }) =>
        task === record.task && steps > record.steps && isSameMethod(method, record.method),
    );
    const seeds = record.seeds.map((seed) => {
      const every = Math.ceil(seed.curve.length / points);
      // metrics are rarer than losses: a point that has them stays
      const kept = seed.curve.filter(
        ({ metrics }, i) => i % every === 0 || i === seed.curve.length - 1 || metrics !== undefined,
      );
      const curve = kept.map(({ step, loss, metrics }) => ({
        step,
        loss: digits(loss),
        ...(metrics && {
          metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, digits(value)])),
        }),
      }));
      return { ...seed, curve: longest ? curve : [] };
    });
    return { ...record, seeds };
  });
}

/** The same plain data with every number at so many significant digits. */
export function withShortNumbers<T>(value: T, digits: number): T {
  const short = (part: unknown): unknown => {
    if (typeof part === "number") return Number.isInteger(part) ? part : Number(part.toPrecision(digits));
    if (Array.isArray(part)) return part.map(short);
    if (typeof part !== "object" || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([name, own]) => [name, short(own)]));
  };
  return short(value) as T;
}
