// A learned optimizer of your own, meta-trained by persistent evolution strategies: they need no derivative of it. As a
// module with a default export it has a name everywhere:
//   lowland meta-train --learned ./examples/own-learned-optimizer.mjs --estimator pes --task synthetic-digits@8/mlp-relu --out runs/own
//   lowland evaluate --task synthetic-digits/mlp --optimizer learned:runs/own,adam
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  buildMetaTraining,
  defineOptimizer,
  initialState,
  inlineExecutor,
  layoutOf,
  metaTrain,
  resolveMetaConfig,
  zeros,
} from "lowland";

/**
 * u = −e^a·(m + c·g)/(√v + 1e-8), m and v decaying averages of g and g² at the rates σ(b), σ(d): φ = (a, b, c, d) says how
 * fast to go, what to remember, and how much to listen to the newest gradient.
 */
export default {
  name: "own",
  settings: {},
  layout: layoutOf([{ name: "phi", shape: [4] }]),
  init: (_key, phi) => phi.set([-7, 2, 0, 2]),
  open() {
    const phi = new Float64Array(4);
    const sigmoid = (x) => 1 / (1 + Math.exp(-x));
    return {
      load: (metaParams) => phi.set(metaParams),
      ...defineOptimizer({
        name: "own",
        init: (layout, start) => zeros(layout, ["m", "v"], start),
        update(gradient, state, _context, update) {
          const { m, v } = state.vectors;
          const [rate, keepM, newest, keepV] = [Math.exp(phi[0]), sigmoid(phi[1]), phi[2], sigmoid(phi[3])];
          state.step++;
          for (let i = 0; i < update.length; i++) {
            const g = gradient[i];
            m[i] = keepM * m[i] + (1 - keepM) * g;
            v[i] = keepV * v[i] + (1 - keepV) * g * g;
            update[i] = (-rate * (m[i] + newest * g)) / (Math.sqrt(v[i]) + 1e-8);
          }
        },
      }),
    };
  },
};

async function main() {
  const training = await buildMetaTraining(
    resolveMetaConfig({
      tasks: ["synthetic-digits@8/mlp-relu:hidden=32,batch=64"],
      learned: fileURLToPath(import.meta.url),
      estimator: "pes:sigma=0.1,truncation=20",
      schedule: "log-uniform:20,200",
      objective: "train:over=mean,normalize=clip",
      outerOptimizer: "adam",
      outerLearningRate: 0.1,
      outerSteps: 60,
      instances: 4,
      checkpointEvery: 20,
    }),
  );
  await metaTrain(training, inlineExecutor(training), initialState(training), {
    onStep({ outerStep, metaLoss, validation }) {
      if (outerStep > 1 && validation === undefined) return;
      const unseen =
        validation === undefined ? "" : `, loss of unseen trainings ${validation.loss.toFixed(3)}`;
      console.log(`outer step ${outerStep}: meta-loss ${metaLoss.toFixed(3)}${unseen}`);
    },
  });
  training.close();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) main();
