// A task of your own: a plain function with a gradient. As a module with a default export it has a name everywhere:
//   lowland train --task ./examples/own-task.mjs --optimizer adam:lr=0.05
//   lowland meta-train --task ./examples/own-task.mjs --learned lstm --out runs/valley
import { pathToFileURL } from "node:url";
import { adam, defineTask, foldIn, key, normal, split } from "lowland";

const SIZE = 10;

/** Noisy valleys: L(w; batch) = ½ Σ_i 10^(i mod 2)·w_i² + noise(batch)·w, started near 1. */
const valley = defineTask({
  name: "valley",
  layout: SIZE,
  init: (k, params) => normal(k, params, { mean: 1, stddev: 0.3 }),
  lossAndGradient(params, batch, gradient) {
    normal(batch, gradient, { stddev: 0.1 });
    let loss = 0;
    for (let i = 0; i < SIZE; i++) {
      const curvature = i % 2 === 0 ? 1 : 10;
      loss += params[i] * (0.5 * curvature * params[i] + gradient[i]);
      gradient[i] += curvature * params[i];
    }
    return loss;
  },
});

export default valley;

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [init, batches] = split(key(0));
  const params = new Float32Array(SIZE);
  const gradient = new Float32Array(SIZE);
  valley.init(init, params);
  const objective = valley.objective();
  const optimizer = adam({ lr: 0.05 });
  const state = optimizer.init(valley.layout);
  console.log(`loss before: ${valley.evaluate(params, "test").loss.toFixed(4)}`);
  for (let step = 0; step < 200; step++) {
    objective.lossAndGradient(params, foldIn(batches, step), gradient);
    optimizer.step(params, gradient, state);
  }
  console.log(`loss after: ${valley.evaluate(params, "test").loss.toFixed(4)}`);
}
