import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openArena } from "../kernels/module.ts";
import type { Vector } from "../kernels/types.ts";
import { norm } from "../kernels/vector.ts";
import { foldIn, key, normal } from "../random/key.ts";
import { checkVector } from "../tasks/check-vectors.ts";
import { completeObjective } from "../tasks/complete.ts";
import type { Objective } from "../tasks/types.ts";
import { checkRegularizer } from "../testing/check-regularizer.ts";
import { quarticObjective } from "../testing/quartic.ts";
import { asam } from "./asam.ts";
import { countGradients } from "./count.ts";
import { eigenvalue } from "./eigenvalue.ts";
import { gam } from "./gam.ts";
import { gamFd } from "./gam-fd.ts";
import { gradientNorm } from "./gradient-norm.ts";
import { gsam, gsamRho } from "./gsam.ts";
import { maxLoss } from "./max-loss.ts";
import { noise } from "./noise.ts";
import { defineRegularizer, makeRegularizer, regularizerNames } from "./registry.ts";
import { sam } from "./sam.ts";
import type { Regularizer } from "./types.ts";
import { weighted } from "./weighted.ts";

const batch = key(0);
const kinds = [
  ["float64", Float64Array],
  ["float32", Float32Array],
] as const;

function evaluate(objective: Objective, params: Vector): { loss: number; gradient: Vector } {
  const gradient = params.slice().fill(NaN);
  return { loss: objective.lossAndGradient(params, batch, gradient), gradient };
}

const numbers = (vector: Vector): number[] => Array.from(vector);
const inner = (x: readonly number[], y: readonly number[]): number =>
  x.reduce((sum, entry, i) => sum + entry * y[i]!, 0);
const plus = (x: readonly number[], a: number, y: readonly number[]): number[] =>
  x.map((entry, i) => entry + a * y[i]!);
const step = (rho: number, direction: readonly number[]): number[] => {
  const length = Math.sqrt(inner(direction, direction));
  return direction.map((entry) => (rho * entry) / length);
};

function expectClose(
  actual: Vector | readonly number[],
  expected: readonly number[],
  tolerance: number,
): void {
  const size = Math.sqrt(inner(expected, expected));
  const error = plus(Array.from(actual), -1, expected);
  expect(Math.sqrt(inner(error, error))).toBeLessThanOrEqual(tolerance * size);
}

const goldenMatrix = [
  [1, 0.5],
  [0.5, 10],
];
const goldenPoint = [1, -0.3];
const golden: readonly (readonly [Regularizer, readonly number[]])[] = [
  [makeRegularizer("none"), [1.85, -2.527]],
  [sam(), [1.9506133552, -2.9280965524]],
  [asam(), [4.4346533502, -2.9130658465]],
  [gsam(), [1.9044608592, -2.9588420123]],
  [gam(), [2.0970184473, -4.4597681501]],
  [gamFd(), [1.9499603554, -4.6362617742]],
];

describe.each(kinds)("golden numbers in %s", (_, kind) => {
  it.each(golden)("$name gives the independently computed gradient", (regularizer, expected) => {
    const { gradient } = evaluate(regularizer.apply(quarticObjective(goldenMatrix)), kind.from(goldenPoint));
    numbers(gradient).forEach((entry, i) => {
      expect(Math.abs(entry / expected[i]! - 1)).toBeLessThan(1e-6);
    });
  });

  it("SAM's loss is above the plain one by the surrogate gap", () => {
    const objective = quarticObjective(goldenMatrix);
    const params = kind.from(goldenPoint);
    const gap = evaluate(sam().apply(objective), params).loss - evaluate(objective, params).loss;
    expect(Math.abs(gap / 0.1661436541 - 1)).toBeLessThan(1e-6);
  });
});

it("GAM by central differences agrees with exact products to 1e-8 in float64 and 1e-3 in float32", () => {
  const objective = quarticObjective(goldenMatrix, { exactProducts: false });
  const regularized = gam().apply(objective);
  const expected = [2.0970184473, -4.4597681501];
  expectClose(evaluate(regularized, Float64Array.from(goldenPoint)).gradient, expected, 1e-8);
  expectClose(evaluate(regularized, Float32Array.from(goldenPoint)).gradient, expected, 1e-3);
});

/** The golden objective, its own vectors checked as those of a task are. */
function checked(): Objective {
  const inside = quarticObjective(goldenMatrix, { exactProducts: false });
  return completeObjective({
    layout: inside.layout,
    lossAndGradient(params, key, gradient) {
      checkVector("params", params, inside.layout);
      checkVector("gradient", gradient, inside.layout, params);
      return inside.lossAndGradient(params, key, gradient);
    },
  });
}

const registered = regularizerNames.map((name) => makeRegularizer(name));

it.each(registered)("$name gives the same bits inside and outside kernel memory", (regularizer) => {
  const objective = quarticObjective(goldenMatrix, { exactProducts: false });
  const outside = evaluate(regularizer.apply(objective), Float32Array.from(goldenPoint));
  const arena = openArena();
  const params = arena.float32(2);
  const gradient = arena.float32(2);
  params.set(goldenPoint);
  const loss = regularizer.apply(objective).lossAndGradient(params, batch, gradient);
  expect({ loss, gradient: numbers(gradient) }).toStrictEqual({
    loss: outside.loss,
    gradient: numbers(outside.gradient),
  });
  arena.close();
});

it.each(registered)("$name conforms", (regularizer) => {
  checkRegularizer(regularizer);
});

describe("checkRegularizer refuses a regularizer that", () => {
  const flawed: readonly (readonly [string, Regularizer, RegExp])[] = [
    [
      "changes params",
      defineRegularizer("flawed", (objective) => ({
        ...objective,
        lossAndGradient(params, key, gradient) {
          params[0] = params[0]! + 1;
          return objective.lossAndGradient(params, key, gradient);
        },
      })),
      /changes params/,
    ],
    [
      "divides by a zero norm",
      defineRegularizer("flawed", (objective) => ({
        ...objective,
        lossAndGradient(params, key, gradient) {
          const loss = objective.lossAndGradient(params, key, gradient);
          const length = norm(gradient);
          for (let i = 0; i < gradient.length; i++) gradient[i] = gradient[i]! / length;
          return loss;
        },
      })),
      /gradient is zero/,
    ],
    [
      "trusts a wrong shortcut",
      defineRegularizer("flawed", (objective) => ({
        ...objective,
        lossAndGradient: (params, key, gradient, known) =>
          known ? known.loss : objective.lossAndGradient(params, key, gradient),
      })),
      /plain gradient is known/,
    ],
    [
      "remembers earlier calls",
      defineRegularizer("flawed", (objective) => {
        let calls = 0;
        return {
          ...objective,
          lossAndGradient: (params, key, gradient, known) =>
            objective.lossAndGradient(params, key, gradient, known) + Math.floor(calls++ / 2),
        };
      }),
      /same call/,
    ],
    [
      "has another value alone",
      defineRegularizer("flawed", (objective) => ({
        ...objective,
        loss: (params, key) => objective.loss(params, key) * (1 + 2 ** -52),
      })),
      /loss of other bits/,
    ],
    [
      "costs more than it says",
      defineRegularizer("flawed", (objective) => objective, {
        cost: { lossAndGradient: { gradients: 0, losses: 0 }, loss: { gradients: 0, losses: 1 } },
      }),
      /takes 1 gradients and 0 losses for one lossAndGradient, but says 0 and 0/,
    ],
    [
      "repairs a NaN",
      defineRegularizer("flawed", (objective) => ({
        ...objective,
        lossAndGradient(params, key, gradient) {
          const loss = objective.lossAndGradient(params, key, gradient);
          for (let i = 0; i < gradient.length; i++) gradient[i] = gradient[i]! || 0;
          return loss || 0;
        },
      })),
      /hides a NaN/,
    ],
  ];
  it.each(flawed)("%s", (_, regularizer, message) => {
    expect(() => checkRegularizer(regularizer)).toThrow(message);
  });
});

/** A random symmetric matrix with a point, both of moderate size. */
const problems = fc.integer({ min: 1, max: 5 }).chain((n) => {
  const entry = fc.double({ min: -3, max: 3, noNaN: true });
  return fc
    .record({
      square: fc.array(fc.array(entry, { minLength: n, maxLength: n }), { minLength: n, maxLength: n }),
      point: fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: n, maxLength: n }),
      linear: fc.array(entry, { minLength: n, maxLength: n }),
    })
    .map(({ square, point, linear }) => ({
      objective: quarticObjective(
        square.map((row, i) => row.map((value, j) => (value + square[j]![i]!) / 2)),
        { linear },
      ),
      point,
    }));
});

/** Runs a property over random problems away from stationary points, where steps have no direction. */
function forProblems(property: (objective: Objective, point: number[]) => void): void {
  fc.assert(
    fc.property(problems, ({ objective, point }) => {
      const { gradient } = evaluate(objective, Float64Array.from(point));
      fc.pre(inner(numbers(gradient), numbers(gradient)) > 1e-4);
      property(objective, point);
    }),
    { seed: 1, numRuns: 200 },
  );
}

const gradientAt = (objective: Objective, point: readonly number[]): number[] =>
  numbers(evaluate(objective, Float64Array.from(point)).gradient);
const lossAt = (objective: Objective, point: readonly number[]): number =>
  evaluate(objective, Float64Array.from(point)).loss;

/** Central differences of a function; exact to about 1e-9 for the polynomials here. */
function differences(f: (point: readonly number[]) => number, point: readonly number[]): number[] {
  const h = 1e-5;
  return point.map((_, i) => {
    const at = (sign: number): number => f(point.map((w, j) => (i === j ? w + sign * h : w)));
    return (at(1) - at(-1)) / (2 * h);
  });
}

/** Equal up to 1e-6 of the larger of the expected size and 1: difference quotients carry absolute error. */
function expectNear(actual: Vector | readonly number[], expected: readonly number[]): void {
  const error = plus(Array.from(actual), -1, expected);
  const size = Math.max(1, Math.sqrt(inner(expected, expected)));
  expect(Math.sqrt(inner(error, error))).toBeLessThan(1e-6 * size);
}

describe("definitions over random objectives", () => {
  it("SAM's value is the loss at w+e and its gradient the derivative with e held", () => {
    forProblems((objective, point) => {
      const e = step(0.3, gradientAt(objective, point));
      const held = (w: readonly number[]): number => lossAt(objective, plus(w, 1, e));
      const { loss, gradient } = evaluate(sam({ rho: 0.3 }).apply(objective), Float64Array.from(point));
      expectNear([loss], [held(point)]);
      expectNear(gradient, differences(held, point));
    });
  });

  it("ASAM's step has length ρ in coordinates rescaled by |w|+η", () => {
    forProblems((objective, point) => {
      const scales = point.map((w) => Math.abs(w) + 0.1);
      const scaled = gradientAt(objective, point).map((g, i) => g * scales[i]!);
      const e = step(0.3, scaled).map((entry, i) => entry * scales[i]!);
      const held = (w: readonly number[]): number => lossAt(objective, plus(w, 1, e));
      const regularized = asam({ rho: 0.3, eta: 0.1 }).apply(objective);
      const { loss, gradient } = evaluate(regularized, Float64Array.from(point));
      expectNear([loss], [held(point)]);
      expectNear(gradient, differences(held, point));
    });
  });

  it("GSAM departs from SAM's gradient only orthogonally to it, by α of g's orthogonal part", () => {
    forProblems((objective, point) => {
      const params = Float64Array.from(point);
      const g = gradientAt(objective, point);
      const perturbed = evaluate(sam({ rho: 0.3 }).apply(objective), params);
      const { loss, gradient } = evaluate(gsam({ rho: 0.3, alpha: 0.7 }).apply(objective), params);
      const p = numbers(perturbed.gradient);
      fc.pre(inner(p, p) > 1e-4);
      const change = plus(numbers(gradient), -1, p);
      expectNear([inner(change, p)], [0]);
      expectNear([inner(change, g)], [-0.7 * (inner(g, g) - inner(g, p) ** 2 / inner(p, p))]);
      expectNear([loss], [perturbed.loss + 0.7 * (perturbed.loss - lossAt(objective, point))]);
    });
  });

  it("GAM's value adds αρ‖∇L(w')‖ and its gradient is the derivative with w'−w held", () => {
    forProblems((objective, point) => {
      const g = gradientAt(objective, point);
      const f = new Float64Array(point.length);
      objective.hessianVectorProduct?.(Float64Array.from(point), batch, Float64Array.from(g), f);
      fc.pre(inner(numbers(f), numbers(f)) > 1e-4);
      const offset = step(0.3, numbers(f));
      const there = gradientAt(objective, plus(point, 1, offset));
      fc.pre(inner(there, there) > 1e-2);
      const held = (w: readonly number[]): number => {
        const near = gradientAt(objective, plus(w, 1, offset));
        return lossAt(objective, w) + 0.7 * 0.3 * Math.sqrt(inner(near, near));
      };
      const regularized = gam({ rho: 0.3, alpha: 0.7 }).apply(objective);
      const { loss, gradient } = evaluate(regularized, Float64Array.from(point));
      expectNear([loss], [held(point)]);
      expectNear(gradient, differences(held, point));
    });
  });

  it("GAM as released descends αL1+(1−α)L3 and departs from its gradient only orthogonally", () => {
    forProblems((objective, point) => {
      const g0 = gradientAt(objective, point);
      const e1 = step(0.1, g0);
      const g1 = gradientAt(objective, plus(point, 1, e1));
      const change = plus(g1, -1, g0);
      fc.pre(inner(change, change) > 1e-4);
      const offset = step(0.3, change);
      const g2 = gradientAt(objective, plus(point, 1, offset));
      fc.pre(inner(g2, g2) > 1e-4);
      const e3 = plus(offset, 1, step(0.1, g2));
      const held = (w: readonly number[]): number =>
        0.2 * lossAt(objective, plus(w, 1, e1)) + 0.8 * lossAt(objective, plus(w, 1, e3));

      const settings = { rho: 0.3, rhoPrime: 0.1, alpha: 0.2, beta: 1.5 };
      const params = Float64Array.from(point);
      const main = evaluate(gamFd({ ...settings, gamma: 0 }).apply(objective), params);
      expectNear([main.loss], [held(point)]);
      expectNear(main.gradient, differences(held, point));

      const full = evaluate(gamFd({ ...settings, gamma: 0.5 }).apply(objective), params);
      const extra = plus(numbers(full.gradient), -1, numbers(main.gradient));
      expectNear([inner(extra, numbers(main.gradient))], [0]);
      const both = plus(g0, 0.5, g2);
      const G = numbers(main.gradient);
      fc.pre(inner(G, G) > 1e-4);
      expectNear([inner(extra, both)], [-0.5 * (inner(both, both) - inner(both, G) ** 2 / inner(G, G))]);
    });
  });
});

const switchedOff = [
  sam({ rho: 0 }),
  asam({ rho: 0 }),
  gsam({ rho: 0 }),
  gam({ rho: 0 }),
  gam({ alpha: 0 }),
  noise({ rho: 0 }),
  gradientNorm({ alpha: 0 }),
  maxLoss({ rho: 0 }),
  eigenvalue({ rho: 0 }),
];

describe("definitions over random objectives, beyond the paper's", () => {
  it("the gradient of noise and of the gradient norm is the derivative of the value", () => {
    forProblems((objective, point) => {
      for (const regularizer of [noise({ rho: 0.3, samples: 3 }), gradientNorm({ alpha: 0.7 })]) {
        const regularized = regularizer.apply(objective);
        const value = (w: readonly number[]): number => regularized.loss(Float64Array.from(w), batch);
        expectNear(evaluate(regularized, Float64Array.from(point)).gradient, differences(value, point));
      }
    });
  });

  it("the gradient norm's value is the loss and α times the norm", () => {
    forProblems((objective, point) => {
      const g = gradientAt(objective, point);
      const { loss } = evaluate(gradientNorm({ alpha: 0.7 }).apply(objective), Float64Array.from(point));
      expectNear([loss], [lossAt(objective, point) + 0.7 * Math.sqrt(inner(g, g))]);
    });
  });

  it("PGA's value is the largest loss at the points it met, in the ball, and its gradient that of the loss there", () => {
    forProblems((objective, point) => {
      const met: number[][] = [];
      const watched: Objective = {
        ...objective,
        lossAndGradient(params, key, gradient) {
          met.push(numbers(params));
          return objective.lossAndGradient(params, key, gradient);
        },
      };
      const regularized = maxLoss({ rho: 0.3, steps: 4 }).apply(watched);
      const { loss, gradient } = evaluate(regularized, Float64Array.from(point));
      expect(met).toHaveLength(5);
      for (const other of met) {
        const offset = plus(other, -1, point);
        expect(Math.sqrt(inner(offset, offset))).toBeLessThan(0.3 + 1e-12);
      }
      const largest = met.reduce((best, other) =>
        lossAt(objective, other) > lossAt(objective, best) ? other : best,
      );
      expect(loss).toBe(lossAt(objective, largest));
      expect(numbers(gradient)).toEqual(gradientAt(objective, largest));
    });
  });

  it("PGA with one step is SAM, where that is above the loss", () => {
    forProblems((objective, point) => {
      const expected = evaluate(sam({ rho: 0.3 }).apply(objective), Float64Array.from(point));
      fc.pre(expected.loss > lossAt(objective, point));
      const { loss, gradient } = evaluate(
        maxLoss({ rho: 0.3, steps: 1 }).apply(objective),
        Float64Array.from(point),
      );
      expectNear([loss, ...gradient], [expected.loss, ...expected.gradient]);
    });
  });

  it("the eigenvalue's gradient is the derivative of its value, the direction held", () => {
    forProblems((objective, point) => {
      const n = point.length;
      const met: number[][] = [];
      const watched: Objective = {
        ...objective,
        lossAndGradient(params, key, gradient) {
          met.push(numbers(params));
          return objective.lossAndGradient(params, key, gradient);
        },
      };
      const regularized = eigenvalue({ rho: 0.3, products: n }).apply(watched);
      const { loss, gradient } = evaluate(regularized, Float64Array.from(point));
      const [ahead, behind] = met.slice(-2);
      const e = plus(ahead!, -1, point);
      expectNear(plus(point, -1, behind!), e);
      expectNear([inner(e, e)], [0.09]);
      const held = (w: readonly number[]): number =>
        0.5 * (lossAt(objective, plus(w, 1, e)) + lossAt(objective, plus(w, -1, e)));
      expectNear([loss], [held(point)]);
      expectNear(gradient, differences(held, point));
    });
  });
});

/** Symmetric, eigenvalues 7, 3, 1: the largest of its quadratic form is known. */
const known = [
  [4, 1, 2],
  [1, 3, 0],
  [2, 0, 4],
];
const bowl = quarticObjective(known, { quartic: 0, linear: [0.3, -0.2, 0.5] });

describe("on a quadratic", () => {
  const point = Float64Array.of(0.4, -0.3, 0.2);
  const plain = evaluate(bowl, point);

  it("as many products as parameters find the top eigenvalue: value L + ½ρ²λ, gradient g", () => {
    const { loss, gradient } = evaluate(eigenvalue({ rho: 0.5, products: 3 }).apply(bowl), point);
    const quotient = (v: readonly number[]): number =>
      inner(
        v,
        known.map((row) => inner(row, v)),
      ) / inner(v, v);
    // power iteration
    let top = [1, 1, 1];
    for (let i = 0; i < 200; i++)
      top = step(
        1,
        known.map((row) => inner(row, top)),
      );
    expect(loss - plain.loss).toBeCloseTo(0.125 * quotient(top), 10);
    expectNear(gradient, numbers(plain.gradient));
  });

  it("PGA with many steps comes within a thousandth of the largest loss in the ball", () => {
    const rho = 0.5;
    let largest = -Infinity;
    for (let i = 0; i < 20_000; i++) {
      const direction = new Float64Array(3);
      normal(foldIn(key(3), i), direction);
      largest = Math.max(largest, lossAt(bowl, plus(numbers(point), 1, step(rho, numbers(direction)))));
    }
    const { loss } = evaluate(maxLoss({ rho, steps: 40 }).apply(bowl), point);
    expect(loss).toBeGreaterThanOrEqual(largest * (1 - 1e-3));
    expect(loss).toBeLessThan(largest * (1 + 1e-3));
  });

  it.each([1, 2])(
    "the mean of noise over keys, %i samples each, is L + ρ²/2n·tr H within the bound of 99.9 percent of cases",
    (samples) => {
      const regularized = noise({ rho: 0.5, samples }).apply(bowl);
      const gradient = new Float64Array(3);
      const values: number[] = [];
      const gradients = new Float64Array(3);
      for (let i = 0; i < 4000; i++) {
        values.push(regularized.lossAndGradient(point, foldIn(key(7), i), gradient));
        for (let j = 0; j < 3; j++) gradients[j]! += gradient[j]! / 4000;
      }
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
      const bound = 3.29 * Math.sqrt(variance / values.length);
      expect(bound).toBeLessThan(0.15 * (0.25 / 6) * 11);
      expect(Math.abs(mean - plain.loss - (0.25 / 6) * 11)).toBeLessThan(bound);
      // ‖Aε‖ is at most 7·0.5, its mean over 4,000 draws far below
      for (let j = 0; j < 3; j++) expect(Math.abs(gradients[j]! - plain.gradient[j]!)).toBeLessThan(0.2);
    },
  );
});

describe("a weight", () => {
  it.each(registered.slice(1))(
    "on $name: L + λ(R − L), and λ times what it adds to the gradient",
    ({ name }) => {
      forProblems((objective, point) => {
        const params = Float64Array.from(point);
        const full = evaluate(makeRegularizer(name).apply(objective), params);
        const { loss, gradient } = evaluate(makeRegularizer(`${name}:weight=0.3`).apply(objective), params);
        const plain = lossAt(objective, point);
        expectNear([loss], [plain + 0.3 * (full.loss - plain)]);
        const g = gradientAt(objective, point);
        expectNear(gradient, plus(g, 0.3, plus(numbers(full.gradient), -1, g)));
      });
    },
  );

  it.each(registered.slice(1))("of 0, 0.5 and 2 on $name conforms", ({ name }) => {
    for (const weight of [0, 0.5, 2]) checkRegularizer(makeRegularizer(`${name}:weight=${weight}`));
  });

  it("hands what is added to an observer, whatever it is", () => {
    const params = Float64Array.from(goldenPoint);
    for (const weight of [0, 0.5, 1]) {
      const seen: (readonly [number, number])[] = [];
      const observed = weighted(sam(), weight, (added, loss) => seen.push([added, loss]));
      const regularized = observed.apply(quarticObjective(goldenMatrix));
      const { loss } = evaluate(regularized, params);
      expect(regularized.loss(params, batch)).toBe(loss);
      expect(seen).toHaveLength(2);
      expect(seen[1]).toEqual(seen[0]);
      expect(seen[0]![0]).toBeCloseTo(0.1661436541, 9);
      expect(seen[0]![1]).toBeCloseTo(1.052025, 12);
    }
  });
});

describe.each(kinds)("special settings in %s", (_, kind) => {
  const sameBits = (a: Regularizer, b: Regularizer): void =>
    forProblems((objective, point) => {
      const params = kind.from(point);
      expect(evaluate(a.apply(objective), params)).toStrictEqual(evaluate(b.apply(objective), params));
    });

  it.each(switchedOff)("$name with $settings is the plain objective bit for bit", (regularizer) => {
    sameBits(regularizer, makeRegularizer("none"));
  });

  it("GSAM with α = 0 is SAM bit for bit", () => {
    sameBits(gsam({ rho: 0.3, alpha: 0 }), sam({ rho: 0.3 }));
  });
});

it("ASAM leaves bias slots unscaled", () => {
  const inside = quarticObjective(goldenMatrix);
  const layout = {
    size: 2,
    slots: [
      { name: "w", shape: [1], offset: 0, size: 1, kind: "weight" as const },
      { name: "b", shape: [1], offset: 1, size: 1, kind: "bias" as const },
    ],
  };
  const { loss } = evaluate(asam().apply({ ...inside, layout }), Float64Array.from(goldenPoint));
  const scales = [1.01, 1];
  const e = step(0.5, [1.85 * 1.01, -2.527]).map((entry, i) => entry * scales[i]!);
  expect(loss).toBeCloseTo(lossAt(inside, plus(goldenPoint, 1, e)), 12);
});

describe("cost", () => {
  const costs = [
    ["none", 1, 1, [0, 1]],
    ["sam", 2, 1, [1, 1]],
    ["asam", 2, 1, [1, 1]],
    ["gsam", 2, 1, [1, 1]],
    ["gam", 6, 5, [4, 0]],
    ["gam-fd", 4, 3, [3, 1]],
    ["noise", 2, 2, [0, 2]],
    ["gradient-norm", 3, 2, [1, 0]],
    ["pga", 4, 3, [3, 1]],
    ["eigenvalue", 9, 8, [7, 2]],
  ] as const;
  it.each(costs)("%s takes %i gradients, %i with the plain one known, as it says", (name, alone, handed) => {
    const counted = countGradients(quarticObjective(known, { exactProducts: false }));
    const params = Float32Array.of(1, -0.3, 0.4);
    const plain = evaluate(quarticObjective(known), params);
    const regularized = makeRegularizer(name).apply(counted);
    evaluate(regularized, params);
    expect(counted.gradients).toBe(alone);
    regularized.lossAndGradient(params, batch, new Float32Array(3), plain);
    expect(counted.gradients - alone).toBe(handed);
    expect(makeRegularizer(name).cost.lossAndGradient).toEqual({ gradients: alone, losses: 0 });
  });

  it.each(costs)(
    "the value of %s alone: what it says, a gradient less where the plain one is known",
    (name, alone, handed, [gradients, losses]) => {
      const counted = countGradients(quarticObjective(known, { exactProducts: false }));
      const params = Float32Array.of(1, -0.3, 0.4);
      const plain = evaluate(quarticObjective(known), params);
      const regularizer = makeRegularizer(name);
      const regularized = regularizer.apply(counted);
      regularized.loss(params, batch);
      expect([counted.gradients, counted.losses]).toEqual([gradients, losses]);
      expect(regularizer.cost.loss).toEqual({ gradients, losses });
      regularized.loss(params, batch, plain);
      const spent = counted.gradients + counted.losses - gradients - losses;
      expect(spent).toBe(gradients + losses - (name === "none" ? 1 : alone - handed));
    },
  );

  it("is that of the plain objective where the settings switch a regularizer off", () => {
    for (const off of [...switchedOff, makeRegularizer("sam:weight=0")]) {
      const counted = countGradients(quarticObjective(goldenMatrix));
      off.apply(counted).loss(Float32Array.from(goldenPoint), batch);
      expect([counted.gradients, counted.losses]).toEqual([0, 1]);
      expect(off.cost).toEqual(makeRegularizer("none").cost);
    }
  });

  it("GAM takes two gradients and two exact products where there are exact ones", () => {
    const counted = countGradients(quarticObjective(goldenMatrix));
    evaluate(gam().apply(counted), Float64Array.from(goldenPoint));
    expect([counted.gradients, counted.hessianVectorProducts]).toEqual([2, 2]);
  });
});

it.each(registered)("$name lets an infinite gradient through", (regularizer) => {
  const inside = quarticObjective(goldenMatrix, { exactProducts: false });
  const broken = completeObjective({
    layout: inside.layout,
    lossAndGradient(params, key, gradient) {
      const loss = inside.lossAndGradient(params, key, gradient);
      gradient[0] = Infinity;
      return loss;
    },
  });
  const { gradient } = evaluate(regularizer.apply(broken), Float32Array.from(goldenPoint));
  expect(Number.isFinite(gradient[0])).toBe(false);
});

it("SAM with ρ = 0 passes an infinite gradient on as it is", () => {
  const wall: Objective = {
    ...quarticObjective(goldenMatrix),
    lossAndGradient(_params, _batch, gradient) {
      gradient.set([Infinity, 1]);
      return 2;
    },
  };
  const { loss, gradient } = evaluate(sam({ rho: 0 }).apply(wall), Float32Array.from(goldenPoint));
  expect([loss, ...gradient]).toEqual([2, Infinity, 1]);
});

it("SAM gives NaN where the gradient's norm overflows, not the plain objective", () => {
  const huge = quarticObjective([[1e200]], { quartic: 0 });
  expect(evaluate(sam().apply(huge), Float64Array.of(1)).gradient[0]).toBeNaN();
});

// L = −½w² at w = 1: a step of length 1 up the slope ends on the top, where the gradient vanishes.
describe("a perturbed gradient of zero", () => {
  const ridge = quarticObjective([[-1]], { quartic: 0 });

  it("leaves GSAM all of g as orthogonal part", () => {
    const { gradient } = evaluate(gsam({ rho: 1, alpha: 0.4 }).apply(ridge), Float32Array.of(1));
    expect(gradient[0]).toBeCloseTo(0.4, 6);
  });

  it("leaves GAM as released all of P as orthogonal part", () => {
    const settings = { rho: 0, rhoPrime: 1, alpha: 0, beta: 0.1, gamma: 0.05 };
    const { gradient } = evaluate(gamFd(settings).apply(ridge), Float32Array.of(1));
    expect(gradient[0]).toBeCloseTo(0.05 * 1.9, 6);
  });
});

it.each(registered)("$name refuses vectors that do not fit the objective", (regularizer) => {
  const regularized = regularizer.apply(checked());
  const params = Float32Array.from(goldenPoint);
  const known = { loss: 1, gradient: params.slice() };
  const calls: (() => unknown)[] = [
    () => regularized.lossAndGradient(params.slice(1), batch, params.slice()),
    () => regularized.lossAndGradient(params, batch, params.slice(1)),
    () => regularized.lossAndGradient(params, batch, new Float64Array(2)),
    () => regularized.loss(params.slice(1), batch),
  ];
  if (regularizer.name !== "none") {
    const short = { loss: 1, gradient: params.slice(1) };
    calls.push(() => regularized.lossAndGradient(params, batch, params.slice(), short));
    calls.push(() => regularized.lossAndGradient(params, batch, params.slice(1), known));
    calls.push(() => regularized.loss(params, batch, short));
  }
  for (const call of calls) expect(call).toThrow(expect.objectContaining({ code: "E_SHAPE" }));
});

it("every regularizer names the measure it is made to lower", () => {
  const lowered = registered.map(({ label, lowers }) => [label, lowers]);
  expect(lowered).toEqual([
    ["none", undefined],
    ["SAM", "maxLoss"],
    ["ASAM", "maxLoss"],
    ["GSAM", "surrogateGap"],
    ["GAM", "maxGradientNorm"],
    ["GAM", "maxGradientNorm"],
    ["noise", "trace"],
    ["gradient norm", "gradientNorm"],
    ["max loss", "maxLoss"],
    ["top eigenvalue", "topEigenvalue"],
  ]);
});

describe("gsamRho", () => {
  it("follows the learning rate linearly between its ends", () => {
    const ends = { lrMin: 0.1, lrMax: 0.5, rhoMin: 0.02, rhoMax: 0.1 };
    expect(gsamRho({ ...ends, lr: 0.1 })).toBe(0.02);
    expect(gsamRho({ ...ends, lr: 0.5 })).toBeCloseTo(0.1, 15);
    expect(gsamRho({ ...ends, lr: 0.3 })).toBeCloseTo(0.06, 15);
  });

  it("is rhoMax where the learning rate is constant", () => {
    expect(gsamRho({ lr: 0.1, lrMin: 0.1, lrMax: 0.1, rhoMin: 0.02, rhoMax: 0.05 })).toBe(0.05);
  });
});
