import type { Scale } from "./protocol.ts";

/** Records of one series that fell together. */
export interface Buckets {
  readonly x: readonly number[];
  readonly mean: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** Least exponent of a bucket's width: what float64 tells apart. */
const LEAST = -40;

/**
 * The width of buckets for an extent of x, as an exponent of two: the least for which at most `count` buckets
 * ⌊t(x) / 2ᵉ⌋ cover it, t(x) being x, or log₂ x on a logarithmic axis. Edges do not depend on where a series starts or
 * ends, so they stay while it grows, until the width doubles, and are the same for all runs.
 */
export function bucketExponent(from: number, to: number, count: number, scale: Scale): number {
  const [low, high] = [along(from, scale), along(to, scale)];
  const covered = (exponent: number): number =>
    Math.floor(high / 2 ** exponent) - Math.floor(low / 2 ** exponent) + 1;
  let exponent = Math.max(LEAST, Math.ceil(Math.log2(Math.max(high - low, Number.MIN_VALUE) / count)));
  while (covered(exponent) > count) exponent++;
  return exponent;
}

/**
 * Cuts a series into buckets of width 2^`exponent`: of the records in each, mean x and least, mean and greatest y. No extreme
 * is lost and none made up. Records whose x or y is not finite, or x ≤ 0 on a logarithmic axis, are left out.
 *
 * @param x in ascending order
 */
export function cutIntoBuckets(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  exponent: number,
  { scale = "linear", from = -Infinity, to = Infinity }: { scale?: Scale; from?: number; to?: number } = {},
): Buckets {
  const out = { x: [] as number[], mean: [] as number[], low: [] as number[], high: [] as number[] };
  const width = 2 ** exponent;
  let place = Number.NaN;
  let records = 0;
  let [sumX, sumY, low, high] = [0, 0, 0, 0];
  const close = (): void => {
    if (records === 0) return;
    out.x.push(sumX / records);
    // the rounding of a sum may leave the extremes
    out.mean.push(Math.min(high, Math.max(low, sumY / records)));
    out.low.push(low);
    out.high.push(high);
  };
  for (let i = 0; i < x.length; i++) {
    const [xi, yi] = [x[i]!, y[i]!];
    if (!Number.isFinite(xi) || !Number.isFinite(yi) || xi < from || xi > to) continue;
    if (scale === "log" && xi <= 0) continue;
    const at = Math.floor(along(xi, scale) / width);
    if (at !== place) {
      close();
      place = at;
      records = sumX = sumY = 0;
      low = high = yi;
    }
    records++;
    sumX += xi;
    sumY += yi;
    low = Math.min(low, yi);
    high = Math.max(high, yi);
  }
  close();
  return out;
}

function along(x: number, scale: Scale): number {
  return scale === "log" ? Math.log2(x) : x;
}
