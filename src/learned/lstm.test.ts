import { describe, expect, it } from "vitest";
import { openArena } from "../kernels/module.ts";
import { layoutOf } from "../kernels/types.ts";
import { key, normal } from "../random/key.ts";
import { lstm } from "./lstm.ts";
import { referenceStates, referenceStep } from "./lstm-reference.ts";
import { type Activations, optimizerOf } from "./types.ts";
import { sumLaterPoints } from "./unroll.ts";

const arena = openArena();
const settings = { hidden: 8, k: 5, scale: 0.01 };

function draw(length: number, seed: number, stddev: number): Float32Array {
  const out = arena.float32(length);
  normal(key(seed), out, { stddev });
  return out;
}

/** Gradients over many orders of magnitude, both branches of LogAndSign. */
function gradients(length: number, seed: number): Float32Array {
  const out = draw(length, seed, 1);
  for (let i = 0; i < length; i++) out[i] = out[i]! * 10 ** -(i % 6);
  return out;
}

function randomMetaParams(seed: number): Float32Array {
  const learned = lstm(settings);
  const phi = arena.float32(learned.layout.size);
  learned.init(key(seed), phi);
  return phi;
}

describe("lstm", () => {
  it("has 5,141 weights at 20 units", () => {
    expect(lstm().layout.size).toBe(5141);
  });

  it("draws initial weights within two standard deviations of 1/√fan-in", () => {
    const learned = lstm();
    const phi = new Float32Array(learned.layout.size);
    learned.init(key(3), phi);
    for (const [name, fanIn] of [
      ["lstm.0.w_gates", 22],
      ["lstm.0.b_gates", 22],
      ["lstm.1.w_gates", 40],
      ["linear.w", 20],
    ] as const) {
      const { offset, size } = learned.layout.slots.find((slot) => slot.name === name)!;
      const values = phi.subarray(offset, offset + size);
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(2 / Math.sqrt(fanIn));
      expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(1 / Math.sqrt(fanIn));
    }
  });

  // 37 coordinates: two whole tiles of 16 and a part of one.
  it.each([16, 37])("updates %i coordinates as the float64 reference does, over several steps", (size) => {
    const phi = randomMetaParams(1);
    const optimizer = optimizerOf(lstm(settings), phi);
    const state = optimizer.init(layoutOf([{ name: "w", shape: [size] }]), { arena });
    const params = draw(size, 2, 1);
    const expected = Float64Array.from(params);
    const states = referenceStates(size, settings.hidden);
    for (let t = 0; t < 6; t++) {
      const g = gradients(size, 10 + t);
      optimizer.step(params, g, state);
      referenceStep(phi, g, states, settings).forEach((u, i) => {
        expected[i]! += u;
      });
    }
    // updates are about 1e-2; parameters about 1 in float32
    for (let i = 0; i < size; i++) expect(Math.abs(params[i]! - expected[i]!)).toBeLessThan(2e-6);
  });

  it("gives the same bits for vectors inside and outside kernel memory", () => {
    const optimizer = optimizerOf(lstm(settings), randomMetaParams(1));
    const layout = layoutOf([{ name: "w", shape: [37] }]);
    const inside = draw(37, 2, 1);
    const outside = new Float32Array(inside);
    const first = optimizer.init(layout, { arena });
    const second = optimizer.init(layout, { arena });
    for (let t = 0; t < 3; t++) {
      const g = gradients(37, t);
      optimizer.step(inside, g, first);
      optimizer.step(outside, new Float32Array(g), second);
    }
    expect(outside).toEqual(new Float32Array(inside));
  });

  it("leaves what follows the parameters in memory alone", () => {
    const optimizer = optimizerOf(lstm(settings), randomMetaParams(1));
    const whole = draw(64, 5, 1);
    const rest = whole.slice(21);
    const params = whole.subarray(0, 21);
    optimizer.step(
      params,
      gradients(21, 1),
      optimizer.init(layoutOf([{ name: "w", shape: [21] }]), { arena }),
    );
    expect(whole.slice(21)).toEqual(rest);
  });

  it("refuses vectors of the wrong length or precision", () => {
    const optimizer = optimizerOf(lstm(settings), randomMetaParams(1));
    const state = optimizer.init(layoutOf([{ name: "w", shape: [32] }]), { arena });
    expect(() => optimizer.step(new Float32Array(32), new Float32Array(31), state)).toThrow(/31 entries/);
    expect(() => optimizer.step(new Float32Array(64), new Float32Array(64), state)).toThrow(/state has/);
    expect(() => optimizer.step(new Float64Array(32), new Float64Array(32), state)).toThrow(/float32/);
    expect(() => lstm({ hidden: 10 })).toThrow(/use 12/);
  });
});

/** Runs one window on random gradients and cotangents and returns ∂(Σ_t cotangent_t·u_t)/∂φ. */
function windowGradient(
  phi: Float32Array,
  size: number,
  window: number,
  activations: Activations,
): { metaGradient: Float32Array; cotangents: Float32Array; inputs: Float32Array[] } {
  const learned = lstm(settings);
  const unroll = learned.unroll({ size, window, activations, arena });
  const state = optimizerOf(learned, phi).init(layoutOf([{ name: "w", shape: [size] }]), { arena });
  const inputs = Array.from({ length: window + 2 }, (_, t) => gradients(size, 100 + t));
  // the window does not start at zero state
  const warm = optimizerOf(learned, phi);
  const params = draw(size, 2, 1);
  for (const g of inputs.slice(0, 2)) warm.step(params, g, state);
  unroll.begin(phi, state);
  for (const g of inputs.slice(2)) unroll.step(params, g);
  const points = draw(size * window, 7, 1);
  const cotangents = points.slice();
  sumLaterPoints(cotangents, size);
  const metaGradient = arena.float32(learned.layout.size);
  unroll.backward(points, metaGradient);
  return { metaGradient, cotangents, inputs };
}

describe("lstm backward through a window", () => {
  const size = 37;
  const window = 5;

  it("agrees with float64 central differences of the reference in every weight", () => {
    const phi = randomMetaParams(4);
    const { metaGradient, cotangents, inputs } = windowGradient(phi, size, window, "stored");
    const warm = referenceStates(size, settings.hidden);
    for (const g of inputs.slice(0, 2)) referenceStep(phi, g, warm, settings);
    const meta = (weights: Float64Array): number => {
      const states = warm.map(({ h, c }) => structuredClone({ h, c }));
      let sum = 0;
      for (let t = 0; t < window; t++) {
        const u = referenceStep(weights, inputs[t + 2]!, states, settings);
        for (let i = 0; i < size; i++) sum += u[i]! * cotangents[t * size + i]!;
      }
      return sum;
    };
    const largest = Math.max(...metaGradient.map(Math.abs));
    expect(largest).toBeGreaterThan(1e-2);
    const weights = Float64Array.from(phi);
    for (let i = 0; i < weights.length; i += 3) {
      const value = weights[i]!;
      const step = 1e-5;
      weights[i] = value + step;
      const above = meta(weights);
      weights[i] = value - step;
      const below = meta(weights);
      weights[i] = value;
      // float32 kernels against float64: relative to the largest entry
      expect(Math.abs(metaGradient[i]! - (above - below) / (2 * step))).toBeLessThan(5e-6 * largest);
    }
  });

  it("gives the same bits from stored and from recomputed activations", () => {
    const phi = randomMetaParams(4);
    const stored = windowGradient(phi, size, window, "stored").metaGradient;
    const recomputed = windowGradient(phi, size, window, "recomputed").metaGradient;
    expect(new Float32Array(recomputed)).toEqual(new Float32Array(stored));
  });

  it("refuses settings out of their range", () => {
    expect(() => lstm({ k: 2.5 })).toThrow(
      "k of learned optimizer lstm must be an integer ≥ 1 and ≤ 20, not 2.5",
    );
    expect(() => lstm({ hidden: 0 })).toThrow("hidden of learned optimizer lstm");
    expect(() => lstm({ scale: -1 })).toThrow("scale of learned optimizer lstm must be a number > 0");
    expect(() => lstm({ hidden: 6 })).toThrow("no multiple of 4");
  });

  it("refuses to go backward before the window is full", () => {
    const learned = lstm(settings);
    const unroll = learned.unroll({ size: 16, window: 3, arena });
    const phi = randomMetaParams(4);
    unroll.begin(phi, optimizerOf(learned, phi).init(layoutOf([{ name: "w", shape: [16] }]), { arena }));
    unroll.step(draw(16, 1, 1), draw(16, 2, 1));
    expect(() => unroll.backward(draw(48, 3, 1), arena.float32(learned.layout.size))).toThrow(/1 of 3/);
  });
});
