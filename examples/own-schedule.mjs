// A schedule of your own: short trainings first, longer ones whenever meta-validation stalls. As a module with a default
// export it has a name everywhere: lowland meta-train --schedule ./examples/own-schedule.mjs --task … --out runs/own
import { pathToFileURL } from "node:url";
import { key, uniform } from "lowland";

const LONGEST = 400;

const schedule = {
  name: "stretch",
  settings: { longest: LONGEST },
  longest: LONGEST,
  initial: () => ({ limit: 40, best: null }),
  /** Uniform between half the present limit and the limit. */
  horizon({ limit }, drawnBy) {
    const share = new Float64Array(1);
    uniform(drawnBy, share, { min: 0.5, max: 1 });
    return Math.round(limit * share[0]);
  },
  validationHorizon: () => 100,
  stage: ({ limit }) => Math.round(Math.log2(limit / 40)),
  /** Doubles the limit when a meta-validation brings no improvement. */
  validated({ limit, best }, loss) {
    const better = best === null || loss < best;
    return {
      best: better,
      state: { limit: better ? limit : Math.min(LONGEST, 2 * limit), best: better ? loss : best },
    };
  },
};

export default schedule;

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  let state = schedule.initial();
  for (const loss of [2, 1, 1.1, 1.2]) {
    ({ state } = schedule.validated(state, loss));
    console.log(
      `meta-validation ${loss}: trainings of up to ${state.limit} steps, the next of ${schedule.horizon(state, key(0))}`,
    );
  }
}
