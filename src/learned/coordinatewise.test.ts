import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { kernels, openArena, openKernels } from "../kernels/module.ts";
import { layoutOf } from "../kernels/types.ts";
import { key, normal } from "../random/key.ts";
import { lstm } from "./lstm.ts";
import { type ReferenceState, referenceStates, referenceStep } from "./lstm-reference.ts";
import { rnnprop } from "./rnnprop.ts";
import { type Activations, type Adjoints, type BackpropagatingOptimizer, optimizerOf } from "./types.ts";

const arena = openArena();
afterAll(() => arena.close());

const hidden = 8;
const lstmSettings = { hidden, k: 5, scale: 0.01 };
const rnnpropSettings = { hidden, b1: 0.95, b2: 0.95, eps: 1e-8, scale: 0.01 };
const architectures = [
  // rows of a tile's state before h1: x; m, v and x
  { name: "lstm", learned: lstm(lstmSettings), settings: lstmSettings, head: 2 },
  { name: "rnnprop", learned: rnnprop(rnnpropSettings), settings: rnnpropSettings, head: 2 + hidden },
] as const;

const vectorLayout = (size: number) => layoutOf([{ name: "w", shape: [size] }]);

function draw(length: number, seed: number, stddev = 1): Float32Array {
  const out = arena.float32(length);
  normal(key(seed), out, { stddev });
  return out;
}

/** Gradients over many orders of magnitude, both branches of LogAndSign. */
function gradients(length: number, seed: number): Float32Array {
  const out = draw(length, seed);
  for (let i = 0; i < length; i++) out[i] = out[i]! * 10 ** -(i % 6);
  return out;
}

function metaParamsOf(learned: BackpropagatingOptimizer, seed = 1): Float32Array {
  const phi = arena.float32(learned.layout.size);
  learned.init(key(seed), phi);
  return phi;
}

/** A window from a state that is not zero, and what it was run on. */
function runWindow(
  learned: BackpropagatingOptimizer,
  options: { size: number; window: number; activations?: Activations; parts?: number },
) {
  const { size, window, activations = "stored", parts = 1 } = options;
  const metaParams = metaParamsOf(learned, 4);
  const optimizer = optimizerOf(learned, metaParams, arena);
  const state = optimizer.init(vectorLayout(size), { arena });
  const params = draw(size, 2);
  const inputs = Array.from({ length: 2 + window }, (_, t) => gradients(size, 20 + t));
  for (const g of inputs.slice(0, 2)) optimizer.step(params, g, state);
  const points = draw(size * window, 7);
  const copy = points.slice();
  const metaGradients: Float32Array[] = [];
  const length = window / parts;
  const unrolls = Array.from({ length: parts }, (_, part) => {
    const unroll = learned.unroll({ size, window: length, activations, arena });
    unroll.begin(metaParams, state);
    for (let t = 0; t < length; t++) unroll.step(params, inputs[2 + part * length + t]!);
    return unroll;
  });
  let adjoints: Adjoints = unrolls[0]!.adjoints(arena);
  for (let part = parts - 1; part >= 0; part--) {
    const before = unrolls[part]!.adjoints(arena);
    const metaGradient = arena.float32(learned.layout.size);
    const own = points.subarray(part * length * size, (part + 1) * length * size);
    unrolls[part]!.backward(own, metaGradient, { after: adjoints, before });
    metaGradients.push(metaGradient);
    adjoints = before;
  }
  const metaGradient = learned.layout.size;
  return {
    ...{ metaParams, inputs, points: copy, params, adjoints },
    metaGradient: Float32Array.from({ length: metaGradient }, (_, i) =>
      metaGradients.reduce((sum, part) => sum + part[i]!, 0),
    ),
  };
}

const bits = (x: Float32Array): Float32Array => new Float32Array(x);

describe("the coordinate-wise optimizers", () => {
  it("have 5,141 and 6,641 weights at 20 units", () => {
    expect(lstm().layout.size).toBe(5141);
    expect(rnnprop().layout.size).toBe(6641);
    expect(
      rnnprop()
        .layout.slots.slice(0, 3)
        .map(({ name, shape }) => [name, ...shape]),
    ).toEqual([
      ["input.w", 2, 20],
      ["input.b", 20],
      ["lstm.0.w_gates", 40, 80],
    ]);
  });

  it.each([lstm(), rnnprop()])(
    "$name draws initial weights within two deviations of 1/√fan-in",
    (learned) => {
      const phi = metaParamsOf(learned, 3);
      for (const { name, offset, size, shape } of learned.layout.slots) {
        if (size < 20 || shape.length < 2) continue;
        const largest = Math.max(...phi.subarray(offset, offset + size).map(Math.abs));
        expect(largest, name).toBeLessThanOrEqual(2 / Math.sqrt(shape[0]!));
        expect(largest, name).toBeGreaterThan(1 / Math.sqrt(shape[0]!));
      }
    },
  );

  it("refuse settings out of their range", () => {
    expect(() => lstm({ k: 2.5 })).toThrow(
      "k of learned optimizer lstm must be an integer ≥ 1 and ≤ 20, not 2.5",
    );
    expect(() => lstm({ hidden: 0 })).toThrow("hidden of learned optimizer lstm");
    expect(() => lstm({ scale: -1 })).toThrow("scale of learned optimizer lstm must be a number > 0");
    expect(() => lstm({ hidden: 10 })).toThrow("no multiple of 4; use 12");
    expect(() => rnnprop({ b1: 1 })).toThrow("b1 of learned optimizer rnnprop");
    expect(() => rnnprop({ hidden: 6 })).toThrow("rnnprop: hidden is 6");
  });
});

describe.each(architectures)("$name in use", ({ learned, settings }) => {
  it("updates any number of coordinates as the float64 reference does, over several steps", () => {
    const phi = metaParamsOf(learned);
    const optimizer = optimizerOf(learned, phi, arena);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), (size) => {
        const state = optimizer.init(vectorLayout(size));
        const states = referenceStates(size, hidden);
        for (let t = 0; t < 4; t++) {
          const g = gradients(size, 10 + t);
          const update = arena.float32(size);
          optimizer.update(g, state, { params: g }, update);
          // float32 against float64 behind two layers: gates known to 1e-6, updates of 1e-2 at most
          referenceStep(phi, g, states, settings).forEach((u, i) => {
            expect(Math.abs(update[i]! - u)).toBeLessThan(3e-8);
          });
        }
      }),
      { numRuns: 12 },
    );
  });

  it("takes the step that it gives as an update, inside and outside kernel memory", () => {
    const optimizer = optimizerOf(learned, metaParamsOf(learned), arena);
    const layout = vectorLayout(37);
    const inside = draw(37, 2);
    const outside = bits(inside);
    const added = bits(inside);
    const update = new Float32Array(37);
    const [first, second, third] = [0, 1, 2].map(() => optimizer.init(layout)) as [never, never, never];
    for (let t = 0; t < 3; t++) {
      const g = gradients(37, t);
      optimizer.step(inside, g, first);
      optimizer.step(outside, bits(g), second);
      const before = bits(g);
      optimizer.update(before, third, { params: added }, update);
      update.forEach((u, i) => {
        added[i]! += u;
      });
      expect(before).toEqual(bits(g));
    }
    expect(outside).toEqual(bits(inside));
    expect(added).toEqual(bits(inside));
  });

  it("gives the same bits on one thread and on two", () => {
    // four tasks of 1,024 coordinates, the last one short
    const run = () => {
      const { params, metaGradient, adjoints } = runWindow(learned, { size: 3500, window: 3 });
      return [bits(params), metaGradient, bits(adjoints.vectors[learned.name]!)];
    };
    const alone = run();
    const { threads } = kernels();
    kernels().useThreads(2);
    try {
      expect(run()).toEqual(alone);
    } finally {
      kernels().useThreads(threads);
    }
  });

  it("answers a gradient that is not a number with such an update, and spares the other coordinates", () => {
    const optimizer = optimizerOf(learned, metaParamsOf(learned), arena);
    const [clean, spoilt] = [false, true].map((spoil) => {
      const params = draw(37, 2);
      const state = optimizer.init(vectorLayout(37), { arena });
      for (let t = 0; t < 2; t++) {
        const g = gradients(37, t);
        if (spoil && t === 0) g[5] = NaN;
        optimizer.step(params, g, state);
      }
      return bits(params);
    }) as [Float32Array, Float32Array];
    expect(spoilt[5]).toBeNaN();
    spoilt[5] = clean[5]!;
    expect(spoilt).toEqual(clean);
  });

  it("leaves what follows the parameters in memory alone", () => {
    const optimizer = optimizerOf(learned, metaParamsOf(learned), arena);
    const whole = draw(64, 5);
    const rest = whole.slice(21);
    optimizer.step(whole.subarray(0, 21), gradients(21, 1), optimizer.init(vectorLayout(21)));
    expect(whole.slice(21)).toEqual(rest);
  });

  it("needs no more memory when it is stepped on tensors of two sizes in turn", () => {
    const optimizer = optimizerOf(learned, metaParamsOf(learned), arena);
    const tensors = [37, 64].map((size) => ({
      params: new Float32Array(size),
      gradient: new Float32Array(size).fill(0.1),
      state: optimizer.init(vectorLayout(size), { arena }),
    }));
    const step = () => {
      for (const { params, gradient, state } of tensors) optimizer.step(params, gradient, state);
    };
    step();
    const before = kernels().memory.usedBytes;
    for (let t = 0; t < 20; t++) step();
    expect(kernels().memory.usedBytes).toBe(before);
  });

  it("refuses vectors of the wrong length or precision", () => {
    const optimizer = optimizerOf(learned, metaParamsOf(learned), arena);
    const state = optimizer.init(vectorLayout(32), { arena });
    const [right, short, long] = [32, 31, 64].map((n) => new Float32Array(n)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    expect(() => optimizer.step(right, short, state)).toThrow("gradients have 31 entries, not 32");
    expect(() => optimizer.step(long, long, state)).toThrow("params have 64 entries, not 32");
    expect(() => optimizer.update(right, state, { params: right }, short)).toThrow("updates have 31");
    expect(() => optimizer.step(new Float64Array(32), new Float64Array(32), state)).toThrow("float32");
    const other = { ...state, vectors: { [learned.name]: new Float32Array(16) } };
    expect(() => optimizer.step(right, right, other)).toThrow("states have 16 entries");
    expect(() => learned.open(arena).load(right)).toThrow("meta-parameters have 32 entries");
  });
});

describe.each(architectures)("$name backward through a window", ({ learned, settings, head }) => {
  const size = 37;
  const window = 6;

  /** Σ over the points of the window, whose last `window − t` see update t, by the reference in float64. */
  function metaLossOf(
    run: ReturnType<typeof runWindow>,
    phi: ArrayLike<number>,
    from: ReferenceState[],
  ): number {
    const states = structuredClone(from);
    const w = new Float64Array(size);
    let sum = 0;
    for (let t = 0; t < window; t++) {
      referenceStep(phi, run.inputs[2 + t]!, states, settings).forEach((u, i) => {
        w[i]! += u;
        sum += w[i]! * run.points[t * size + i]!;
      });
    }
    return sum;
  }

  function warm(run: ReturnType<typeof runWindow>): ReferenceState[] {
    const states = referenceStates(size, hidden);
    for (const g of run.inputs.slice(0, 2)) referenceStep(run.metaParams, g, states, settings);
    return states;
  }

  it("agrees with central differences of the reference in every weight", () => {
    const run = runWindow(learned, { size, window });
    const start = warm(run);
    const largest = Math.max(...run.metaGradient.map(Math.abs));
    expect(largest).toBeGreaterThan(1e-2);
    const phi = Float64Array.from(run.metaParams);
    for (let i = 0; i < phi.length; i += 5) {
      const value = phi[i]!;
      const [above, below] = [1e-5, -1e-5].map((step) => {
        phi[i] = value + step;
        return metaLossOf(run, phi, start);
      }) as [number, number];
      phi[i] = value;
      // float32 kernels against float64: relative to the largest entry
      expect(Math.abs(run.metaGradient[i]! - (above - below) / 2e-5)).toBeLessThan(5e-6 * largest);
    }
  });

  it("agrees with them in the state that the window started from", () => {
    const run = runWindow(learned, { size, window });
    const start = warm(run);
    const adjoints = run.adjoints.vectors[learned.name]!;
    const stateTile = adjoints.length / Math.ceil(size / 16);
    const largest = Math.max(...adjoints.map(Math.abs));
    expect(largest).toBeGreaterThan(1e-3);
    for (const coordinate of [0, 15, 16, 36]) {
      const { h, c } = start[coordinate]!;
      for (const [block, vector] of [...h, ...c].entries()) {
        for (let u = 0; u < hidden; u++) {
          const value = vector[u]!;
          const [above, below] = [1e-5, -1e-5].map((step) => {
            vector[u] = value + step;
            return metaLossOf(run, run.metaParams, start);
          }) as [number, number];
          vector[u] = value;
          const tile = Math.floor(coordinate / 16) * stateTile;
          const entry = adjoints[tile + 16 * (head + block * hidden + u) + (coordinate % 16)]!;
          expect(Math.abs(entry - (above - below) / 2e-5)).toBeLessThan(5e-6 * largest);
        }
      }
    }
    for (let i = 0; i < size; i++) {
      const sum = Array.from({ length: window }, (_, t) => run.points[t * size + i]!).reduce((a, b) => a + b);
      expect(run.adjoints.params[i]).toBeCloseTo(sum, 5);
    }
  });

  it("goes through a window in one, two or three parts: the same adjoints, and meta-gradients that add up", () => {
    const whole = runWindow(learned, { size, window });
    const largest = Math.max(...whole.metaGradient.map(Math.abs));
    for (const parts of [2, 3]) {
      const run = runWindow(learned, { size, window, parts });
      expect(bits(run.params)).toEqual(bits(whole.params));
      expect(bits(run.adjoints.params)).toEqual(bits(whole.adjoints.params));
      expect(bits(run.adjoints.vectors[learned.name]!)).toEqual(bits(whole.adjoints.vectors[learned.name]!));
      // sums of 222 products in another order: 222 roundings of 6e-8 at most, of terms no larger than the largest sum
      run.metaGradient.forEach((entry, i) => {
        expect(Math.abs(entry - whole.metaGradient[i]!)).toBeLessThan(222 * 6e-8 * largest);
      });
    }
  });

  it("gives the same bits from stored and from recomputed activations", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 7 }), (size, window) => {
        const stored = runWindow(learned, { size, window });
        const recomputed = runWindow(learned, { size, window, activations: "recomputed" });
        expect(recomputed.metaGradient).toEqual(stored.metaGradient);
        expect(bits(recomputed.adjoints.vectors[learned.name]!)).toEqual(
          bits(stored.adjoints.vectors[learned.name]!),
        );
      }),
      { numRuns: 12 },
    );
  });

  it("computes activations again where the arena has no room for them", () => {
    const small = openKernels({ memoryMiB: 64 });
    const options = { size: 12_800, window: 20, arena: small.arena() };
    expect(() => learned.unroll({ ...options, activations: "stored" })).toThrow("memory is full");
    const before = small.memory.freeBytes;
    for (let i = 0; i < 3; i++) learned.unroll({ ...options, activations: "auto" });
    expect(small.memory.freeBytes).toBeGreaterThan(before / 2);
    expect(small.memory.freeBytes).toBeLessThan(before - 3 * 4 * options.size * options.window);
  });

  it("refuses to go backward before the window is full, and vectors that do not fit", () => {
    const unroll = learned.unroll({ size: 16, window: 3, arena });
    const state = optimizerOf(learned, metaParamsOf(learned), arena).init(vectorLayout(16), { arena });
    const [w, g, points] = [draw(16, 1), draw(16, 2), draw(48, 3)];
    const out = arena.float32(learned.layout.size);
    expect(() => unroll.step(w, g)).toThrow("call begin");
    unroll.begin(metaParamsOf(learned), state);
    unroll.step(w, g);
    expect(() => unroll.backward(points, out)).toThrow("after 1 of 3 steps");
    expect(() => unroll.step(w, draw(15, 2))).toThrow("gradients have 15 entries, not 16");
    expect(() => unroll.step(bits(w), g)).toThrow("params lie outside kernel memory");
    unroll.step(w, g);
    unroll.step(w, g);
    expect(() => unroll.step(w, g)).toThrow("a window has 3 steps");
    expect(() => unroll.backward(draw(47, 3), out)).toThrow("points have 47 entries, not 48");
    const short = { params: w, vectors: { [learned.name]: draw(16, 1) } };
    expect(() => unroll.backward(points, out, { after: short })).toThrow("adjoints of the state have 16");
  });
});
