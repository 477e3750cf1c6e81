// A regularizer of your own in ten lines: objective → objective. As a module with a default export it has a name
// everywhere: lowland meta-train --task mnist/mlp --regularizer ./examples/own-regularizer.mjs --out runs/mine
import { pathToFileURL } from "node:url";
import {
  adam,
  classificationTask,
  defineRegularizer,
  dense,
  foldIn,
  key,
  openArena,
  sequential,
  sigmoid,
  split,
  syntheticDigits,
} from "lowland";
import { checkRegularizer } from "lowland/testing";

/** Ridge: L(w) + ½λ‖w‖². */
function ridge(objective, lambda = 0.01) {
  return {
    layout: objective.layout,
    lossAndGradient(params, batch, gradient, known) {
      let loss = known?.loss ?? objective.lossAndGradient(params, batch, gradient);
      if (known !== undefined) gradient.set(known.gradient);
      for (let i = 0; i < params.length; i++) {
        loss += 0.5 * lambda * params[i] ** 2;
        gradient[i] += lambda * params[i];
      }
      return loss;
    },
  };
}

export default (objective) => ridge(objective);

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  checkRegularizer(defineRegularizer("ridge", ridge));
  const network = sequential([28, 28, 1], [dense(20), sigmoid(), dense(10)], {
    kind: "normal",
    stddev: 0.01,
  });
  const task = classificationTask("small-digits", network, syntheticDigits({ train: 1000, test: 200 }));
  for (const [name, regularized] of [
    ["plain", task.objective()],
    ["ridge", ridge(task.objective())],
  ]) {
    const [init, batches] = split(key(0));
    const arena = openArena();
    const params = arena.float32(task.layout.size);
    const gradient = arena.float32(task.layout.size);
    task.init(init, params);
    const optimizer = adam({ lr: 0.01 });
    const state = optimizer.init(task.layout, { arena });
    for (let step = 0; step < 200; step++) {
      regularized.lossAndGradient(params, foldIn(batches, step), gradient);
      optimizer.step(params, gradient, state);
    }
    const length = Math.sqrt(params.reduce((sum, w) => sum + w * w, 0));
    const { accuracy } = task.evaluate(params, "test").metrics;
    console.log(
      `${name}: test accuracy ${(100 * accuracy).toFixed(1)} %, length of the parameters ${length.toFixed(2)}`,
    );
    arena.close();
  }
}
