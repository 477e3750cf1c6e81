// One figure's case: Lowland against every peer that gives the same result.
import { kernels } from "./lowland.mjs";
import { difference, own, rounds } from "./measure.mjs";

/** Threads that Lowland's kernels use where a case does not say. */
const CORES = kernels().threads;

/**
 * Times a case.
 *
 * @param contest name; unit ("ms", "steps/s"); steps: inner or training steps in a unit of work; threads; run(iterations);
 *   units: units of work an iteration; outputs(): {name: vector} to check peers against; tolerances: largest
 *   difference of each relative to its largest entry; peer: {figure, args, only}
 */
export async function hold(contest, { peers, repeats, turn, log }) {
  const { name, unit, steps = 1, threads = CORES, run, units = 1, outputs, tolerances, peer } = contest;
  kernels().useThreads(threads);
  const entrants = [];
  const refused = [];
  if (peer !== undefined && peers.length > 0) {
    const expected = await outputs();
    for (const opponent of peers) {
      if (peer.only !== undefined && !peer.only.includes(opponent.id)) continue;
      for (const variant of opponent.variants[peer.figure] ?? []) {
        if (peer.args.threads === 1 && variant === "2 processes") continue;
        const label = `${opponent.name} (${variant})`;
        log(`${name}: checking ${label}`);
        const problem = await disagreement(expected, tolerances, () =>
          opponent.check(peer.figure, variant, peer.args),
        );
        if (problem === undefined) {
          entrants.push({ peer: opponent.name, variant, threads: opponent.threads, opponent });
        } else {
          refused.push({ peer: opponent.name, variant, problem });
          log(`${name}: ${label} is not timed: ${problem}`);
        }
      }
    }
  }
  log(`${name}: timing`);
  const [ours, ...theirs] = await rounds(
    [
      own(run, units),
      ...entrants.map((entrant) => entrant.opponent.competitor(peer.figure, entrant.variant, peer.args)),
    ],
    { repeats, turn },
  );
  const value = (seconds) => (unit === "ms" ? seconds * 1000 : steps / seconds);
  const figures = (timing) => ({
    best: value(timing.min),
    median: value(timing.median),
    repeats: timing.repeats,
    iterations: timing.iterations,
  });
  return {
    name,
    unit,
    lowland: { threads, ...figures(ours) },
    peers: entrants.map(({ peer: who, variant, threads: count }, i) => ({
      name: who,
      variant,
      threads: peer.args.threads ?? count,
      ...figures(theirs[i]),
      timesSlower: { best: theirs[i].min / ours.min, median: theirs[i].median / ours.median },
    })),
    ...(refused.length > 0 && { refused }),
    seconds: { min: ours.min, median: ours.median },
  };
}

/** What keeps a peer's outputs from being ours; undefined where nothing does. */
async function disagreement(expected, tolerances, check) {
  try {
    const outputs = await check();
    for (const [name, vector] of Object.entries(expected)) {
      const apart = difference(vector, outputs[name] ?? []);
      if (!(apart <= tolerances[name])) {
        return `${name} differs by ${apart.toPrecision(2)} of its largest entry; ${tolerances[name]} is allowed`;
      }
    }
    return undefined;
  } catch (error) {
    return error.message;
  }
}
