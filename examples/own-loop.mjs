// A learned optimizer in your own training loop. Give it a run directory or a .safetensors file, or nothing: then it
// meta-trains a tiny one first.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { layoutOf, loadLearned, resolveMetaConfig, runMetaTraining } from "lowland";

/** Your own loss: Rosenbrock's valley, and its gradient. */
function rosenbrock([x, y], gradient) {
  gradient[0] = 2 * (x - 1) - 40 * x * (y - x * x);
  gradient[1] = 20 * (y - x * x);
  return (x - 1) ** 2 + 10 * (y - x * x) ** 2;
}

const path = process.argv[2] ?? (await metaTrainTiny());
const params = Float32Array.of(-1, 0.5);
const gradient = new Float32Array(2);
console.log(`loss before: ${rosenbrock(params, gradient).toFixed(4)}`);

// The five lines.
const optimizer = loadLearned(path);
const state = optimizer.init(layoutOf([{ name: "w", shape: [2] }]));
for (let step = 0; step < 200; step++) {
  rosenbrock(params, gradient);
  optimizer.step(params, gradient, state);
}

console.log(`loss after: ${rosenbrock(params, gradient).toFixed(4)}`);

async function metaTrainTiny() {
  const run = join(mkdtempSync(join(tmpdir(), "lowland-example-")), "run");
  const valley = new URL("./own-task.mjs", import.meta.url).href;
  const config = resolveMetaConfig({
    tasks: [valley],
    outerSteps: 300,
    learned: "lstm:hidden=8",
    outerLearningRate: 0.01,
  });
  await runMetaTraining(run, config);
  return run;
}
