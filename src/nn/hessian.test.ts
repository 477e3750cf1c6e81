import { describe, expect, it } from "vitest";
import { openArena } from "../kernels/module.ts";
import { kernelOps, referenceOps } from "../kernels/ops.ts";
import { dot } from "../kernels/vector.ts";
import { foldIn, key, normal, randomIntegers } from "../random/key.ts";
import { batchNorm, conv2d, maxPool } from "./conv.ts";
import { dense, relu, sigmoid, tanh } from "./layers.ts";
import { residual } from "./residual.ts";
import { type Network, sequential } from "./sequential.ts";

const BATCH = 6;
const SPREAD = { kind: "normal", stddev: 0.4 } as const;

const networks: readonly (readonly [string, Network])[] = [
  ["linear", sequential([13], [dense(7)], SPREAD)],
  ["sigmoid", sequential([13], [dense(9), sigmoid(), dense(7)], SPREAD)],
  ["tanh", sequential([13], [dense(9), tanh(), dense(7)], SPREAD)],
  ["relu", sequential([13], [dense(9), relu(), dense(7)], SPREAD)],
  ["deep", sequential([13], [dense(11), tanh(), dense(9), sigmoid(), dense(6), relu(), dense(7)], SPREAD)],
  ["convolutional", sequential([6, 6, 2], [conv2d(3), tanh(), conv2d(4, { kernel: 2 }), dense(5)], SPREAD)],
  [
    "pooled, of an odd image",
    sequential(
      [9, 8, 2],
      [conv2d(3), maxPool(2), relu(), conv2d(4, { kernel: 2 }), maxPool(2), relu(), dense(5)],
      SPREAD,
    ),
  ],
  [
    "residual",
    sequential(
      [13],
      [dense(9), tanh(), residual([dense(6), sigmoid(), dense(9)]), relu(), residual([dense(7)], [dense(7)])],
      SPREAD,
    ),
  ],
  [
    "residual and normalized",
    sequential(
      [6, 6, 2],
      [
        conv2d(3),
        residual([batchNorm(), relu(), conv2d(3, { kernel: 1 }), batchNorm()]),
        tanh(),
        residual([conv2d(2)], [conv2d(2)]),
        maxPool(2),
        dense(5),
      ],
      SPREAD,
    ),
  ],
  [
    "normalized",
    sequential([6, 6, 2], [conv2d(3), batchNorm(), relu(), conv2d(4), batchNorm(), tanh(), dense(5)], SPREAD),
  ],
];

describe.each(networks)("the Hessian of a network: %s", (_name, network) => {
  const { size } = network.layout;
  const scale = 1 / BATCH;
  const double = (seed: number, length: number): Float64Array => {
    const out = new Float64Array(length);
    normal(key(seed), out, { stddev: 0.5 });
    return Float64Array.from(Float32Array.from(out)); // both precisions start from the same numbers
  };
  const params = double(1, size);
  const x = double(2, BATCH * network.inputSize);
  const drawn = new Int32Array(BATCH);
  randomIntegers(key(3), drawn, network.classes);
  const labels = Uint8Array.from(drawn);
  const precise = network.open(referenceOps, BATCH);
  precise.input.set(x);
  precise.run(params, labels, BATCH);
  const held = new Float64Array(network.statisticsSize);
  precise.readStatistics(held);
  const statistics = network.statisticsSize > 0 ? held : undefined;
  const productOf = (direction: Float64Array): Float64Array => {
    const product = new Float64Array(size).fill(NaN);
    precise.hessianVectorProduct(params, labels, BATCH, { direction, product, scale, statistics });
    return product;
  };
  const largestOf = (vector: Float64Array): number => Math.max(...vector.map(Math.abs));

  it("times a vector is the central difference of gradients in float64, in every entry", () => {
    for (const seed of [4, 5]) {
      const direction = double(seed, size);
      const product = productOf(direction);
      const h = 1e-6;
      const gradientAt = (shift: number): Float64Array => {
        const gradient = new Float64Array(size);
        const point = params.map((value, i) => value + shift * direction[i]!);
        precise.run(point, labels, BATCH, { gradient, scale, statistics });
        return gradient;
      };
      const [above, below] = [gradientAt(h), gradientAt(-h)];
      const worst = largestOf(product.map((value, i) => (above[i]! - below[i]!) / (2 * h) - value));
      // 1e-16/h of rounding and h² of the third derivative
      expect(worst / largestOf(product)).toBeLessThan(1e-7);
    }
  });

  it("is symmetric", () => {
    const [u, v] = [double(6, size), double(7, size)];
    const [across, back] = [dot(u, productOf(v)), dot(v, productOf(u))];
    expect(Math.abs(across - back)).toBeLessThan(1e-12 * Math.abs(across) + 1e-13);
  });

  it("agrees in float32 with float64", () => {
    const arena = openArena();
    const opened = network.open(kernelOps(arena), BATCH);
    const [single, direction, product] = [0, 1, 2].map(() => arena.float32(size)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    single.set(params);
    direction.set(double(4, size));
    opened.input.set(x);
    product.fill(NaN);
    // twice: buffers left from the first must not matter
    for (let turn = 0; turn < 2; turn++) {
      opened.hessianVectorProduct(single, labels, BATCH, { direction, product, scale, statistics });
    }
    const expected = productOf(double(4, size));
    const worst = largestOf(expected.map((value, i) => value - product[i]!));
    expect(worst / largestOf(expected)).toBeLessThan(1e-5);
    arena.close();
  });

  it("adds up over parts of the minibatch", () => {
    const direction = double(foldIn(key(8), 0).lo % 100, size);
    const sum = new Float64Array(size).fill(NaN);
    const parts = { direction, product: sum, scale, statistics };
    precise.hessianVectorProduct(params, labels.subarray(0, 2), 2, parts);
    precise.hessianVectorProduct(params, labels.subarray(2), BATCH - 2, {
      ...parts,
      x: x.subarray(2 * network.inputSize),
      accumulate: true,
    });
    const whole = productOf(direction);
    const worst = largestOf(whole.map((value, i) => value - sum[i]!));
    expect(worst / largestOf(whole)).toBeLessThan(1e-12);
  });
});
