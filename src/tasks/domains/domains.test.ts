import { describe, expect, it } from "vitest";
import { adam, sgd } from "../../optimizers/first-order.ts";
import type { Optimizer } from "../../optimizers/types.ts";
import { foldIn, key, normal } from "../../random/key.ts";
import { buildSpec } from "../../spec.ts";
import { checkTask } from "../../testing/check-task.ts";
import type { Task } from "../types.ts";
import { domains } from "./registry.ts";

/** Singular values come from the eigenvalues of XᵀX, so they hold to the square root of float64's precision. */
const ROUNDING = 1e-7;

const files = {
  read: (): Uint8Array => {
    throw new Error("no file");
  },
};
const taskOf = (spec: string): Task => buildSpec(spec, "task", domains)(spec, files);

/** Trains in float64, the updates falling linearly to zero, projected after every step. */
function train(task: Task, optimizer: Optimizer, steps: number): Float64Array {
  const params = new Float64Array(task.layout.size);
  const gradient = new Float64Array(task.layout.size);
  task.init(key(3), params);
  const state = optimizer.init(task.layout);
  const update = params.slice();
  const objective = task.objective();
  for (let step = 0; step < steps; step++) {
    objective.lossAndGradient(params, foldIn(key(4), step), gradient);
    optimizer.update(gradient, state, { params }, update);
    for (let i = 0; i < params.length; i++) params[i]! += (1 - step / steps) * update[i]!;
    task.project?.(params);
  }
  return params;
}

describe.each(Object.keys(domains))("the task %s", (name) => {
  it("keeps what every task promises", () => {
    const task = taskOf(name);
    checkTask(task);
    task.close?.();
  });
});

describe("a known optimum is found from every seed of the problem", () => {
  const distances = (name: string, optimizer: () => Optimizer) =>
    [0, 1, 2].map((seed) => {
      const task = taskOf(`${name}:seed=${seed}`);
      const { metrics } = task.evaluate(train(task, optimizer(), 4000), "train");
      if (task.project !== undefined) expect(metrics.violation).toBeLessThan(ROUNDING);
      return metrics.distance!;
    });

  it.each(["lasso", "robust-regression", "phase-retrieval"])(
    "%s, by Adam",
    (name) => {
      // the last steps are of the size lr/steps in every entry
      for (const distance of distances(name, () => adam({ lr: 0.02 }))) expect(distance).toBeLessThan(1e-3);
    },
    60_000,
  );

  it.each(["box", "ball", "simplex", "nuclear-norm"])(
    "%s, by projected gradient descent",
    (name) => {
      // largest eigenvalue of AᵀA/m: (1 + √(n/m))² = 2.25 where columns are not scaled down
      for (const distance of distances(name, () => sgd({ lr: 0.3 }))) expect(distance).toBeLessThan(1e-3);
    },
    60_000,
  );

  it("Adam under a Euclidean projection stays away from it, because its steps are scaled entry by entry", () => {
    for (const distance of distances("simplex", () => adam({ lr: 0.02 })))
      expect(distance).toBeGreaterThan(0.1);
  });
});

describe("a projection", () => {
  it.each(["box", "ball", "simplex", "nuclear-norm"])("onto %s is the nearest feasible point", (name) => {
    const task = taskOf(name);
    const { size } = task.layout;
    const points = [5, 6, 7].map((seed) => {
      const point = new Float64Array(size);
      normal(key(seed), point);
      return point;
    });
    for (const point of points) {
      const projected = point.slice();
      task.project!(projected);
      const violation = (x: Float64Array): number => task.evaluate(x, "train").metrics.violation!;
      expect(violation(point)).toBeGreaterThan(0.1);
      expect(violation(projected)).toBeLessThan(ROUNDING);
      const again = projected.slice();
      task.project!(again);
      again.forEach((entry, i) => {
        expect(Math.abs(entry - projected[i]!)).toBeLessThan(ROUNDING);
      });
      // (z − Pz)·(y − Pz) ≤ 0 for every feasible y
      for (const other of points) {
        const feasible = other.slice();
        task.project!(feasible);
        const product = point.reduce(
          (sum, entry, i) => sum + (entry - projected[i]!) * (feasible[i]! - projected[i]!),
          0,
        );
        expect(product).toBeLessThan(ROUNDING);
      }
    }
  });
});

describe("curvature", () => {
  it.each(["hinge", "robust-regression", "sparse-relu"])("of %s is refused with a reason", (name) => {
    const objective = taskOf(name).objective();
    const w = new Float64Array(objective.layout.size);
    expect(() => objective.hessianVectorProduct!(w, key(0), w, w)).toThrow(/has no Hessian: .* kinks.*; use/);
  });
});
