import { init as initJax, lax, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openArena } from "../kernels/module.ts";
import { kernelOps, referenceOps } from "../kernels/ops.ts";
import type { Vector } from "../kernels/types.ts";
import { foldIn, key, normal } from "../random/key.ts";
import { batchNorm, conv2d, maxPool } from "./conv.ts";
import { dense, type Layer, relu, type Shape, sizeOf, tanh } from "./layers.ts";
import { type Network, sequential } from "./sequential.ts";

const kernel = kernelOps(openArena());

/** The small CNN and its twin with batch normalization. */
const smallCnn = (classes = 10): Layer[] => [
  conv2d(16, { kernel: 3 }),
  maxPool(2),
  relu(),
  conv2d(32, { kernel: 5 }),
  maxPool(2),
  relu(),
  dense(classes),
];
const smallCnnBn = (): Layer[] => [
  conv2d(16, { kernel: 3 }),
  batchNorm(),
  maxPool(2),
  relu(),
  conv2d(32, { kernel: 5 }),
  batchNorm(),
  maxPool(2),
  relu(),
  dense(10),
];

const he = { kind: "he" } as const;
const labelsOf = (count: number, classes: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => (3 * i + 1) % classes);

/** A network in float64 at a random point, with a random minibatch. */
function place(network: Network, batch: number, seed = 1) {
  const open = network.open(referenceOps, batch);
  const params = new Float64Array(network.layout.size);
  normal(key(seed), params, { stddev: 0.3 });
  normal(foldIn(key(seed), 1), open.input);
  return { open, params, labels: labelsOf(batch, network.classes) };
}

/** Largest difference between the gradient and central differences of the loss, relative to the largest entry. */
function errorOfGradient(network: Network, { frozen = false, batch = 3 } = {}): number {
  const { open, params, labels } = place(network, batch);
  const gradient = new Float64Array(params.length);
  open.run(params, labels, batch);
  const held = new Float64Array(network.statisticsSize);
  open.readStatistics(held);
  const statistics = frozen ? held : undefined;
  open.run(params, labels, batch, { gradient, statistics });
  let worst = 0;
  let largest = 0;
  const h = 3e-6; // error ~ h² of the third derivative, rounding ~ 1e-16/h: both below 1e-8
  for (let i = 0; i < params.length; i++) {
    const at = params[i]!;
    params[i] = at + h;
    const above = open.run(params, labels, batch, { statistics }).loss;
    params[i] = at - h;
    const below = open.run(params, labels, batch, { statistics }).loss;
    params[i] = at;
    worst = Math.max(worst, Math.abs((above - below) / (2 * h) - gradient[i]!));
    largest = Math.max(largest, Math.abs(gradient[i]!));
  }
  return worst / largest;
}

describe("gradients agree with central differences in float64:", () => {
  it.each<[string, Shape, Layer[]]>([
    ["a convolution", [4, 5, 2], [conv2d(3, { kernel: 3 }), dense(3)]],
    ["two convolutions", [6, 6, 1], [conv2d(2, { kernel: 3 }), tanh(), conv2d(3, { kernel: 2 }), dense(3)]],
    [
      "max-pooling of an odd image",
      [7, 5, 2],
      [conv2d(3, { kernel: 1 }), tanh(), maxPool(2), tanh(), dense(3)],
    ],
    ["max-pooling of the input", [5, 5, 2], [maxPool(2), dense(3)]],
    ["batch normalization", [3, 3, 2], [conv2d(3, { kernel: 2 }), batchNorm(), tanh(), dense(3)]],
    ["batch normalization of the input", [2, 2, 3], [batchNorm(), dense(3)]],
    ["batch normalization of features", [5], [dense(4), batchNorm(), tanh(), dense(3)]],
    [
      "the small CNN, narrow",
      [14, 14, 1],
      smallCnn(3).map((l, i) => (i === 0 ? conv2d(2) : i === 3 ? conv2d(3) : l)),
    ],
  ])("%s", (_, input, layers) => {
    expect(errorOfGradient(sequential(input, layers, he))).toBeLessThan(1e-7);
  });

  it("with frozen statistics, the mean and variance are constants", () => {
    const network = sequential([4, 4, 1], [conv2d(3, { kernel: 2 }), batchNorm(), tanh(), dense(3)], he);
    expect(errorOfGradient(network, { frozen: true })).toBeLessThan(1e-7);
  });
});

describe("batch normalization", () => {
  const network = sequential([4, 4, 1], [conv2d(3, { kernel: 2 }), batchNorm(), tanh(), dense(3)], he);

  it("frozen where it stands gives the same loss bit for bit, and another gradient", () => {
    const { open, params, labels } = place(network, 5);
    const [plain, frozen] = [new Float64Array(params.length), new Float64Array(params.length)];
    const { loss } = open.run(params, labels, 5, { gradient: plain });
    const statistics = new Float64Array(network.statisticsSize);
    open.readStatistics(statistics);
    expect(open.run(params, labels, 5, { gradient: frozen, statistics }).loss).toBe(loss);
    expect(Math.hypot(...frozen.map((g, i) => g - plain[i]!))).toBeGreaterThan(1e-2);
  });

  it("makes the loss independent of the scale of the filters, unless frozen", () => {
    const { open, params, labels } = place(network, 5);
    const { loss } = open.run(params, labels, 5);
    const statistics = new Float64Array(network.statisticsSize);
    open.readStatistics(statistics);
    const { offset, size } = network.layout.slots[0]!;
    for (let i = offset; i < offset + size; i++) params[i]! *= 2;
    expect(open.run(params, labels, 5).loss).toBeCloseTo(loss, 3);
    expect(Math.abs(open.run(params, labels, 5, { statistics }).loss - loss)).toBeGreaterThan(0.01);
  });

  it("starts with scale 1 and shift 0 under every initialization, and leaves both to ASAM as biases", () => {
    for (const initialization of [he, { kind: "normal", stddev: 0.01 } as const]) {
      const { layout, init } = sequential([4, 4, 1], [conv2d(2), batchNorm(), dense(3)], initialization);
      const params = new Float64Array(layout.size);
      init(key(0), params);
      const slot = layout.slots.find(({ name }) => name === "batchNorm0.gamma")!;
      expect(slot.kind).toBe("bias");
      expect([...params.subarray(slot.offset, slot.offset + slot.size)]).toEqual([1, 1]);
    }
  });
});

describe("the small CNN", () => {
  it.each<[string, Shape, Layer[], number]>([
    ["on 28 × 28 × 1", [28, 28, 1], smallCnn(), 160 + 12_832 + 5_130],
    ["on 32 × 32 × 3", [32, 32, 3], smallCnn(), 448 + 12_832 + 8_010],
    ["with batch normalization", [28, 28, 1], smallCnnBn(), 160 + 32 + 12_832 + 64 + 5_130],
  ])("%s: the kernels agree with the float64 reference", (_, input, layers, size) => {
    const network = sequential(input, layers, he);
    expect(network.layout.size).toBe(size);
    const batch = 6;
    const params = kernel.allocate(size);
    network.init(key(3), params);
    const gradient = kernel.allocate(size).fill(7);
    const fast = network.open(kernel, batch + 2);
    normal(key(4), fast.input);
    const labels = labelsOf(batch, 10);
    const options = { scale: 1 / batch };
    const result = fast.run(params, labels, batch, { ...options, gradient });

    const plain = network.open(referenceOps, batch);
    plain.input.set(fast.input.subarray(0, batch * sizeOf(input)));
    const expected = new Float64Array(size);
    const exact = plain.run(Float64Array.from(params), labels, batch, { ...options, gradient: expected });
    expect(result.loss).toBeCloseTo(exact.loss, 4);
    expect(result.correct).toBe(exact.correct);
    let worst = 0;
    let largest = 0;
    expected.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - gradient[i]!));
      largest = Math.max(largest, Math.abs(value));
    });
    expect(worst / largest).toBeLessThan(2e-5);
  });

  it("has the loss and gradient that jax-js computes", async () => {
    await initJax("wasm");
    const [batch, side, classes] = [2, 14, 3];
    const layers = [conv2d(4), maxPool(2), relu(), conv2d(5), maxPool(2), relu(), dense(classes)];
    const network = sequential([side, side, 2], layers, he);
    const { open, params, labels } = place(network, batch, 7);
    const gradient = new Float64Array(params.length);
    const { loss } = open.run(params, labels, batch, { gradient });

    const parts = network.layout.slots.map(({ shape, offset, size }) =>
      np.array(Float32Array.from(params.subarray(offset, offset + size))).reshape([...shape]),
    );
    const x = np.array(Float32Array.from(open.input)).reshape([batch, side, side, 2]).transpose([0, 3, 1, 2]);
    const targets = nn.oneHot(np.array(Int32Array.from(labels), { dtype: np.int32 }), classes);
    const block = (input: np.Array, w: np.Array, b: np.Array, filters: number, even: number): np.Array => {
      const y = lax
        .conv(input, w.transpose([0, 3, 1, 2]), [1, 1], "VALID")
        .add(b.reshape([1, filters, 1, 1]));
      const pooled = y.reshape([batch, filters, even / 2, 2, even / 2, 2]);
      return nn.relu(np.max(pooled, [3, 5]));
    };
    const lossOf = ([w1, b1, w2, b2, w3, b3]: np.Array[]): np.Array => {
      const first = block(x, w1!, b1!, 4, 12);
      const second = block(first, w2!, b2!, 5, 4);
      const flat = second.transpose([0, 2, 3, 1]).reshape([batch, 20]);
      const logits = np.matmul(flat, w3!.transpose()).add(b3!);
      return nn.logSoftmax(logits).mul(targets).sum().mul(-1);
    };
    const [value, gradients] = valueAndGrad(lossOf)(parts) as [np.Array, np.Array[]];
    expect(Number(value.js())).toBeCloseTo(loss, 4);
    const flat: number[] = [];
    for (const part of gradients) flat.push(...((await part.data()) as Float32Array));
    const largest = Math.max(...gradient.map(Math.abs));
    expect(flat).toHaveLength(params.length);
    flat.forEach((g, i) => {
      expect(Math.abs(g - gradient[i]!) / largest).toBeLessThan(1e-5);
    });
  });

  it("adds to the gradient where it is told to, over several parts of a minibatch", () => {
    const network = sequential([14, 14, 1], [conv2d(4), maxPool(2), conv2d(20, { kernel: 2 }), dense(3)], he);
    const params = kernel.allocate(network.layout.size);
    network.init(key(0), params);
    const open = network.open(kernel, 4);
    normal(key(1), open.input);
    const labels = labelsOf(4, 3);
    const whole = kernel.allocate(params.length);
    const parts = kernel.allocate(params.length);
    open.run(params, labels, 4, { gradient: whole });
    const examples: Vector = open.input.slice();
    for (const [start, accumulate] of [
      [0, false],
      [2, true],
    ] as const) {
      open.input.set(examples.subarray(start * 196, (start + 2) * 196));
      open.run(params, labels.subarray(start), 2, { gradient: parts, accumulate });
    }
    whole.forEach((value, i) => {
      expect(parts[i]).toBeCloseTo(value, 4);
    });
  });
});

describe("a minibatch larger than the caches", () => {
  it("goes through the layers in parts, with the sums of their losses and gradients", () => {
    const network = sequential([28, 28, 1], smallCnn(), he);
    const batch = 61;
    const params = kernel.allocate(network.layout.size);
    network.init(key(2), params);
    const labels = labelsOf(batch, 10);
    const whole = network.open(kernel, batch);
    normal(key(3), whole.input);
    const gradient = kernel.allocate(params.length).fill(1);
    const result = whole.run(params, labels, batch, { gradient, scale: 0.5, accumulate: true });

    const single = network.open(kernel, 1);
    const expected = kernel.allocate(params.length).fill(1);
    let loss = 0;
    let correct = 0;
    for (let i = 0; i < batch; i++) {
      single.input.set(whole.input.subarray(784 * i, 784 * (i + 1)));
      const one = { gradient: expected, scale: 0.5, accumulate: true };
      const part = single.run(params, labels.subarray(i), 1, one);
      loss += part.loss;
      correct += part.correct;
    }
    expect(result.loss).toBeCloseTo(loss, 9);
    expect(result.correct).toBe(correct);
    gradient.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 3);
    });
  });
});

describe("shapes", () => {
  it("of every stack follow from its layers, and cropping what pooling drops changes nothing", () => {
    const stack = fc.record({
      height: fc.integer({ min: 6, max: 12 }),
      width: fc.integer({ min: 6, max: 12 }),
      channels: fc.integer({ min: 1, max: 3 }),
      kernel: fc.integer({ min: 1, max: 4 }),
      filters: fc.constantFrom(1, 4, 5, 16),
    });
    fc.assert(
      fc.property(stack, ({ height, width, channels, kernel: side, filters }) => {
        const conv = conv2d(filters, { kernel: side });
        const input = [height, width, channels];
        expect(conv.output(input)).toEqual([height - side + 1, width - side + 1, filters]);
        const cropped = sequential(input, [conv, tanh(), maxPool(2), dense(2)], he);
        const whole = sequential(input, [{ ...conv, croppable: false }, tanh(), maxPool(2), dense(2)], he);
        const results = [cropped, whole].map((network) => {
          const params = kernel.allocate(network.layout.size);
          network.init(key(0), params);
          const open = network.open(kernel, 2);
          normal(key(1), open.input);
          const gradient = kernel.allocate(params.length);
          return { loss: open.run(params, labelsOf(2, 2), 2, { gradient }).loss, gradient };
        });
        expect(results[0]!.loss).toBe(results[1]!.loss);
        results[0]!.gradient.forEach((value, i) => {
          expect(value).toBeCloseTo(results[1]!.gradient[i]!, 5);
        });
      }),
      { numRuns: 30 },
    );
  });

  it("that do not fit are refused with what to do", () => {
    const refuses = (layers: Layer[], input: Shape, message: RegExp) =>
      expect(() => sequential(input, layers, he)).toThrow(
        expect.objectContaining({ code: "E_SHAPE", message: expect.stringMatching(message) }),
      );
    refuses([conv2d(4, { kernel: 5 })], [4, 9, 1], /5×5 kernel does not fit an image of 4×9; use a smaller/);
    refuses([dense(5), conv2d(4)], [4, 4, 1], /takes images .* not \[5\]; put it before the dense layers/);
    refuses([maxPool(2)], [1, 4, 1], /nothing is left of an image of 1×4; use less pooling/);
  });
});
