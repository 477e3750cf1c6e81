// A learned optimizer in your own training loop: one of the zoo, or a run directory or .safetensors file of your own
// as the first argument.
import { layoutOf, loadLearned, loadZoo } from "lowland";

/** Your own loss: Rosenbrock's valley, and its gradient. */
function rosenbrock([x, y], gradient) {
  gradient[0] = 2 * (x - 1) - 40 * x * (y - x * x);
  gradient[1] = 20 * (y - x * x);
  return (x - 1) ** 2 + 10 * (y - x * x) ** 2;
}

const params = Float32Array.of(-1, 0.5);
const gradient = new Float32Array(2);
console.log(`loss before: ${rosenbrock(params, gradient).toFixed(4)}`);

// The five lines.
const optimizer = process.argv[2] ? loadLearned(process.argv[2]) : loadZoo("lstm-sam-mnist");
const state = optimizer.init(layoutOf([{ name: "w", shape: [2] }]));
for (let step = 0; step < 200; step++) {
  rosenbrock(params, gradient);
  optimizer.step(params, gradient, state);
}

console.log(`loss after: ${rosenbrock(params, gradient).toFixed(4)}`);
