import { describe, expect, it } from "vitest";
import { openArena } from "../../kernels/module.ts";
import { dot, norm } from "../../kernels/vector.ts";
import { lstm } from "../../learned/lstm.ts";
import { referenceStates, referenceStep } from "../../learned/lstm-reference.ts";
import { optimizerOf } from "../../learned/types.ts";
import { foldIn, type Key, key, normal } from "../../random/key.ts";
import { asam } from "../../regularizers/asam.ts";
import { gam } from "../../regularizers/gam.ts";
import { gradientNorm } from "../../regularizers/gradient-norm.ts";
import { gsam } from "../../regularizers/gsam.ts";
import { maxLoss } from "../../regularizers/max-loss.ts";
import { noise as noiseAveraged } from "../../regularizers/noise.ts";
import { noRegularizer } from "../../regularizers/registry.ts";
import { sam } from "../../regularizers/sam.ts";
import type { Regularizer } from "../../regularizers/types.ts";
import { weighted } from "../../regularizers/weighted.ts";
import { defineTask } from "../../tasks/define.ts";
import { familyOf } from "../../tasks/family.ts";
import type { Task } from "../../tasks/types.ts";
import { drawKeys, type InnerProblem } from "../rollout.ts";
import type { Estimate, Instance } from "../types.ts";
import { bptt } from "./bptt.ts";

// two whole tiles of 16 coordinates and a part of one
const SIZE = 37;
const TRUNCATION = 5;
const HORIZON = 50;
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

interface Changes {
  readonly with?: Regularizer;
  readonly batches?: "train" | "fresh";
  readonly task?: Task;
  readonly activations?: "stored" | "recomputed";
}

function estimatorOf({
  with: regularizer = noRegularizer,
  batches = "train",
  task = hilly,
  activations,
}: Changes = {}) {
  const problem: InnerProblem = {
    families: [familyOf(task)],
    learned,
    regularizer: regularizer.apply,
    objective: { batches, over: "sum", normalize: "none" },
    ...(activations && { activations }),
  };
  const opened = bptt({ truncation: TRUNCATION }).open(problem);
  const context = {
    stage: 0,
    next: () => {
      throw new Error("a window of backpropagation ends with its training");
    },
  };
  return (instance: Instance): Estimate => opened.estimate(metaParams, instance, context);
}

const metaParams = new Float32Array(learned.layout.size);
learned.init(key(1), metaParams);
const first: Instance = {
  index: 0,
  number: 0,
  draw: { task: 0, key: key(2), horizon: HORIZON, start: 0 },
  runs: [],
  tensors: {},
};
// a later window: the state is not zero
const start = estimatorOf()(first).instance;
const [begun] = start.runs;

/** Plain gradients of the unperturbed run at the points where the optimizer saw them, in float64. */
function inputGradients(): { warm: Float64Array[]; window: Float64Array[]; from: Float64Array } {
  const { init, batches } = drawKeys(start.draw.key);
  const params = new Float64Array(SIZE);
  hilly.init(init, params);
  const states = referenceStates(SIZE, settings.hidden);
  const all: Float64Array[] = [];
  let from = params.slice();
  for (let step = 0; step < begun!.step + TRUNCATION; step++) {
    if (step === begun!.step) from = params.slice();
    const gradient = new Float64Array(SIZE);
    hilly.objective().lossAndGradient(params, foldIn(batches, step), gradient);
    all.push(gradient);
    referenceStep(metaParams, gradient, states, settings).forEach((u, i) => {
      params[i]! += u;
    });
  }
  return { warm: all.slice(0, begun!.step), window: all.slice(begun!.step), from };
}

/** The window in float64 with its input gradients held constant: (φ, each) → Σ of `each` over the points after each step. */
function unrolled() {
  const { warm, window, from } = inputGradients();
  const states = referenceStates(SIZE, settings.hidden);
  for (const gradient of warm) referenceStep(metaParams, gradient, states, settings);
  return (phi: Float64Array, each: (t: number, params: Float64Array) => number): number => {
    const copies = structuredClone(states);
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

/** Keys of the minibatches that the meta-objective is taken on. */
function batchesOf(batches: "train" | "fresh"): (t: number) => Key {
  const keys = drawKeys(start.draw.key);
  return (t) => foldIn(batches === "fresh" ? keys.fresh : keys.batches, begun!.step + t);
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
    ["plain", noRegularizer, "train"],
    ["with SAM", sam({ rho: 0.3 }), "train"],
    ["on fresh minibatches", noRegularizer, "fresh"],
    ["with SAM on fresh minibatches", sam({ rho: 0.3 }), "fresh"],
  ] as const)(
    "is the derivative of the meta-objective in φ, input gradients held constant: %s",
    (_what, regularizer, batches) => {
      const result = estimatorOf({ with: regularizer, batches })(start);
      const run = unrolled();
      const at = batchesOf(batches);

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
      // float32 parameters against float64
      expect(Math.abs((result.metaLoss! * TRUNCATION) / metaLoss - 1)).toBeLessThan(1e-5);

      const along = (weights: Float64Array): number =>
        run(weights, (t, params) =>
          plain.lossAndGradient(
            params.map((entry, i) => entry + ascents[t - 1]![i]!),
            at(t),
            new Float64Array(SIZE),
          ),
        );
      expectDerivative(result.gradient, phi, 2e-5, along);
    },
  );

  /** GSAM and GAM are fields, and others hold a direction: in the meta-objective what they give for a gradient is a cotangent, taken as it is. */
  it.each([
    ["GSAM", gsam({ rho: 0.3, alpha: 0.4 }), "train"],
    ["GSAM on fresh minibatches", gsam({ rho: 0.3, alpha: 0.4 }), "fresh"],
    ["GAM", gam({ rho: 0.2, alpha: 0.7 }), "train"],
    ["GAM on fresh minibatches", gam({ rho: 0.2, alpha: 0.7 }), "fresh"],
    ["ASAM", asam({ rho: 0.3 }), "train"],
    ["noise on fresh minibatches", noiseAveraged({ rho: 0.3 }), "fresh"],
    ["the gradient norm", gradientNorm({ alpha: 0.3 }), "train"],
    ["PGA", maxLoss({ rho: 0.3 }), "train"],
    ["half of SAM", weighted(sam({ rho: 0.3 }), 0.5), "train"],
  ] as const)(
    "with %s is the derivative of Σ r_t·w_t(φ) in φ, the regularized gradients r_t held constant",
    (_what, regularizer, batches) => {
      const result = estimatorOf({ with: regularizer, batches })(start);
      const run = unrolled();
      const at = batchesOf(batches);
      const phi = Float64Array.from(metaParams);
      const cotangents: Float64Array[] = [];
      const metaLoss = run(phi, (t, params) => {
        const r = new Float64Array(SIZE);
        cotangents.push(r);
        return regularizer.apply(hilly.objective()).lossAndGradient(params, at(t), r);
      });
      expect(Math.abs((result.metaLoss! * TRUNCATION) / metaLoss - 1)).toBeLessThan(1e-5);
      // Hessian-vector products by differences in float32, within 8e-3 of exact ones along any direction
      const tolerance = ["gam", "gradient-norm"].includes(regularizer.name) ? 1e-3 : 2e-5;
      expectDerivative(result.gradient, phi, tolerance, (weights) =>
        run(weights, (t, params) => dot(cotangents[t - 1]!, params)),
      );
    },
  );

  it("with SAM's ρ = 0 equals the plain one bit for bit", () => {
    for (const batches of ["train", "fresh"] as const) {
      const plain = estimatorOf({ batches })(start);
      const zero = estimatorOf({ batches, with: sam({ rho: 0 }) })(start);
      expect({ ...zero, gradientEvaluations: 0 }).toEqual({ ...plain, gradientEvaluations: 0 });
    }
  });

  it("takes the plain steps whatever the meta-objective is", () => {
    const plain = estimatorOf()(start);
    const regularized = estimatorOf({ with: sam({ rho: 0.3 }), batches: "fresh" })(start);
    const [a, b] = [plain.instance.runs[0]!, regularized.instance.runs[0]!];
    expect([b.params, b.optimizer]).toEqual([a.params, a.optimizer]);
    expect(regularized.gradient).not.toEqual(plain.gradient);
  });
});

describe("a window", () => {
  it("evaluates each gradient once: what its last point knows serves the next window", () => {
    const spent = (changes: Changes): number => estimatorOf(changes)(start).gradientEvaluations;
    expect(spent({})).toBe(TRUNCATION);
    expect(spent({ with: sam() })).toBe(2 * TRUNCATION);
    const fresh = estimatorOf({ batches: "fresh" });
    expect(fresh(fresh(first).instance).gradientEvaluations).toBe(2 * TRUNCATION);
    const both = estimatorOf({ batches: "fresh", with: sam() });
    expect(both(both(first).instance).gradientEvaluations).toBe(3 * TRUNCATION);
  });

  it("gives the same bits with activations stored and recomputed", () => {
    const stored = estimatorOf({ activations: "stored" })(start);
    expect(estimatorOf({ activations: "recomputed" })(start)).toEqual(stored);
  });

  it("takes the steps of the optimizer in use", () => {
    const arena = openArena();
    const optimizer = optimizerOf(learned, metaParams);
    const params = arena.float32(SIZE);
    const gradient = arena.float32(SIZE);
    const { init, batches } = drawKeys(start.draw.key);
    hilly.init(init, params);
    const state = optimizer.init(hilly.layout, { arena });
    for (let step = 0; step < begun!.step; step++) {
      hilly.objective().lossAndGradient(params, foldIn(batches, step), gradient);
      optimizer.step(params, gradient, state);
    }
    expect(begun!.params).toEqual(new Float32Array(params));
    expect(begun!.optimizer).toEqual(
      Object.fromEntries(
        Object.entries(state.vectors).map(([name, vector]) => [name, new Float32Array(vector)]),
      ),
    );
  });

  it("ends its training at the horizon, so much earlier as it was staggered", () => {
    const estimate = estimatorOf();
    const at = (start: number) => estimate({ ...first, draw: { ...first.draw, horizon: 10, start } });
    expect(at(0).done).toBe(false);
    expect(estimate(at(0).instance)).toMatchObject({ done: true, instance: { runs: [] } });
    expect(at(5)).toMatchObject({ done: true, instance: { runs: [] } });
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
    const estimate = estimatorOf({ task });
    expect(estimate(first).diverged).toBe(true);
    broken = false;
    const sound = estimate(first);
    expect(sound.diverged).toBe(false);
    expect(sound.instance).toEqual(start);
  });
});
