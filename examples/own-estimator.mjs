// A gradient estimator of your own: plain one-sided differences along random directions. As a module with a default export
// it has a name everywhere: lowland meta-train --estimator ./examples/own-estimator.mjs --task … --out runs/own
import { pathToFileURL } from "node:url";
import { addScaled, foldIn, normal, openArena, openRollout, openSamples } from "lowland";
import { checkEstimator } from "lowland/testing";

const SIGMA = 0.01;

/** g = (F(φ+ε) − F(φ))·ε/σ², ε ~ N(0, σ²I), F the mean meta-objective of a whole training. */
const estimator = {
  name: "forward-differences",
  settings: { sigma: SIGMA },
  window: undefined,
  open(problem) {
    const arena = openArena();
    const samples = openSamples(problem);
    const rollout = openRollout(problem, samples, arena);
    const optimizer = problem.learned.open(arena);
    const { size } = problem.learned.layout;
    const [phi, epsilon] = [arena.float32(size), arena.float32(size)];
    /** Sum of the terms of a training with φ + sign·ε, and the mean of its plain losses. */
    const run = (metaParams, sign, draw) => {
      addScaled(phi.fill(0), 1, metaParams, phi);
      addScaled(phi, sign, epsilon, phi);
      optimizer.load(phi);
      rollout.start(draw, optimizer);
      const steps = draw.horizon - draw.start;
      let [value, loss] = [0, 0];
      for (let step = 0; step < steps; step++) {
        loss += rollout.evaluate() / steps;
        rollout.advance(optimizer);
        value += rollout.term(undefined, { final: step === steps - 1 });
      }
      return { value, loss, steps };
    };
    return {
      estimate(metaParams, instance) {
        const before = samples.gradients;
        normal(foldIn(instance.draw.key, 1), epsilon, { stddev: SIGMA });
        const [there, here] = [run(metaParams, 1, instance.draw), run(metaParams, 0, instance.draw)];
        const gradient = epsilon.map((entry) => ((there.value - here.value) * entry) / SIGMA ** 2);
        return {
          gradient,
          instance: { ...instance, runs: [] },
          done: true,
          diverged: !Number.isFinite(there.value + here.value),
          loss: here.loss,
          metaLoss: here.value / here.steps,
          innerSteps: 2 * here.steps,
          gradientEvaluations: samples.gradients - before,
        };
      },
      close: () => arena.close(),
    };
  },
};

export default estimator;

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  checkEstimator(estimator, { samples: 400, tolerance: 0.05 });
  console.log("unbiased within the bound that its own spread gives");
}
