/** Bars of a figure in one line of text, from the lowest to the highest. */
const BARS = "▁▂▃▄▅▆▇█";

/** Places of a figure: outer steps are averaged into as many. */
const PLACES = 32;

/**
 * Numbers over outer steps as a figure in one line: `▁▁▂▅▇█ 0 to 0.52`.
 *
 * @param values in the order of the outer steps; averaged into at most 32 places
 */
export function figureOf(values: readonly number[]): string {
  const places = Math.min(PLACES, values.length);
  const means = Array.from({ length: places }, (_, i) => {
    const part = values.slice(
      Math.floor((i * values.length) / places),
      Math.floor(((i + 1) * values.length) / places),
    );
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const bars = means.map((mean) => BARS[Math.round(((mean - low) / (high - low || 1)) * (BARS.length - 1))]);
  return `${bars.join("")} ${Number(low.toPrecision(3))} to ${Number(high.toPrecision(3))}`;
}

/** What a regularization did over a run, number by number, each as a figure; from the records of its outer steps. */
export function historyOf(
  records: readonly Readonly<Record<string, unknown>>[],
): Readonly<Record<string, string>> {
  const series = new Map<string, number[]>();
  for (const { regularization } of records) {
    for (const [name, value] of Object.entries((regularization ?? {}) as Record<string, number>)) {
      const values = series.get(name) ?? [];
      series.set(name, values);
      values.push(value);
    }
  }
  return Object.fromEntries([...series].map(([name, values]) => [name, figureOf(values)]));
}
