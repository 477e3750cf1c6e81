import { describe, expect, it } from "vitest";
import { openArena } from "../kernels/module.ts";
import { kernelOps, referenceOps } from "../kernels/ops.ts";
import { key, normal } from "../random/key.ts";
import { softmaxCrossEntropy, squaredError } from "./heads.ts";
import { dense, tanh } from "./layers.ts";
import { sequential } from "./sequential.ts";

describe("squared error", () => {
  const network = sequential(
    [4],
    [dense(3), tanh(), dense(2)],
    { kind: "normal", stddev: 0.7 },
    { head: squaredError() },
  );
  const { size } = network.layout;
  const params = new Float64Array(size);
  network.init(key(1), params);
  const x = new Float64Array(3 * 4);
  const targets = new Float64Array(3 * 2);
  normal(key(2), x);
  normal(key(3), targets);
  const opened = network.open(referenceOps, 3);
  opened.input.set(x);
  const at = (point: Float64Array) => {
    const gradient = new Float64Array(size).fill(NaN);
    return { loss: opened.run(point, targets, 3, { gradient, scale: 0.5 }).loss, gradient };
  };
  const moved = (direction: Float64Array, step: number) => params.map((w, i) => w + step * direction[i]!);

  it("is half the squared distance, with the gradient and the Hessian of that", () => {
    const only = sequential([2], [dense(2)], { kind: "he" }, { head: squaredError() });
    const one = only.open(referenceOps, 1);
    one.input.set([1, 2]);
    // y = (1 + 4, 3 + 8) = (5, 11), t = (4, 9)
    const identity = Float64Array.of(1, 2, 3, 4, 0, 0);
    expect(one.run(identity, Float64Array.of(4, 9), 1)).toEqual({ loss: 2.5, correct: 0 });

    const direction = new Float64Array(size);
    normal(key(4), direction);
    const h = 1e-6;
    const [above, below] = [at(moved(direction, h)), at(moved(direction, -h))];
    const { gradient } = at(params);
    const slope = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0);
    // 1e-16/h of rounding and h² of curvature
    expect((0.5 * (above.loss - below.loss)) / (2 * h)).toBeCloseTo(slope, 7);
    const product = new Float64Array(size);
    opened.hessianVectorProduct(params, targets, 3, { direction, product, scale: 0.5 });
    product.forEach((value, i) => {
      expect((above.gradient[i]! - below.gradient[i]!) / (2 * h)).toBeCloseTo(value, 6);
    });
  });

  it("agrees in float32", () => {
    const arena = openArena();
    const single = network.open(kernelOps(arena), 3);
    single.input.set(x);
    const [own, gradient] = [arena.float32(size), arena.float32(size)];
    own.set(params);
    const { loss } = single.run(own, Float32Array.from(targets), 3, { gradient, scale: 0.5 });
    const expected = at(params);
    // some ten roundings of 6e-8 each
    expect(Math.abs(loss / expected.loss - 1)).toBeLessThan(2e-6);
    expected.gradient.forEach((value, i) => {
      expect(Math.abs(gradient[i]! - value)).toBeLessThan(2e-6);
    });
    arena.close();
  });

  it("refuses a value too few", () => {
    expect(() => opened.run(params, targets.subarray(1), 3)).toThrow(
      expect.objectContaining({ code: "E_DATA", message: expect.stringMatching(/5 values for 6 outputs/) }),
    );
  });
});

describe("softmax cross-entropy", () => {
  it("takes a label for each row where outputs have several", () => {
    const head = softmaxCrossEntropy();
    expect(head.targets([7, 3])).toBe(7);
    const opened = head.open({ ops: referenceOps, outputs: [2, 3] });
    const y = new Float64Array(2 * 2 * 3);
    const { loss, correct } = opened.loss(y, Uint8Array.of(0, 1, 2, 0), 2, 1);
    expect(loss).toBeCloseTo(4 * Math.log(3), 12);
    expect(correct).toBe(2); // equal outputs count for the first
    expect(y[0]).toBeCloseTo(1 / 3 - 1, 12);
  });
});
