import { describe, expect, it } from "vitest";
import type { Dataset } from "../data/dataset.ts";
import { splitIndices } from "../data/splits.ts";
import { syntheticDigits } from "../data/synthetic-digits.ts";
import { kernels, openArena } from "../kernels/module.ts";
import { dense, sigmoid } from "../nn/layers.ts";
import type { OpenNetwork } from "../nn/open-network.ts";
import { sequential } from "../nn/sequential.ts";
import { foldIn, key } from "../random/key.ts";
import { classificationTask } from "./classification.ts";
import { SPLITS, type Task } from "./types.ts";

const BATCH = 8;
const network = sequential([2, 2, 1], [dense(3), sigmoid(), dense(4)], { kind: "normal", stddev: 1 });

/** Images of 2×2 pixels that are all different, their labels following from them. */
function dataset(name: string, count: number, offset: number): Dataset {
  const images = Uint8Array.from({ length: 4 * count }, (_, i) => (offset + 7 * i + (i >> 2)) & 255);
  const labels = Uint8Array.from({ length: count }, (_, i) => (images[4 * i]! >> 6) & 3);
  return { name, images, labels, count, height: 2, width: 2, channels: 1, classes: 4 };
}

const data = { train: dataset("small", 1237, 3), test: dataset("small", 611, 11) };
const open = (changes: Partial<typeof data> = {}): Task =>
  classificationTask("small", network, { ...data, ...changes }, { batchSize: BATCH });
const task = open();
const params = openArena().float32(network.layout.size);
task.init(key(1), params);

/** The same dataset with the chosen images blackened. */
function blackened(original: Dataset, which: Iterable<number>): Dataset {
  const images = original.images.slice();
  for (const example of which) images.fill(0, 4 * example, 4 * example + 4);
  return { ...original, images };
}

describe("a minibatch loss", () => {
  it.each(SPLITS)("is an unbiased estimate of the loss of the split: %s", (split) => {
    const objective = task.objective(split);
    const gradient = new Float32Array(network.layout.size);
    const draws = 4000;
    let sum = 0;
    let squares = 0;
    const mean = new Float64Array(network.layout.size);
    let lengths = 0;
    for (let i = 0; i < draws; i++) {
      const loss = objective.lossAndGradient(params, foldIn(key(7), i), gradient);
      sum += loss;
      squares += loss * loss;
      lengths += Math.hypot(...gradient) ** 2 / draws;
      for (let j = 0; j < mean.length; j++) mean[j]! += gradient[j]! / draws;
    }
    const average = sum / draws;
    const standardError = Math.sqrt((squares / draws - average ** 2) / draws);
    // a fixed seed that would fail by chance once in 16,000 if it were drawn anew
    expect(Math.abs(average - task.evaluate(params, split).loss)).toBeLessThan(4 * standardError);
    const whole = new Float32Array(network.layout.size);
    task.fixedObjective({ split }).lossAndGradient(params, key(0), whole);
    const error = Math.hypot(...whole.map((value, j) => value - mean[j]!));
    // its root mean square over draws of the seed
    const expectedError = Math.sqrt((lengths - Math.hypot(...mean) ** 2) / draws);
    expect(error).toBeLessThan(2 * expectedError);
    expect(error).toBeLessThan(0.1 * Math.hypot(...whole));
  });

  it("is a function of the key, and of nothing that came before", () => {
    const objective = task.objective();
    const gradient = new Float32Array(network.layout.size);
    const first = objective.lossAndGradient(params, key(1), gradient);
    const before = gradient.slice();
    expect(objective.lossAndGradient(params, key(2), gradient)).not.toBe(first);
    task.evaluate(params, "test");
    task.objective("test").lossAndGradient(params, key(1), gradient);
    expect(objective.lossAndGradient(params, key(1), gradient)).toBe(first);
    expect(gradient).toEqual(before);
    expect(open().objective().lossAndGradient(params, key(1), gradient)).toBe(first);
  });

  it("has the same bits for params and gradient in and out of kernel memory", () => {
    const objective = task.objective();
    const inside = openArena().float32(network.layout.size);
    const outside = new Float32Array(network.layout.size);
    const loss = objective.lossAndGradient(params, key(1), inside);
    for (const [w, g] of [
      [params.slice(), outside],
      [params, outside],
      [params.slice(), inside],
    ] as const) {
      expect(objective.lossAndGradient(w, key(1), g)).toBe(loss);
      expect(new Float32Array(g)).toEqual(new Float32Array(inside));
    }
  });
});

describe("a fixed objective", () => {
  it.each(SPLITS)("has the loss that evaluate gives: %s", (split) => {
    const { loss, count } = task.evaluate(params, split);
    const gradient = new Float32Array(network.layout.size);
    const fixed = task.fixedObjective({ split }).lossAndGradient(params, key(3), gradient);
    // both go through the split 500 at a time and sum in float64
    expect(fixed).toBe(loss);
    expect(count).toBe({ train: 991, "meta-validation": 123, "report-validation": 123, test: 611 }[split]);
  });

  it("of the whole split is one of any order of it, to rounding", () => {
    const gradient = new Float32Array(network.layout.size);
    const plain = task.fixedObjective().lossAndGradient(params, key(0), gradient);
    const shuffled = task.fixedObjective({ key: key(9) }).lossAndGradient(params, key(0), gradient);
    expect(shuffled).toBeCloseTo(plain, 6);
  });

  it("of part of a split has the same examples in float32 and float64, gradients agreeing", () => {
    const objective = task.fixedObjective({ count: 700, key: key(5) });
    const single = new Float32Array(network.layout.size);
    const double = new Float64Array(network.layout.size);
    const loss = objective.lossAndGradient(params, key(0), single);
    expect(objective.lossAndGradient(Float64Array.from(params), key(0), double)).toBeCloseTo(loss, 6);
    const largest = Math.max(...double.map(Math.abs));
    for (let i = 0; i < double.length; i++) {
      expect(Math.abs(double[i]! - single[i]!)).toBeLessThan(2e-6 * largest);
    }
  });
});

describe("splits", () => {
  const indices = splitIndices(data.train.count);

  it("never overlap and leave nothing out", () => {
    const all = [...indices.train, ...indices["meta-validation"], ...indices["report-validation"]];
    expect(new Set(all).size).toBe(data.train.count);
    expect(all).toHaveLength(data.train.count);
  });

  it.each(["train", "meta-validation", "report-validation"] as const)(
    "%s is read by no other split",
    (split) => {
      const changed = open({ train: blackened(data.train, indices[split]) });
      for (const other of SPLITS) {
        const same = changed.evaluate(params, other).loss === task.evaluate(params, other).loss;
        expect([other, same]).toEqual([other, other !== split]);
      }
    },
  );

  it("test is read only where it is asked for", () => {
    const changed = open({ test: blackened(data.test, Array(data.test.count).keys()) });
    const losses = (of: Task): number[] =>
      SPLITS.flatMap((split) => {
        const gradient = new Float32Array(network.layout.size);
        const keys = Array.from({ length: 20 }, (_, i) => foldIn(key(2), i));
        return split === "test"
          ? keys.map((batch) => of.objective().lossAndGradient(params, batch, gradient))
          : [
              ...keys.map((batch) => of.objective(split).lossAndGradient(params, batch, gradient)),
              of.fixedObjective({ split }).lossAndGradient(params, key(0), gradient),
              of.fixedObjective().lossAndGradient(params, key(0), gradient),
              of.evaluate(params, split).loss,
            ];
      });
    expect(losses(changed)).toEqual(losses(task));
    expect(changed.evaluate(params, "test").loss).not.toBe(task.evaluate(params, "test").loss);
  });
});

describe("classificationTask", () => {
  it("takes a network of the user's own, whose methods need their object", () => {
    class Own implements OpenNetwork {
      readonly #inner: OpenNetwork;
      constructor(inner: OpenNetwork) {
        this.#inner = inner;
      }
      get input() {
        return this.#inner.input;
      }
      run(...given: Parameters<OpenNetwork["run"]>) {
        return this.#inner.run(...given);
      }
      hessianVectorProduct(...given: Parameters<OpenNetwork["hessianVectorProduct"]>) {
        this.#inner.hessianVectorProduct(...given);
      }
      readStatistics(out: Float32Array | Float64Array) {
        this.#inner.readStatistics(out);
      }
    }
    const own = classificationTask(
      "own",
      { ...network, open: (ops, batch) => new Own(network.open(ops, batch)) },
      data,
      { batchSize: BATCH },
    );
    for (const point of [params, Float64Array.from(params)]) {
      const [a, b] = [point.slice(), point.slice()];
      const loss = own.objective().lossAndGradient(point, key(2), a);
      expect(loss).toBe(task.objective().lossAndGradient(point, key(2), b));
      expect(a).toEqual(b);
    }
    own.close?.();
  });

  it("counts a row as correct where the label has the largest logit", () => {
    const labels = data.test.labels;
    const share = labels.filter((label) => label === 2).length / labels.length;
    const constant = new Float32Array(network.layout.size);
    constant[network.layout.slots.at(-1)!.offset + 2] = 10;
    expect(task.evaluate(constant, "test").metrics.accuracy).toBeCloseTo(share, 12);
  });

  it("refuses a network for images of another size", () => {
    expect(() => classificationTask("wrong", network, syntheticDigits({ train: 10, test: 10 }))).toThrow(
      expect.objectContaining({ code: "E_SHAPE", message: expect.stringMatching(/takes 4 inputs.*28×28×1/) }),
    );
  });

  it("refuses a label that is no class, and a network with fewer outputs than classes", () => {
    const labels = data.train.labels.slice();
    labels[17] = 4;
    const broken = { ...data, train: { ...data.train, labels } };
    expect(() => classificationTask("labels", network, broken)).toThrow(
      expect.objectContaining({
        code: "E_DATA",
        message: expect.stringMatching(/label 4 at example 17.*0 to 3/),
      }),
    );
    const narrow = sequential([2, 2, 1], [dense(3)], { kind: "he" });
    expect(() => classificationTask("narrow", narrow, data)).toThrow(
      expect.objectContaining({ code: "E_SHAPE", message: expect.stringMatching(/3 outputs.*4 classes/) }),
    );
  });

  it("refuses vectors of another length or precision before a kernel sees them", () => {
    const { size } = network.layout;
    const short = new Float32Array(size - 1);
    const other = new Float64Array(size);
    const objective = task.objective();
    const fixed = task.fixedObjective({ count: 10 });
    const calls: [string, () => unknown][] = [
      ["params", () => objective.lossAndGradient(short, key(1), params.slice())],
      ["params", () => objective.loss(short, key(1))],
      ["params", () => fixed.loss(short, key(1))],
      ["params", () => task.evaluate(short, "test")],
      ["params", () => task.init(key(1), short)],
      ["gradient", () => objective.lossAndGradient(params, key(1), short)],
      ["gradient", () => objective.lossAndGradient(params, key(1), other)],
      ["gradient", () => fixed.lossAndGradient(params, key(1), openArena().float32(size + 1))],
      ["direction", () => fixed.hessianVectorProduct!(params, key(1), short, params.slice())],
      ["product", () => fixed.hessianVectorProduct!(params, key(1), params.slice(), other)],
    ];
    for (const [what, call] of calls) {
      expect(call).toThrow(
        expect.objectContaining({ code: "E_SHAPE", message: expect.stringMatching(`^${what} has`) }),
      );
    }
  });

  it("keeps only so many fixed sets in kernel memory, and unpacks a set again to the same bits", () => {
    const wide = sequential([28, 28, 1], [dense(10)], { kind: "he" });
    const few = classificationTask("digits", wide, syntheticDigits({ train: 5200, test: 10 }));
    const point = new Float32Array(wide.layout.size);
    few.init(key(1), point);
    const setBytes = 4000 * 785 * 4; // 13 MB: five sets of the 64 MiB that are kept
    const lossOf = (seed: number): number =>
      few.fixedObjective({ count: 4000, key: key(seed) }).loss(point, key(0));
    const first = few.fixedObjective({ count: 4000, key: key(0) });
    const before = first.loss(point, key(0));
    const losses = new Set(Array.from({ length: 12 }, (_, seed) => lossOf(seed)));
    expect(losses.size).toBe(12);
    expect(kernels().memory.usedBytes).toBeLessThan(7 * setBytes);
    expect(first.loss(point, key(0))).toBe(before);
    few.close?.();
  });

  it("gives its kernel memory back", () => {
    const before = kernels().memory.usedBytes;
    const short = open();
    short.evaluate(params, "test");
    short.fixedObjective().lossAndGradient(params, key(0), new Float32Array(network.layout.size));
    expect(kernels().memory.usedBytes).toBeGreaterThan(before);
    short.close?.();
    expect(kernels().memory.usedBytes).toBe(before);
  });
});
