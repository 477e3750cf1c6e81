// A learned optimizer in your own training loop: one of the zoo, or a run directory or .safetensors file of your own
// as the first argument.
import { key, layoutOf, loadLearned, loadZoo, normal } from "lowland";

// Your own data: two clouds of points, one class around (1, 1) and one around (−1, −1).
const points = new Float32Array(400);
normal(key(0), points);
const classOf = (i) => (i % 2 === 0 ? 1 : -1);
for (let i = 0; i < 400; i++) points[i] += classOf(i >> 1);

/** Your own loss: logistic regression with weights a, b and bias c, and its gradient. */
function loss([a, b, c], gradient) {
  gradient.fill(0);
  let sum = 0;
  for (let i = 0; i < 200; i++) {
    const [x, y, label] = [points[2 * i], points[2 * i + 1], classOf(i)];
    const wrong = 1 / (1 + Math.exp(label * (a * x + b * y + c)));
    sum -= Math.log(1 - wrong) / 200;
    for (const [j, input] of [x, y, 1].entries()) gradient[j] -= (wrong * label * input) / 200;
  }
  return sum;
}

const params = new Float32Array(3);
const gradient = new Float32Array(3);
console.log(`loss before: ${loss(params, gradient).toFixed(4)}`);

// The five lines.
const optimizer = process.argv[2] ? loadLearned(process.argv[2]) : loadZoo("lstm-sam-mnist");
const state = optimizer.init(layoutOf([{ name: "w", shape: [3] }]));
for (let step = 0; step < 100; step++) {
  loss(params, gradient);
  optimizer.step(params, gradient, state);
}

console.log(`loss after: ${loss(params, gradient).toFixed(4)}`);
