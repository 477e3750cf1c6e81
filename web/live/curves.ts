import type { Series } from "../../src/serve/protocol.ts";

/** A curve as it is drawn, all lists beside `x`. */
export interface Curve {
  readonly x: readonly number[];
  /** Before smoothing. */
  readonly raw: readonly number[];
  readonly smooth: readonly number[];
  /** Standard deviation over the runs of a group, or least and greatest of the steps that share a point. */
  readonly low?: readonly number[];
  readonly high?: readonly number[];
}

/** The curve of a group: of one run its series; of several their mean over all x of any, with the standard deviation. */
export function curveOf(series: readonly Series[], smoothing: number): Curve | undefined {
  const [first, ...others] = series.filter(({ x }) => x.length > 0);
  if (first === undefined) return undefined;
  if (others.length === 0) {
    const { x, mean, low, high } = first;
    return { x, raw: mean, smooth: smoothed(mean, smoothing), ...(low && high && { low, high }) };
  }
  const members = [first, ...others];
  const x = [...new Set(members.flatMap((member) => member.x))].sort((a, b) => a - b);
  const lines = members.map((member) => interpolated(member.x, member.mean, x));
  const raw: number[] = [];
  const spread: number[] = [];
  x.forEach((_, i) => {
    const there = lines.map((line) => line[i]!).filter((value) => !Number.isNaN(value));
    const mean = there.reduce((sum, value) => sum + value, 0) / there.length;
    const squares = there.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    raw.push(mean);
    spread.push(there.length > 1 ? Math.sqrt(squares / (there.length - 1)) : 0);
  });
  const smooth = smoothed(raw, smoothing);
  const width = smoothed(spread, smoothing);
  return {
    x,
    raw,
    smooth,
    low: smooth.map((value, i) => value - width[i]!),
    high: smooth.map((value, i) => value + width[i]!),
  };
}

/**
 * The exponential mean s_i = w s_(i−1) + (1 − w) y_i, divided by 1 − wⁱ so that it does not start at 0.
 *
 * @see https://arxiv.org/abs/1412.6980 for the division
 */
export function smoothed(y: readonly number[], weight: number): number[] {
  let mean = 0;
  let left = 1;
  return y.map((value) => {
    mean = weight * mean + (1 - weight) * value;
    left *= weight;
    return mean / (1 - left);
  });
}

/** A line's y at each x of `at`, NaN outside its ends. Both in ascending order. */
export function interpolated(x: readonly number[], y: readonly number[], at: readonly number[]): number[] {
  let i = 0;
  return at.map((place) => {
    if (place < x[0]! || place > x.at(-1)!) return Number.NaN;
    while (i < x.length - 1 && x[i + 1]! <= place) i++;
    if (i === x.length - 1 || x[i] === place) return y[i]!;
    return y[i]! + ((place - x[i]!) / (x[i + 1]! - x[i]!)) * (y[i + 1]! - y[i]!);
  });
}
