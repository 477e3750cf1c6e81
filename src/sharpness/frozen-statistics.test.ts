import { describe, expect, it } from "vitest";
import type { Dataset } from "../data/dataset.ts";
import { addScaled, norm } from "../kernels/vector.ts";
import { batchNorm, conv2d, maxPool } from "../nn/conv.ts";
import { dense, type Layer, relu } from "../nn/layers.ts";
import { sequential } from "../nn/sequential.ts";
import { bits, key, normal } from "../random/key.ts";
import { countGradients } from "../regularizers/count.ts";
import { gam } from "../regularizers/gam.ts";
import { gamFd } from "../regularizers/gam-fd.ts";
import { gsam } from "../regularizers/gsam.ts";
import { sam } from "../regularizers/sam.ts";
import { classificationTask } from "../tasks/classification.ts";
import { frozenAt } from "../tasks/types.ts";
import { pga } from "./pga.ts";
import { topEigenvalue } from "./spectrum.ts";

function noise(count: number, seed: number): Dataset {
  const words = new Uint32Array(count * 9);
  bits(key(seed), words);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 3);
  const images = new Uint8Array(words.buffer);
  return { name: "noise", images, labels, count, height: 6, width: 6, channels: 1, classes: 3 };
}

const layersOf = (normalized: boolean): Layer[] => [
  conv2d(4),
  ...(normalized ? [batchNorm()] : []),
  maxPool(2),
  relu(),
  dense(3),
];
const data = { train: noise(200, 1), test: noise(40, 2) };
const taskOf = (normalized: boolean) =>
  classificationTask("noise", sequential([6, 6, 1], layersOf(normalized), { kind: "he" }), data, {
    batchSize: 16,
  });
const task = taskOf(true);
const size = task.layout.size;
const params = new Float64Array(size);
task.init(key(0), params);
normal(key(9), params.subarray(40, 48)); // scale and shift of the normalization
const batch = key(5);

describe("an objective with batch normalization", () => {
  const objective = task.objective();

  it("is frozen with the statistics of the given point and minibatch, whatever was evaluated in between", () => {
    const elsewhere = params.map((w) => 1.5 * w + 0.1);
    const [a, b, other] = [new Float64Array(size), new Float64Array(size), new Float64Array(size)];
    const loss = objective.lossAndGradient(params, batch, other);
    const frozen = frozenAt(objective, params, batch);
    expect(frozen).not.toBe(objective);
    const first = frozen.lossAndGradient(elsewhere, batch, a);
    objective.lossAndGradient(elsewhere, key(6), other);
    task.fixedObjective({ count: 30 }).lossAndGradient(elsewhere, batch, other);
    expect(frozen.lossAndGradient(elsewhere, batch, b)).toBe(first);
    expect([...b]).toEqual([...a]);
    expect(frozen.lossAndGradient(params, batch, b)).toBe(loss);
    objective.lossAndGradient(elsewhere, batch, other);
    expect(objective.freeze!(params, batch).lossAndGradient(elsewhere, batch, b)).toBe(first);
    expect(objective.lossAndGradient(elsewhere, batch, other)).not.toBe(first);
  });

  it("has the gradient of its loss when frozen, in minibatches and on a fixed set", () => {
    for (const plain of [objective, task.fixedObjective({ count: 50 })]) {
      const frozen = frozenAt(plain, params, batch);
      const [gradient, unused] = [new Float64Array(size), new Float64Array(size)];
      frozen.lossAndGradient(params, batch, gradient);
      const at = params.slice();
      const differences = gradient.map((_, i) => {
        at[i] = params[i]! + 1e-6;
        const above = frozen.lossAndGradient(at, batch, unused);
        at[i] = params[i]! - 1e-6;
        const below = frozen.lossAndGradient(at, batch, unused);
        at[i] = params[i]!;
        return (above - below) / 2e-6;
      });
      addScaled(differences, -1, gradient, differences);
      expect(norm(differences) / norm(gradient)).toBeLessThan(1e-7);
    }
  });

  it("is frozen in SAM's second evaluation, the gradient at the point being the plain one", () => {
    const [plain, expected, gradient] = [0, 0, 0].map(() => new Float64Array(size)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    objective.lossAndGradient(params, batch, plain);
    const perturbed = params.slice();
    addScaled(params, 0.5 / (norm(plain) + 1e-12), plain, perturbed);
    const loss = objective.freeze!(params, batch).lossAndGradient(perturbed, batch, expected);
    expect(sam({ rho: 0.5 }).apply(objective).lossAndGradient(params, batch, gradient)).toBe(loss);
    expect([...gradient]).toEqual([...expected]);
  });

  it("is evaluated off the point only frozen, by every regularizer and every measure", async () => {
    const off: number[] = [];
    const look = (at: Float32Array | Float64Array): void => {
      if (at.some((w, i) => w !== params[i])) off.push(1);
    };
    const watched = countGradients({
      layout: objective.layout,
      loss(at, key) {
        look(at);
        return objective.loss(at, key);
      },
      lossAndGradient(at, key, gradient) {
        look(at);
        return objective.lossAndGradient(at, key, gradient);
      },
      freeze: objective.freeze!.bind(objective),
    });
    const gradient = new Float64Array(size);
    for (const regularizer of [sam(), gsam(), gam(), gamFd()]) {
      regularizer.apply(watched).lossAndGradient(params, batch, gradient);
      regularizer.apply(watched).loss(params, batch);
    }
    pga(watched, params, { quantity: "gradientNorm", radius: 0.1, key: batch, steps: 2 });
    await topEigenvalue(watched, params, { key: batch, maxProducts: 2 });
    expect(off).toEqual([]);
    expect(watched.gradients).toBeGreaterThan(20);
  });

  it("gives the same bits in kernel precision, frozen after the plain gradient or alone", () => {
    const single = Float32Array.from(params);
    const [a, b] = [new Float32Array(size), new Float32Array(size)];
    objective.lossAndGradient(single, batch, a);
    const frozen = objective.freeze!(single, batch);
    single.forEach((w, i) => {
      single[i] = w * 1.1;
    });
    const loss = frozen.lossAndGradient(single, batch, a);
    objective.lossAndGradient(single, key(8), b);
    const again = objective.freeze!(Float32Array.from(params), batch);
    expect(again.lossAndGradient(single, batch, b)).toBe(loss);
    expect([...b]).toEqual([...a]);
  });
});

describe("a task with batch normalization", () => {
  it("evaluates with statistics of training examples: an example's loss does not depend on the others", () => {
    const test = task.evaluate(params, "test");
    const half = { ...data, test: { ...data.test, count: 20 } };
    const network = sequential([6, 6, 1], layersOf(true), { kind: "he" });
    const rest = {
      ...data,
      test: {
        ...data.test,
        images: data.test.images.subarray(20 * 36),
        labels: data.test.labels.subarray(20),
        count: 20,
      },
    };
    const parts = [half, rest].map((part) =>
      classificationTask("noise", network, part, { batchSize: 16 }).evaluate(params, "test"),
    );
    expect((parts[0]!.loss + parts[1]!.loss) / 2).toBeCloseTo(test.loss, 12);
  });

  it("has the same loss on a fixed set as in an evaluation", () => {
    const { loss } = task.evaluate(params, "meta-validation");
    const fixed = task.fixedObjective({ split: "meta-validation" });
    expect(fixed.lossAndGradient(params, batch, new Float64Array(size))).toBeCloseTo(loss, 12);
  });
});

describe("a task without statistics over the minibatch", () => {
  it("has nothing to freeze", () => {
    const objective = taskOf(false).objective();
    expect(objective.freeze).toBeUndefined();
    expect(frozenAt(objective, params, batch)).toBe(objective);
  });
});
