// Timing in turns: every competitor once a round, so that what else the machine does meets them all.

const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

/** Threads of the one before may spin on for a while after its work is done. */
const SETTLE_MS = 250;

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A competitor in this process: `run(iterations)` does the work, `units` of it an iteration. */
export function own(run, units = 1) {
  return {
    units,
    async time(iterations) {
      const start = performance.now();
      await run(iterations);
      return (performance.now() - start) / 1000;
    },
  };
}

/**
 * Seconds a unit of work takes each competitor: `repeats` turns of about `turn` seconds each, in rotation, after a
 * warm-up that also finds how many iterations make a turn.
 */
export async function rounds(competitors, { repeats, turn, settle = SETTLE_MS, smoke = false }) {
  if (smoke) return Promise.all(competitors.map(once));
  const several = competitors.length > 1;
  const counts = [];
  for (const { time } of competitors) {
    await time(1);
    let seconds = await time(1);
    let count = 1;
    while (seconds < turn / 4 && count < 1e6) {
      count = Math.ceil(Math.min(count * 10, (count * turn) / Math.max(seconds, 1e-6)));
      seconds = await time(count);
    }
    counts.push(Math.max(1, Math.round((count * turn) / seconds)));
  }
  const seconds = competitors.map(() => []);
  for (let round = 0; round < repeats; round++) {
    for (const [i, { time, units }] of competitors.entries()) {
      if (several && settle > 0) await pause(settle);
      seconds[i].push((await time(counts[i])) / (counts[i] * units));
    }
  }
  return seconds.map((values, i) => ({
    min: Math.min(...values),
    median: median(values),
    repeats: values.length,
    iterations: counts[i],
  }));
}

/** One iteration, to see that it runs. */
async function once({ time, units }) {
  const seconds = (await time(1)) / units;
  return { min: seconds, median: seconds, repeats: 1, iterations: 1 };
}

/** Largest difference of two vectors relative to the largest entry of the first; Infinity where lengths differ. */
export function difference(expected, actual) {
  if (expected.length !== actual.length) return Infinity;
  let largest = 0;
  let apart = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]));
    const distance = Math.abs(expected[i] - actual[i]);
    apart = Math.max(apart, distance); // NaN if one is
  }
  return apart / largest;
}
