import { describe, expect, it } from "vitest";
import { openArena } from "../kernels/module.ts";
import { kernelOps, referenceOps } from "../kernels/ops.ts";
import { norm } from "../kernels/vector.ts";
import { foldIn, key, normal, randomIntegers } from "../random/key.ts";
import { dense, relu, sigmoid, tanh } from "./layers.ts";
import { residual } from "./residual.ts";
import { type Network, sequential } from "./sequential.ts";

const BATCH = 5;
const SPREAD = { kind: "normal", stddev: 0.5 } as const;

/** Odd extents everywhere: every kernel has a tail. */
const networks: readonly (readonly [string, Network])[] = [
  ["linear", sequential([13], [dense(7)], SPREAD)],
  ["sigmoid", sequential([13], [dense(9), sigmoid(), dense(7)], SPREAD)],
  ["tanh", sequential([13], [dense(9), tanh(), dense(7)], SPREAD)],
  ["relu", sequential([13], [dense(9), relu(), dense(7)], SPREAD)],
  ["deep", sequential([13], [dense(11), tanh(), dense(9), sigmoid(), dense(6), relu(), dense(7)], SPREAD)],
  [
    "residual",
    sequential(
      [13],
      [dense(9), tanh(), residual([dense(6), sigmoid(), dense(9)]), relu(), residual([dense(7)], [dense(7)])],
      SPREAD,
    ),
  ],
  ["of an image", sequential([3, 5, 2], [dense(6), sigmoid(), dense(3)], SPREAD)],
];

function dataFor(network: Network): { params: Float64Array; x: Float64Array; labels: Uint8Array } {
  const params = new Float64Array(network.layout.size);
  network.init(key(1), params);
  // both precisions start from the same numbers
  const single = (values: Float64Array): Float64Array => Float64Array.from(Float32Array.from(values));
  const x = new Float64Array(BATCH * network.inputSize);
  normal(key(2), x);
  const labels = new Int32Array(BATCH);
  randomIntegers(key(3), labels, network.classes);
  return { params: single(params), x: single(x), labels: Uint8Array.from(labels) };
}

describe.each(networks)("a network: %s", (_name, network) => {
  const { params, x, labels } = dataFor(network);
  const precise = network.open(referenceOps, BATCH);
  const gradient = new Float64Array(network.layout.size);
  const scale = 1 / BATCH;
  precise.input.set(x);
  const { loss } = precise.run(params, labels, BATCH, { gradient, scale });

  it("has the gradient of its loss in float64, in every entry", () => {
    const h = 1e-6;
    const worst = params.reduce((largest, value, i) => {
      params[i] = value + h;
      const above = precise.run(params, labels, BATCH).loss;
      params[i] = value - h;
      const below = precise.run(params, labels, BATCH).loss;
      params[i] = value;
      return Math.max(largest, Math.abs((scale * (above - below)) / (2 * h) - gradient[i]!));
    }, 0);
    // 1e-16/h of rounding and h² of curvature, gradients being about 0.1
    expect(worst).toBeLessThan(1e-8);
  });

  it("agrees in float32 with float64", () => {
    const arena = openArena();
    const opened = network.open(kernelOps(arena), BATCH);
    const single = arena.float32(network.layout.size);
    single.set(params);
    const own = arena.float32(network.layout.size).fill(NaN);
    opened.input.set(x);
    const result = opened.run(single, labels, BATCH, { gradient: own, scale });
    expect(Math.abs(result.loss / loss - 1)).toBeLessThan(1e-6);
    const largest = Math.max(...gradient.map(Math.abs));
    const worst = gradient.reduce((most, value, i) => Math.max(most, Math.abs(value - own[i]!)), 0);
    // some ten roundings of 6e-8 each between the inputs and an entry
    expect(worst / largest).toBeLessThan(2e-6);
    arena.close();
  });

  it("adds up the gradients of parts to that of the whole", () => {
    const sum = new Float64Array(network.layout.size).fill(NaN);
    const first = precise.run(params, labels.subarray(0, 2), 2, { gradient: sum, scale });
    const rest = precise.run(params, labels.subarray(2), BATCH - 2, {
      x: x.subarray(2 * network.inputSize),
      gradient: sum,
      scale,
      accumulate: true,
    });
    expect(first.loss + rest.loss).toBeCloseTo(loss, 10);
    expect(norm(sum.map((value, i) => value - gradient[i]!))).toBeLessThan(1e-12);
  });
});

describe("residual", () => {
  it("names and counts the parameters of both branches", () => {
    const network = sequential([4], [dense(3), residual([dense(2), relu(), dense(5)], [dense(5)])], SPREAD);
    expect(network.layout.slots.map(({ name, shape }) => [name, ...shape])).toEqual([
      ["dense0.w", 3, 4],
      ["dense0.b", 3],
      ["residual0.dense0.w", 2, 3],
      ["residual0.dense0.b", 2],
      ["residual0.dense1.w", 5, 2],
      ["residual0.dense1.b", 5],
      ["residual0.shortcut.dense0.w", 5, 3],
      ["residual0.shortcut.dense0.b", 5],
    ]);
  });

  it("with a body of zeros is the identity", () => {
    const plain = sequential([4], [dense(3)], SPREAD);
    const deep = sequential([4], [dense(3), residual([dense(3)])], SPREAD);
    const params = new Float64Array(deep.layout.size);
    plain.init(key(1), params.subarray(0, plain.layout.size));
    const losses = [plain, deep].map((network) => {
      const opened = network.open(referenceOps, 2);
      normal(key(2), opened.input);
      return opened.run(params.subarray(0, network.layout.size), Uint8Array.of(0, 2), 2).loss;
    });
    expect(losses[0]).toBe(losses[1]);
  });

  it("refuses branches of different shapes, and ones that end in an activation", () => {
    expect(() => sequential([4], [residual([dense(3)])], SPREAD)).toThrow(
      "residual: the body gives [3], what it is added to has [4]; give a shortcut of that shape",
    );
    expect(() => residual([dense(4), relu()])).toThrow("relu comes last");
  });
});

describe("sequential", () => {
  const mlp = sequential([28, 28, 1], [dense(20), sigmoid(), dense(10)], { kind: "normal", stddev: 0.01 });

  it("names and lays out the 15,910 parameters of the mlp", () => {
    expect(mlp.layout.size).toBe(15_910);
    expect(mlp.layout.slots.map(({ name, shape, kind }) => [name, shape, kind])).toEqual([
      ["dense0.w", [20, 784], "weight"],
      ["dense0.b", [20], "bias"],
      ["dense1.w", [10, 20], "weight"],
      ["dense1.b", [10], "bias"],
    ]);
  });

  it("draws every parameter from N(0, 0.01²)", () => {
    const params = new Float64Array(mlp.layout.size);
    mlp.init(key(0), params);
    const { size } = mlp.layout;
    // four standard errors of a mean and of a standard deviation
    expect(Math.abs(params.reduce((a, b) => a + b) / size)).toBeLessThan((4 * 0.01) / Math.sqrt(size));
    expect(Math.abs(norm(params) / Math.sqrt(size) / 0.01 - 1)).toBeLessThan(4 / Math.sqrt(2 * size));
  });

  it("draws He weights with variance 2/fan-in and zero biases", () => {
    const he = sequential([784], [dense(50), relu(), dense(10)], { kind: "he" });
    const params = new Float64Array(he.layout.size);
    he.init(foldIn(key(0), 1), params);
    for (const { name, offset, size } of he.layout.slots) {
      const view = params.subarray(offset, offset + size);
      if (name.endsWith(".b")) expect(view.every((entry) => entry === 0)).toBe(true);
      else {
        const expected = Math.sqrt(2 / (name === "dense0.w" ? 784 : 50));
        expect(Math.abs(norm(view) / Math.sqrt(size) / expected - 1)).toBeLessThan(4 / Math.sqrt(2 * size));
      }
    }
  });
});

it("refuses a label that names no output, in the loss and in its Hessian", () => {
  const network = sequential([3], [dense(4)], SPREAD);
  const params = new Float64Array(network.layout.size);
  for (const ops of [referenceOps, kernelOps(openArena())]) {
    const opened = network.open(ops, 2);
    const own = ops.allocate(network.layout.size);
    const refusal = expect.objectContaining({
      code: "E_DATA",
      message: expect.stringMatching(/label 1 of 2 is 4, 4 outputs go from 0 to 3/),
    });
    expect(() => opened.run(own, Uint8Array.of(3, 4), 2)).toThrow(refusal);
    const options = { direction: own, product: params };
    expect(() => opened.hessianVectorProduct(own, Uint8Array.of(3, 4), 2, options)).toThrow(refusal);
  }
});

it("refuses activations that would overwrite what is still needed", () => {
  expect(() => sequential([13], [dense(9), tanh(), sigmoid(), dense(7)], SPREAD)).toThrow(
    "sigmoid overwrites its input, which tanh needs for its gradient; put another layer before it",
  );
  expect(() => sequential([13], [relu(), dense(7)], SPREAD)).toThrow("relu overwrites its input");
  expect(() => sequential([13], [dense(7), sigmoid()], SPREAD)).toThrow(
    "sigmoid comes last, but the outputs of the last layer are the logits",
  );
});
