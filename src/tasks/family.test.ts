import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resizedDataset } from "../data/resize.ts";
import { syntheticDigits } from "../data/synthetic-digits.ts";
import { kernels } from "../kernels/module.ts";
import { foldIn, key, normal } from "../random/key.ts";
import { buildSpec, resolveSpec } from "../spec.ts";
import { checkFamily } from "../testing/check-family.ts";
import { type Augmentation, augmentations, type Draft } from "./augmentations.ts";
import { classificationFamily, familyOf, type TaskFamily } from "./family.ts";
import { models } from "./models.ts";
import { reparametrized } from "./reparametrize.ts";

const data = resizedDataset(
  { ...syntheticDigits({ train: 300, test: 40 }), source: { kind: "synthetic", checksums: "official" } },
  8,
);
const augmentation = (spec: string): Augmentation => buildSpec(spec, "augmentation", augmentations);

function familyWith(model: string, ...specs: string[]): TaskFamily {
  return classificationFamily([model, ...specs].join("+"), data, {
    model: resolveSpec(model, "model", models),
    small: true,
    augmentations: specs.map(augmentation),
  });
}

const SMALL = "mlp:hidden=6,batch=8";
const plain = familyWith(SMALL).sample(key(0));

describe("every family keeps its promises", () => {
  it.each([
    ["a plain task", []],
    ["reparam", ["reparam:low=0.1,high=10"]],
    ["reparam of tensors", ["reparam:low=0.1,high=10,scope=tensor"]],
    ["reparam of parameters", ["reparam:low=0.1,high=10,scope=parameter"]],
    ["batch-size", ["batch-size:low=2,high=20"]],
    ["network-size", ["network-size:low=3,high=20"]],
    ["label-noise", ["label-noise"]],
    ["initial-scale", ["initial-scale"]],
    [
      "all of them",
      ["network-size:low=3,high=9", "batch-size:low=2,high=9", "label-noise", "reparam:low=0.5,high=2"],
    ],
  ])("%s", (_what, specs) => {
    const family = familyWith(SMALL, ...specs);
    checkFamily(family);
    family.close();
  });

  it("reparam of a network with batch normalization", () => {
    const full = { ...syntheticDigits({ train: 60, test: 10 }), source: data.source };
    const family = classificationFamily("normalized", full, {
      model: resolveSpec("cnn4-bn:width=2,batch=4", "model", models),
      small: false,
      augmentations: [augmentation("reparam:low=0.5,high=2,scope=tensor")],
    });
    checkFamily(family, { samples: 1 });
    family.close();
  });

  it("a task", () => checkFamily(familyOf(plain)));
});

describe("reparam", () => {
  const { size } = plain.layout;
  const single = fc.double({ min: 1e-3, max: 1e3, noNaN: true }).map(Math.fround);
  const factors = fc.oneof(
    single,
    fc.array(single, { minLength: 4, maxLength: 4 }),
    fc
      .array(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), { minLength: size, maxLength: size })
      .map((list) => Float64Array.from(list, Math.fround)),
  );

  it("leaves the function as it is, and multiplies its gradient and its products by the factors", () => {
    fc.assert(
      fc.property(factors, fc.integer({ min: 0, max: 1e6 }), (s, seed) => {
        const slotOf = (i: number): number =>
          plain.layout.slots.findIndex((slot) => i < slot.offset + slot.size);
        const factor = (i: number): number =>
          typeof s === "number" ? s : s instanceof Float64Array ? s[i]! : s[slotOf(i)]!;
        const w = new Float64Array(size);
        normal(key(seed), w, { stddev: 0.3 });
        const v = w.map((entry, i) => entry / factor(i));
        const other = reparametrized(plain, s);
        const [a, b] = [plain.objective(), other.objective()];
        const [mine, theirs] = [new Float64Array(size), new Float64Array(size)];
        const loss = a.lossAndGradient(w, key(1), mine);
        // w/s·s is w up to a rounding of 1.1e-16 an entry
        expect(Math.abs(b.lossAndGradient(v, key(1), theirs) / loss - 1)).toBeLessThan(1e-12);
        expect(Math.abs(other.evaluate(v, "test").loss / plain.evaluate(w, "test").loss - 1)).toBeLessThan(
          1e-12,
        );
        const largest = Math.max(...mine.map(Math.abs));
        theirs.forEach((entry, i) => {
          expect(Math.abs(entry / factor(i) - mine[i]!)).toBeLessThan(1e-11 * largest);
        });

        const direction = new Float64Array(size);
        normal(foldIn(key(seed), 1), direction);
        const inOther = direction.map((entry, i) => entry / factor(i));
        const [fixed, otherFixed] = [plain.fixedObjective(), other.fixedObjective()];
        fixed.hessianVectorProduct!(w, key(1), direction, mine);
        otherFixed.hessianVectorProduct!(v, key(1), inOther, theirs);
        const most = Math.max(...mine.map(Math.abs));
        theirs.forEach((entry, i) => {
          expect(Math.abs(entry / factor(i) - mine[i]!)).toBeLessThan(1e-10 * most);
        });
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  it("starts at the same function", () => {
    const w = new Float64Array(size);
    plain.init(key(3), w);
    const v = new Float64Array(size);
    reparametrized(plain, 256).init(key(3), v);
    expect(v.map((entry) => 256 * entry)).toEqual(w);
  });

  it("draws factors whose logarithm is uniform in its range", () => {
    const family = familyWith(SMALL, "reparam:low=0.001,high=1000");
    const w = new Float64Array(size);
    plain.init(key(1), w);
    const draws = 400;
    const logs = Array.from({ length: draws }, (_, i) => {
      const v = new Float64Array(size);
      family.sample(key(i)).init(key(1), v);
      return Math.log10(w[0]! / v[0]!);
    });
    expect(Math.max(...logs.map(Math.abs))).toBeLessThanOrEqual(3);
    // a uniform on [−3, 3] has mean 0 and standard deviation √3; four standard errors of a mean of 400
    expect(Math.abs(logs.reduce((a, b) => a + b) / draws)).toBeLessThan(
      (4 * Math.sqrt(3)) / Math.sqrt(draws),
    );
    expect(Math.max(...logs) - Math.min(...logs)).toBeGreaterThan(5.8);
  });
});

describe("what is drawn for a sample", () => {
  const draft: Draft = { settings: { hidden: 6, batch: 8 }, classes: 10 };
  const built = (spec: string, draws: number): Draft[] =>
    Array.from({ length: draws }, (_, i) => augmentation(spec).build!(key(i), draft));

  it("batch sizes and widths lie in their range, both ends included", () => {
    const sizes = built("batch-size:low=3,high=7", 300).map(({ settings }) => settings.batch);
    expect([...new Set(sizes)].sort()).toEqual([3, 4, 5, 6, 7]);
    const widths = built("network-size:low=2,high=4", 300).map(({ settings }) => settings.hidden);
    expect([...new Set(widths)].sort()).toEqual([2, 3, 4]);
    expect(built("batch-size:low=5,high=5", 3).map(({ settings }) => settings.batch)).toEqual([5, 5, 5]);
  });

  it("label noise replaces its share of labels, the same ones at every look", () => {
    const { relabel } = augmentation("label-noise:low=0.4,high=0.4").build!(key(1), draft);
    const examples = 5000;
    const labels = Array.from({ length: examples }, (_, i) => relabel!(i, 3));
    expect(Array.from({ length: examples }, (_, i) => relabel!(i, 3))).toEqual(labels);
    const changed = labels.filter((label) => label !== 3).length / examples;
    // a replaced label is another one nine times of ten; four standard deviations of a share of 5,000
    expect(Math.abs(changed - 0.36)).toBeLessThan(4 * Math.sqrt((0.36 * 0.64) / examples));
    expect(new Set(labels).size).toBe(10);
    expect(Math.max(...labels)).toBeLessThan(10);
  });

  it("label noise is in training minibatches alone", () => {
    const family = familyWith(SMALL, "label-noise:low=1,high=1");
    const task = family.sample(key(1));
    const params = new Float64Array(task.layout.size);
    normal(key(2), params);
    for (const split of task.splits) {
      expect(task.evaluate(params, split)).toEqual(plain.evaluate(params, split));
      const losses = [task, plain].map((of) => of.objective(split).loss(params, key(3)));
      expect([split, losses[0] === losses[1]]).toEqual([split, split !== "train"]);
    }
    family.close();
  });

  it("initial parameters are multiplied by one factor a sample", () => {
    const family = familyWith(SMALL, "initial-scale:low=0.5,high=2");
    const [w, scaled] = [new Float64Array(plain.layout.size), new Float64Array(plain.layout.size)];
    plain.init(key(1), w);
    family.sample(key(1)).init(key(1), scaled);
    const ratios = Array.from(w).flatMap((entry, i) => (entry === 0 ? [] : [scaled[i]! / entry]));
    expect(Math.min(...ratios)).toBeGreaterThanOrEqual(0.5);
    expect(Math.max(...ratios) - Math.min(...ratios)).toBeLessThan(1e-12);
    family.sample(key(2)).init(key(1), scaled);
    expect(scaled[0]! / w[0]!).not.toBeCloseTo(ratios[0]!, 6);
  });

  it("networks of many sizes take no more kernel memory than a few", () => {
    const family = familyWith(SMALL, "network-size:low=4,high=60", "batch-size:low=2,high=64");
    const before = kernels().memory.usedBytes;
    const spent: number[] = [];
    for (let i = 0; i < 60; i++) {
      const task = family.sample(key(i));
      const params = new Float32Array(task.layout.size);
      task.init(key(1), params);
      task.objective().lossAndGradient(params, key(2), params.slice());
      spent.push(kernels().memory.usedBytes - before);
    }
    expect(new Set(spent).size).toBeGreaterThan(1);
    expect(Math.max(...spent.slice(30))).toBeLessThan(2 * Math.max(...spent.slice(0, 10)));
    family.close();
    expect(kernels().memory.usedBytes).toBeLessThanOrEqual(before);
  });
});
