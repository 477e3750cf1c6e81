import type { Vector } from "../kernels/types.ts";
import { dot, norm } from "../kernels/vector.ts";
import { foldIn, type Key, key, normal } from "../random/key.ts";
import { frozenAt, type Objective, type Task } from "../tasks/types.ts";
import { allFinite, type Expect, expectLayout, expectOf, refuses, sameBits, sameLayout } from "./promises.ts";

/** Examples of the fixed set that is gone through in float64. */
const FIXED_COUNT = 12;

/**
 * Checks what every task promises: a layout without gaps; `init` and objectives that depend on their key alone;
 * params left bit-identical; a loss alone of the same bits as with its gradient; a gradient that is the loss's, by central differences in float64, and written whole, of
 * the frozen objective too where there is one; an exact Hessian-vector product that is the gradient's; fixed sets that ignore the batch key and agree with
 * `evaluate`, which gives the metrics that the task names; a NaN that is not hidden.
 *
 * @throws LowlandError `E_CONFIG` that names the promise that was broken
 * @example
 * checkTask(defineTask({ name: "bowl", layout: 2, lossAndGradient }));
 */
export function checkTask(task: Task): void {
  const expect = expectOf(`task ${task.name}`);
  const { layout } = task;
  expectLayout(expect, layout);
  const params = new Float32Array(layout.size).fill(NaN);
  task.init(key(1), params);
  expect(allFinite(params), "has initial parameters that are not finite, or leaves some unwritten");
  const again = new Float32Array(layout.size);
  task.init(key(2), again);
  task.init(key(1), again);
  expect(sameBits(again, params), "draws other initial parameters from the same key");

  expect(task.splits.length > 0, "has no splits; name at least one");
  for (const split of task.splits) {
    const objective = task.objective(split);
    expect(sameLayout(objective.layout, layout), "has an objective of another layout");
    checkPurity(expect, objective, params);

    const fixed = task.fixedObjective({ split, count: FIXED_COUNT, key: key(5) });
    checkPurity(expect, fixed, params);
    const [one, two] = [evaluateAt(fixed, params, key(1)), evaluateAt(fixed, params, key(2))];
    expect(
      Object.is(one.loss, two.loss) && sameBits(one.gradient, two.gradient),
      "has a fixed objective that depends on the batch key",
    );
    const products = [key(1), key(2)].map((batch) => {
      const product = params.slice();
      // a task may refuse products that mean nothing
      if (!refuses(() => fixed.hessianVectorProduct?.(params, batch, one.gradient, product))) return product;
      return params.slice();
    });
    expect(
      sameBits(products[0]!, products[1]!),
      "has a fixed objective whose hessianVectorProduct depends on the batch key",
    );

    const before = params.slice();
    const evaluation = task.evaluate(params, split);
    expect(sameBits(params, before), "changes params in evaluate; work on a copy");
    expect(evaluation.count >= 1, "evaluates nothing");
    const named = task.metrics.map(({ name }) => name);
    expect(
      JSON.stringify(Object.keys(evaluation.metrics).sort()) === JSON.stringify(named.sort()),
      `evaluates ${Object.keys(evaluation.metrics)}, but says that its metrics are ${named}`,
    );
    for (const { name, range: [least, most] = [-Infinity, Infinity] } of task.metrics) {
      const value = evaluation.metrics[name]!;
      expect(value >= least && value <= most, `has ${name} ${value} outside [${least}, ${most}]`);
    }
    const repeated = task.evaluate(params, split);
    expect(Object.is(repeated.loss, evaluation.loss), "evaluates to other bits for the same call");
    // sums of the same float32 losses in chunks of other sizes
    const whole = evaluateAt(task.fixedObjective({ split }), params, key(1)).loss;
    expect(
      Math.abs(whole - evaluation.loss) <= 1e-5 * Math.max(1, Math.abs(whole)),
      `evaluates ${split} to ${evaluation.loss}, but the loss of its fixed objective is ${whole}`,
    );
  }

  const precise = Float64Array.from(params);
  const objective = task.objective();
  checkGradient(expect, objective, precise);
  checkGradient(expect, frozenAt(objective, precise, key(1)), precise);
  const fixed = task.fixedObjective({ count: FIXED_COUNT, key: key(5) });
  checkGradient(expect, frozenAt(fixed, precise, key(1)), precise);

  const broken = params.slice().fill(NaN);
  expect(!Number.isFinite(evaluateAt(task.objective(), broken, key(0)).loss), "hides a NaN; let it through");
}

interface Outcome {
  readonly loss: number;
  readonly gradient: Vector;
}

function evaluateAt(objective: Objective, params: Vector, batch: Key): Outcome {
  const gradient = params.slice().fill(NaN);
  return { loss: objective.lossAndGradient(params, batch, gradient), gradient };
}

function checkPurity(expect: Expect, objective: Objective, params: Float32Array): void {
  const before = params.slice();
  const first = evaluateAt(objective, params, key(1));
  expect(sameBits(params, before), "changes params; work on a copy");
  expect(
    Number.isFinite(first.loss) && allFinite(first.gradient),
    "is not finite at its initial parameters, or leaves entries of gradient unwritten",
  );
  evaluateAt(objective, params, key(2));
  const second = evaluateAt(objective, params, key(1));
  expect(
    Object.is(first.loss, second.loss) && sameBits(first.gradient, second.gradient),
    "gives other bits for the same params and batch",
  );
  expect(
    Object.is(objective.loss(params, key(1)), first.loss),
    "has a loss that is not what lossAndGradient returns, to the bit",
  );
  expect(sameBits(params, before), "changes params in loss; work on a copy");
}

/** Central differences in float64 along the gradient and along random directions. */
function checkGradient(expect: Expect, objective: Objective, params: Float64Array): void {
  const { gradient } = evaluateAt(objective, params, key(1));
  const length = norm(gradient);
  const draws = Array.from({ length: 2 }, (_, i) => {
    const direction = new Float64Array(params.length);
    normal(foldIn(key(9), i), direction);
    return direction;
  });
  for (const direction of [Float64Array.from(gradient), ...draws]) {
    const size = norm(direction);
    if (size === 0) continue;
    const unit = direction.map((entry) => entry / size);
    // large enough for 1e-9 of a loss near 1, small enough to cross few kinks of ReLU and max-pooling
    const h = 1e-6 * Math.max(1, norm(params) / Math.sqrt(params.length));
    const at = (step: number): Outcome =>
      evaluateAt(
        objective,
        params.map((entry, i) => entry + step * unit[i]!),
        key(1),
      );
    const [above, below] = [at(h), at(-h)];
    const slope = (above.loss - below.loss) / (2 * h);
    const expected = dot(gradient, unit);
    expect(
      Math.abs(slope - expected) <= 1e-4 * Math.max(length, Math.abs(slope)) + 1e-8,
      `has a gradient of ${expected} along a direction in which the loss rises by ${slope}; check lossAndGradient`,
    );
    const product = new Float64Array(params.length).fill(NaN);
    const refused = refuses(() => objective.hessianVectorProduct?.(params, key(1), unit, product));
    if (objective.hessianVectorProduct === undefined || refused) continue;
    const difference = product.map((entry, i) => entry - (above.gradient[i]! - below.gradient[i]!) / (2 * h));
    expect(
      norm(difference) <= 1e-4 * Math.max(1, norm(product)),
      "has a hessianVectorProduct that is not the derivative of its gradient",
    );
  }
}
