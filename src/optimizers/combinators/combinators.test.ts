import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openArena } from "../../kernels/module.ts";
import { type Layout, layoutOf } from "../../kernels/types.ts";
import { norm } from "../../kernels/vector.ts";
import { lstm } from "../../learned/lstm.ts";
import { optimizerOf } from "../../learned/types.ts";
import { key, normal } from "../../random/key.ts";
import { buildSpec } from "../../spec.ts";
import { checkOptimizer } from "../../testing/check-optimizer.ts";
import { adam, adamw, momentum, sgd } from "../first-order.ts";
import { soap } from "../soap.ts";
import type { Optimizer } from "../types.ts";
import { clip } from "./clip.ts";
import { combine } from "./combinator.ts";
import { decay } from "./decay.ts";
import { mask } from "./mask.ts";
import { project } from "./project.ts";
import { combinators } from "./registry.ts";
import { cosine, cosPi, linear, scaleBy, warmup } from "./schedules.ts";

const layout = layoutOf([
  { name: "dense0.w", shape: [2, 3] },
  { name: "dense0.b", shape: [2], kind: "bias" },
  { name: "dense1.w", shape: [1, 2] },
]);
const plain = sgd({ lr: 1 });

/** Where the steps on these gradients lead, in float64. */
function run(
  optimizer: Optimizer,
  start: readonly number[],
  gradients: readonly (readonly number[])[],
  { horizon, of = layoutOf([{ name: "w", shape: [start.length] }]) }: { horizon?: number; of?: Layout } = {},
): number[][] {
  const params = Float64Array.from(start);
  const state = optimizer.init(of, { horizon });
  return gradients.map((gradient) => {
    optimizer.step(params, Float64Array.from(gradient), state);
    return [...params];
  });
}

/** The factors of a schedule: the steps of plain descent on a gradient of −1. */
function factorsOf(optimizer: Optimizer, count: number, horizon?: number): number[] {
  const points = run(optimizer, [0], Array(count).fill([-1]), { ...(horizon !== undefined && { horizon }) });
  return points.map(([point], i) => point! - (points[i - 1]?.[0] ?? 0));
}

function draw(length: number, seed: number): Float32Array {
  const out = new Float32Array(length);
  normal(key(seed), out);
  return out;
}

const specs: Readonly<Record<string, string>> = {
  clip: "clip:norm=1,value=0.5",
  warmup: "warmup:steps=3",
  scale: "scale:by=0.5",
  cosine: "cosine:warmup=2,end=0.1",
  project: "project:onto=ball,radius=2",
};
const learned = lstm({ hidden: 4 });
const metaParams = new Float32Array(learned.layout.size);
learned.init(key(1), metaParams);
const insides: readonly [string, () => Optimizer][] = [
  ["sgd", () => sgd()],
  ["adamw", () => adamw()],
  ["soap", () => soap()],
  ["a learned optimizer", () => optimizerOf(learned, metaParams)],
];

describe.each(Object.keys(combinators))("%s", (name) => {
  const combinator = buildSpec(specs[name] ?? name, "combinator", combinators);

  it.each(insides)("keeps the promises of an optimizer around %s", (_name, inner) => {
    checkOptimizer(combinator(inner()));
  });

  it("keeps the state of the optimizer inside under its names", () => {
    const state = combinator(adam()).init(layout, { horizon: 10 });
    expect(Object.keys(state.vectors)).toEqual(["mu", "nu"]);
    expect(state).toMatchObject({ step: 0, horizon: 10 });
  });

  it("says what it reads and how it is set beside what the optimizer inside says", () => {
    const wrapped = combinator(adamw({ lr: 0.5 }));
    expect(wrapped.name).toBe(`adamw+${name}`);
    expect(wrapped.reads.params).toBe(true);
    expect(wrapped.settings).toMatchObject({ lr: 0.5 });
    expect(Object.keys(wrapped.settings).some((key) => key.startsWith(`${name}.`))).toBe(true);
  });
});

describe("combine", () => {
  it("keeps the promises of an optimizer with all combinators at once, however they are ordered", () => {
    const all = [
      clip({ norm: 1 }),
      decay({ rate: 0.01 }),
      mask(),
      warmup({ steps: 2 }),
      cosine(),
      linear(),
      project(),
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 2 }), (some) => {
        checkOptimizer(combine(momentum(), ...some));
      }),
      { numRuns: 20 },
    );
  });

  it("wraps the first combinator innermost", () => {
    // decay is scaled by the schedule around it, and not by the one inside
    const half = linear({ warmup: 2, steps: 100 });
    expect(run(combine(plain, decay({ rate: 0.5 }), half), [8], [[0]])).toEqual([[6]]);
    expect(run(combine(plain, half, decay({ rate: 0.5 })), [8], [[0]])).toEqual([[4]]);
  });
});

describe("schedules", () => {
  it("rise over the warm-up and fall over the rest of the training", () => {
    const expected = [0.5, 1, 1, (2 + Math.SQRT2) / 4, 0.5, (2 - Math.SQRT2) / 4];
    // sums of seven numbers below 4
    factorsOf(cosine({ warmup: 2 })(plain), 6, 6).forEach((factor, i) => {
      expect(Math.abs(factor - expected[i]!)).toBeLessThan(1e-14);
    });
    const line = factorsOf(linear({ end: 0.2 })(plain), 4, 4);
    [1, 0.8, 0.6, 0.4].forEach((factor, i) => {
      expect(Math.abs(line[i]! - factor)).toBeLessThan(1e-14);
    });
    expect(factorsOf(warmup({ steps: 4 })(plain), 6)).toEqual([0.25, 0.5, 0.75, 1, 1, 1]);
    expect(factorsOf(scaleBy({ by: 2.5 })(plain), 2)).toEqual([2.5, 2.5]);
  });

  it("take a warm-up below 1 as a share of the training", () => {
    const [share, steps] = [cosine({ warmup: 0.3 })(plain), cosine({ warmup: 3 })(plain)];
    expect(factorsOf(share, 10, 10)).toEqual(factorsOf(steps, 10, 10));
    expect(factorsOf(linear({ warmup: 0.25, steps: 8 })(plain), 2)).toEqual([0.5, 1]);
  });

  it("stay where they ended", () => {
    expect(factorsOf(linear({ steps: 2, end: 0.25 })(plain), 5).slice(2)).toEqual([0.25, 0.25, 0.25]);
    expect(factorsOf(cosine({ warmup: 3, end: 0.5 })(plain), 4, 2).at(-1)).toBe(0.5);
  });

  it("need the length of the training, or one of their own", () => {
    expect(() => cosine()(plain).init(layout)).toThrow("give init a horizon, or write cosine:steps=1000");
    expect(cosine()(plain).reads.horizon).toBe(true);
    const own = cosine({ steps: 10 })(plain);
    expect(own.reads.horizon).toBeUndefined();
    expect(own.init(layout).step).toBe(0);
  });

  it("know the cosine to 1e-15", () => {
    for (let i = 0; i <= 1000; i++) {
      expect(Math.abs(cosPi(i / 1000) - Math.cos((Math.PI * i) / 1000))).toBeLessThan(1e-15);
    }
  });
});

describe("clip", () => {
  it("shortens a gradient that is longer than the norm, and leaves others alone", () => {
    expect(run(clip({ norm: 2.5 })(plain), [0, 0], [[3, 4]])).toEqual([[-1.5, -2]]);
    expect(run(clip({ norm: 5 })(plain), [0, 0], [[3, 4]])).toEqual([[-3, -4]]);
  });

  it("limits entries", () => {
    expect(run(clip({ value: 2 })(plain), [0, 0, 0], [[3, -4, 1]])).toEqual([[-2, 2, -1]]);
  });

  it("refuses to limit nothing", () => {
    expect(() => clip()).toThrow("clip has no limit; write clip:norm=1 or clip:value=1");
  });
});

describe("decay", () => {
  const start = [8, 8, 8, 8, 8, 8, 8, 8, 8, 8];
  const still = [Array(10).fill(0)];

  it("takes its share of weights, not of biases, unless all are asked for", () => {
    const weights = run(decay({ rate: 0.25 })(plain), start, still, { of: layout })[0]!;
    expect(weights).toEqual([6, 6, 6, 6, 6, 6, 8, 8, 6, 6]);
    const all = run(decay({ rate: 0.25, slots: "all" })(plain), start, still, { of: layout })[0]!;
    expect(all).toEqual(Array(10).fill(6));
  });

  it("is AdamW's where its rate is the learning rate times AdamW's", () => {
    const gradients = Array.from({ length: 5 }, (_, t) => [...draw(10, t)]);
    const own = run(decay({ rate: 0.01 * 0.3, slots: "all" })(adam({ lr: 0.01 })), start, gradients);
    expect(own).toEqual(run(adamw({ lr: 0.01, decay: 0.3 }), start, gradients));
  });
});

describe("mask", () => {
  const gradient = [Array(10).fill(1)];
  it.each([
    ["biases", { train: "biases" }, [0, 0, 0, 0, 0, 0, 1, 1, 0, 0]],
    ["names", { train: "dense1.*|dense0.b" }, [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]],
    ["all but some", { freeze: "dense0.w" }, [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]],
    ["some but some", { train: "weights", freeze: "dense1.w" }, [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]],
  ])("trains parameters by %s", (_how, options, trained) => {
    const [point] = run(mask(options)(plain), Array(10).fill(1), gradient, { of: layout });
    expect(point).toEqual(trained.map((moved) => 1 - moved));
  });

  it("hides the gradients of frozen parameters from what is inside", () => {
    const masked = mask({ freeze: "dense0.*" })(clip({ norm: 1 })(plain));
    const steep = [9, 9, 9, 9, 9, 9, 9, 9, 0.5, 0];
    expect(run(masked, Array(10).fill(0), [steep], { of: layout })[0]!.slice(8)).toEqual([-0.5, 0]);
  });

  it("refuses names of no parameters, and to train nothing", () => {
    expect(() => mask({ train: "dense7.w" })(plain).init(layout)).toThrow(
      'no parameters are called "dense7.w"; write all, weights, biases, or names of dense0.w, dense0.b, dense1.w',
    );
    expect(() => mask({ freeze: "all" })(plain).init(layout)).toThrow("leaves nothing to train");
  });
});

describe("project", () => {
  const points = fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 20 });
  const cases = fc.record({ start: points, seed: fc.nat(), radius: fc.constantFrom(0.1, 1, 30) });
  /** Rounding of w + (P − w) in float32, for entries up to 200 and as many as 20. */
  const rounding = 200 * 2 ** -24 * 20;

  it.each(["box", "ball", "simplex"] as const)(
    "leads onto the %s, and nearer than any other point",
    (onto) => {
      fc.assert(
        fc.property(cases, ({ start, seed, radius }) => {
          const optimizer = project({ onto, min: -radius, max: radius, radius })(sgd({ lr: 1 }));
          const one = layoutOf([{ name: "w", shape: [start.length] }]);
          const params = Float32Array.from(start);
          const gradient = draw(start.length, seed);
          const wanted = params.map((entry, i) => entry - gradient[i]!);
          optimizer.step(params, gradient, optimizer.init(one));
          const sum = params.reduce((total, entry) => total + entry, 0);
          if (onto === "box")
            for (const entry of params) expect(Math.abs(entry)).toBeLessThan(radius + rounding);
          if (onto === "ball") expect(norm(params)).toBeLessThan(radius + rounding);
          if (onto === "simplex") {
            expect(Math.min(...params)).toBeGreaterThan(-rounding);
            expect(Math.abs(sum - radius)).toBeLessThan(rounding);
          }
          // the projection p of x onto a convex set: (x − p)·(c − p) ≤ 0 for every c of it; p is known to `rounding`, and
          // the other factors are no longer than 400 each
          const corner = params.map(() => 0);
          corner[seed % corner.length] = radius;
          const angle = params.reduce((total, p, i) => total + (wanted[i]! - p) * (corner[i]! - p), 0);
          expect(angle).toBeLessThan(rounding * 400);
        }),
      );
    },
  );

  it("leaves the bits of steps inside the set alone", () => {
    const [free, bound] = [draw(37, 1), draw(37, 1)];
    const one = layoutOf([{ name: "w", shape: [37] }]);
    const wide = project({ min: -100, max: 100 })(plain);
    plain.step(free, draw(37, 2), plain.init(one));
    wide.step(bound, draw(37, 2), wide.init(one));
    expect(bound).toEqual(free);
  });

  it("constrains each tensor that it names by itself", () => {
    const optimizer = project({ onto: "ball", radius: 1, slots: "dense0.b|dense1.w" })(plain);
    const [point] = run(optimizer, [3, 4, 3, 4, 3, 4, 3, 4, 0, 5], [Array(10).fill(0)], { of: layout });
    point!.forEach((entry, i) => {
      expect(Math.abs(entry - [3, 4, 3, 4, 3, 4, 0.6, 0.8, 0, 1][i]!)).toBeLessThan(1e-15);
    });
  });

  it("refuses an empty box", () => {
    expect(() => project({ min: 2, max: 1 })).toThrow("min 2 above max 1");
  });
});

describe("a combined optimizer in kernel memory", () => {
  it("gives the bits of one outside, for every tail and slot", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(),
        (a, b, seed) => {
          const two = layoutOf([
            { name: "w", shape: [a] },
            { name: "b", shape: [b], kind: "bias" },
          ]);
          const optimizer = combine(
            adam({ lr: 0.1 }),
            clip({ norm: 1, value: 0.7 }),
            decay({ rate: 0.1 }),
            cosine({ warmup: 1 }),
            project({ onto: "ball", radius: 2, slots: "b" }),
          );
          const arena = openArena();
          try {
            const inside = arena.float32(two.size);
            inside.set(draw(two.size, seed));
            const outside = draw(two.size, seed);
            const states = [0, 1].map(() => optimizer.init(two, { arena, horizon: 4 }));
            for (let t = 0; t < 4; t++) {
              const gradient = arena.float32(two.size);
              gradient.set(draw(two.size, seed + t));
              optimizer.step(inside, gradient, states[0]!);
              optimizer.step(outside, gradient.slice(), states[1]!);
            }
            expect(inside.slice()).toEqual(outside);
          } finally {
            arena.close();
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
