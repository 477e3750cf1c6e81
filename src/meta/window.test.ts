import { describe, expect, it } from "vitest";
import { openArena } from "../kernels/module.ts";
import { dot, norm } from "../kernels/vector.ts";
import { lstm } from "../learned/lstm.ts";
import { referenceStates, referenceStep } from "../learned/lstm-reference.ts";
import { optimizerOf } from "../learned/types.ts";
import { foldIn, type Key, key, normal } from "../random/key.ts";
import { gam } from "../regularizers/gam.ts";
import { gsam } from "../regularizers/gsam.ts";
import { noRegularizer } from "../regularizers/registry.ts";
import { sam } from "../regularizers/sam.ts";
import type { Regularizer } from "../regularizers/types.ts";
import { defineTask } from "../tasks/define.ts";
import type { Task } from "../tasks/types.ts";
import type { Instance } from "./instance.ts";
import { instanceKeys, openWindowRunner, type WindowSettings } from "./window.ts";

// two whole tiles of 16 coordinates and a part of one
const SIZE = 37;
const TRUNCATION = 5;
const settings = { hidden: 8, k: 5, scale: 0.01 };
const learned = lstm(settings);

const noise = new Float64Array(SIZE);

/** L = Σ ½a_i·w_i² + ¼w_i⁴ + noise(batch)·w: the regularizers have something to do. */
const hilly: Task = defineTask({
  name: "hilly",
  layout: SIZE,
  lossAndGradient(w, batch, g) {
    normal(batch, noise, { stddev: 0.3 });
    let loss = 0;
    for (let i = 0; i < SIZE; i++) {
      const a = 0.5 + (i % 7);
      const x = w[i]!;
      loss += x * (0.5 * a * x + noise[i]!) + 0.25 * x ** 4;
      g[i] = a * x + noise[i]! + x ** 3;
    }
    return loss;
  },
});

function runnerOf(changes: Partial<WindowSettings> & { with?: Regularizer } = {}) {
  const { with: regularizer = noRegularizer, ...rest } = changes;
  return openWindowRunner({
    tasks: [hilly],
    learned,
    regularizer: regularizer.apply,
    truncation: TRUNCATION,
    metaLossBatch: "same",
    ...rest,
  });
}

const metaParams = new Float32Array(learned.layout.size);
learned.init(key(1), metaParams);
// a later window: the state is not zero
const start = runnerOf().window(metaParams, { task: 0, key: key(2), step: 0 }).instance;

/** The state of every coordinate after an instance's steps, again by the reference. */
function statesAt(instance: Instance, gradients: readonly Float64Array[]) {
  const states = referenceStates(SIZE, settings.hidden);
  for (const gradient of gradients) referenceStep(metaParams, gradient, states, settings);
  expect(instance.step).toBe(gradients.length);
  return states;
}

/** Plain gradients of the unperturbed run at the points where the optimizer saw them, in float64. */
function inputGradients(instance: Instance): {
  warm: Float64Array[];
  window: Float64Array[];
  from: Float64Array;
} {
  const { init, batches } = instanceKeys(instance.key);
  const params = new Float64Array(SIZE);
  hilly.init(init, params);
  const states = referenceStates(SIZE, settings.hidden);
  const all: Float64Array[] = [];
  let from = params.slice();
  for (let step = 0; step < instance.step + TRUNCATION; step++) {
    if (step === instance.step) from = params.slice();
    const gradient = new Float64Array(SIZE);
    hilly.objective().lossAndGradient(params, foldIn(batches, step), gradient);
    all.push(gradient);
    referenceStep(metaParams, gradient, states, settings).forEach((u, i) => {
      params[i]! += u;
    });
  }
  return { warm: all.slice(0, instance.step), window: all.slice(instance.step), from };
}

/** The window in float64 with its input gradients held constant: (φ, each) → Σ of `each` over the points after each step. */
function unrolled(instance: Instance) {
  const { warm, window, from } = inputGradients(instance);
  const states = statesAt(instance, warm);
  return (phi: Float64Array, each: (t: number, params: Float64Array) => number): number => {
    const copies = states.map(({ h, c }) => structuredClone({ h, c }));
    const params = from.slice();
    let sum = 0;
    for (let t = 0; t < TRUNCATION; t++) {
      referenceStep(phi, window[t]!, copies, settings).forEach((u, i) => {
        params[i]! += u;
      });
      sum += each(t + 1, params);
    }
    return sum;
  };
}

/** Keys of the minibatches that the meta-loss is taken on. */
function batchesOf({ key, step }: Instance, batch: "same" | "fresh"): (t: number) => Key {
  const keys = instanceKeys(key);
  return (t) => foldIn(batch === "fresh" ? keys.fresh : keys.batches, step + t);
}

/** Compares every seventh entry with a central difference; float32 against float64: relative to the largest entry. */
function expectDerivative(
  gradient: Float32Array,
  at: Float64Array,
  tolerance: number,
  value: (at: Float64Array) => number,
): void {
  const largest = Math.max(...gradient.map(Math.abs));
  const step = 1e-5;
  for (let i = 0; i < at.length; i += 7) {
    const entry = at[i]!;
    at[i] = entry + step;
    const above = value(at);
    at[i] = entry - step;
    const below = value(at);
    at[i] = entry;
    expect(Math.abs(gradient[i]! - (above - below) / (2 * step))).toBeLessThan(tolerance * largest);
  }
}

describe("the meta-gradient of a window", () => {
  it.each([
    ["plain", noRegularizer, "same"],
    ["with SAM", sam({ rho: 0.3 }), "same"],
    ["on fresh minibatches", noRegularizer, "fresh"],
    ["with SAM on fresh minibatches", sam({ rho: 0.3 }), "fresh"],
  ] as const)(
    "is the derivative of the meta-loss in φ, input gradients held constant: %s",
    (_what, regularizer, batch) => {
      const result = runnerOf({ with: regularizer, metaLossBatch: batch }).window(metaParams, start);
      const run = unrolled(start);
      const at = batchesOf(start, batch);

      // the ascent step e of the unperturbed run, a constant; zero without a regularizer
      const phi = Float64Array.from(metaParams);
      const rho = regularizer.settings.rho ?? 0;
      const ascents: Float64Array[] = [];
      const plain = hilly.objective();
      const metaLoss = run(phi, (t, params) => {
        const g = new Float64Array(SIZE);
        plain.lossAndGradient(params, at(t), g);
        ascents.push(g.map((entry) => (rho * entry) / norm(g)));
        return regularizer.apply(plain).lossAndGradient(params, at(t), g);
      });
      const reported = result.metaLosses.slice(1).reduce((sum, loss) => sum + loss, 0);
      // float32 parameters against float64
      expect(Math.abs(reported / metaLoss - 1)).toBeLessThan(1e-5);

      const along = (weights: Float64Array): number =>
        run(weights, (t, params) =>
          plain.lossAndGradient(
            params.map((entry, i) => entry + ascents[t - 1]![i]!),
            at(t),
            new Float64Array(SIZE),
          ),
        );
      expectDerivative(result.metaGradient, phi, 2e-5, along);
    },
  );

  /** GSAM and GAM are fields: in the meta-loss what they give for a gradient is a cotangent, taken as it is. */
  it.each([
    ["GSAM", gsam({ rho: 0.3, alpha: 0.4 }), "same"],
    ["GSAM on fresh minibatches", gsam({ rho: 0.3, alpha: 0.4 }), "fresh"],
    ["GAM", gam({ rho: 0.2, alpha: 0.7 }), "same"],
    ["GAM on fresh minibatches", gam({ rho: 0.2, alpha: 0.7 }), "fresh"],
  ] as const)(
    "with %s is the derivative of Σ r_t·w_t(φ) in φ, the regularized gradients r_t held constant",
    (_what, regularizer, batch) => {
      const result = runnerOf({ with: regularizer, metaLossBatch: batch }).window(metaParams, start);
      const run = unrolled(start);
      const at = batchesOf(start, batch);
      const phi = Float64Array.from(metaParams);
      const cotangents: Float64Array[] = [];
      const metaLoss = run(phi, (t, params) => {
        const r = new Float64Array(SIZE);
        cotangents.push(r);
        return regularizer.apply(hilly.objective()).lossAndGradient(params, at(t), r);
      });
      const reported = result.metaLosses.slice(1).reduce((sum, loss) => sum + loss, 0);
      expect(Math.abs(reported / metaLoss - 1)).toBeLessThan(1e-5);
      // Hessian-vector products by differences in float32, within 8e-3 of exact ones along any direction
      const tolerance = regularizer.name === "gam" ? 1e-3 : 2e-5;
      expectDerivative(result.metaGradient, phi, tolerance, (weights) =>
        run(weights, (t, params) => dot(cotangents[t - 1]!, params)),
      );
    },
  );

  it("with SAM's ρ = 0 equals the plain one bit for bit", () => {
    for (const metaLossBatch of ["same", "fresh"] as const) {
      const plain = runnerOf({ metaLossBatch }).window(metaParams, start);
      const zero = runnerOf({ metaLossBatch, with: sam({ rho: 0 }) }).window(metaParams, start);
      expect({ ...zero, gradientEvaluations: 0 }).toEqual({ ...plain, gradientEvaluations: 0 });
    }
  });

  it("takes the plain steps whatever the meta-loss is", () => {
    const plain = runnerOf().window(metaParams, start);
    const regularized = runnerOf({ with: sam({ rho: 0.3 }), metaLossBatch: "fresh" }).window(
      metaParams,
      start,
    );
    expect(regularized.instance).toEqual(plain.instance);
    expect(regularized.losses).toEqual(plain.losses);
    expect(regularized.metaGradient).not.toEqual(plain.metaGradient);
  });
});

describe("a window", () => {
  it("spends one gradient a point where the plain gradient serves as cotangent, and SAM one more", () => {
    const points = TRUNCATION + 1;
    const spent = (changes: Parameters<typeof runnerOf>[0]): number =>
      runnerOf(changes).window(metaParams, start).gradientEvaluations;
    expect(spent({})).toBe(points);
    expect(spent({ with: sam() })).toBe(2 * points);
    expect(spent({ metaLossBatch: "fresh" })).toBe(2 * points);
    expect(spent({ metaLossBatch: "fresh", with: sam() })).toBe(3 * points);
  });

  it("gives the same bits with activations stored and recomputed", () => {
    const stored = runnerOf({ activations: "stored" }).window(metaParams, start);
    expect(runnerOf({ activations: "recomputed" }).window(metaParams, start)).toEqual(stored);
  });

  it("takes the steps of the optimizer in use", () => {
    const arena = openArena();
    const optimizer = optimizerOf(learned, metaParams);
    const params = arena.float32(SIZE);
    const gradient = arena.float32(SIZE);
    const { init, batches } = instanceKeys(start.key);
    hilly.init(init, params);
    const state = optimizer.init(hilly.layout, { arena });
    for (let step = 0; step < start.step; step++) {
      hilly.objective().lossAndGradient(params, foldIn(batches, step), gradient);
      optimizer.step(params, gradient, state);
    }
    expect(start.params).toEqual(new Float32Array(params));
    expect(start.optimizer).toEqual(
      Object.fromEntries(
        Object.entries(state.vectors).map(([name, vector]) => [name, new Float32Array(vector)]),
      ),
    );
  });

  it.each([
    ["loss", (g: Float32Array) => [g, NaN]],
    ["loss that is infinite", (g: Float32Array) => [g, Infinity]],
    ["gradient", (g: Float32Array) => [g.fill(NaN), 1]],
  ] as const)("reports a %s that is not finite, and the next window is sound", (_what, spoil) => {
    let broken = true;
    const task = defineTask({
      name: "fragile",
      layout: SIZE,
      lossAndGradient(w, batch, g) {
        const loss = hilly.objective().lossAndGradient(w, batch, g);
        return broken ? (spoil(g as Float32Array)[1] as number) : loss;
      },
    });
    const runner = runnerOf({ tasks: [task] });
    expect(runner.window(metaParams, { task: 0, key: key(2), step: 0 }).diverged).toBe(true);
    broken = false;
    const sound = runner.window(metaParams, { task: 0, key: key(2), step: 0 });
    expect(sound.diverged).toBe(false);
    expect(sound.instance).toEqual(start);
  });
});
