import { describe, expect, it } from "vitest";
import { layoutOf } from "../kernels/types.ts";
import { norm } from "../kernels/vector.ts";
import { foldIn, key, normal } from "../random/key.ts";
import { countGradients } from "../regularizers/count.ts";
import { completeObjective } from "../tasks/complete.ts";
import type { Objective } from "../tasks/types.ts";
import { quarticObjective } from "../testing/quartic.ts";
import { landscape } from "./landscape.ts";
import { measureSharpness, type SharpnessProgress } from "./measure.ts";
import { ascents, pga } from "./pga.ts";
import { topEigenvalue } from "./spectrum.ts";
import { hessianTrace } from "./trace.ts";

const kinds = [
  ["float64", Float64Array],
  ["float32", Float32Array],
] as const;

const dot = (x: readonly number[], y: readonly number[]): number =>
  x.reduce((sum, entry, i) => sum + entry * y[i]!, 0);

/** A reflection that mixes all coordinates: its rows are the eigenvectors of the matrices below. */
function reflection(n: number): number[][] {
  const u = Array.from({ length: n }, (_, i) => 1 + i / 3);
  const square = dot(u, u);
  return u.map((a, i) => u.map((b, j) => (i === j ? 1 : 0) - (2 * a * b) / square));
}

/** A quadratic with these eigenvalues and, at the origin, this gradient in the basis of eigenvectors. */
function quadratic(
  eigenvalues: readonly number[],
  slope: readonly number[],
  exactProducts: boolean,
): Objective {
  const basis = reflection(eigenvalues.length);
  const matrix = basis.map((row) =>
    basis.map((other) => eigenvalues.reduce((sum, value, k) => sum + value * row[k]! * other[k]!, 0)),
  );
  const linear = basis.map((row) => dot(row, slope));
  return quarticObjective(matrix, { linear, quartic: 0, exactProducts });
}

/**
 * The largest g·d + ½dᵀHd on ‖d‖ ≤ ρ, by the secular equation: d = (μ−H)⁻¹g with μ > λmax (and ≥ 0) such that
 * ‖d‖ = ρ, found by bisection. Needs a gradient with a part along the top eigenvector.
 */
function exactGap(eigenvalues: readonly number[], slope: readonly number[], radius: number): number {
  const displacement = (mu: number): number[] => slope.map((g, i) => g / (mu - eigenvalues[i]!));
  const length = (mu: number): number => Math.sqrt(dot(displacement(mu), displacement(mu)));
  let low = Math.max(0, ...eigenvalues);
  let high = low + Math.sqrt(dot(slope, slope)) / radius + 1;
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (length(middle) > radius) low = middle;
    else high = middle;
  }
  const d = displacement(high);
  return dot(slope, d) + 0.5 * d.reduce((sum, entry, i) => sum + eigenvalues[i]! * entry * entry, 0);
}

const quadratics = [
  { what: "a bowl", eigenvalues: [8, 3, 1, 0.2], slope: [0.3, -1, 0.5, 0.2] },
  { what: "a saddle", eigenvalues: [4, 0.5, -2, -6], slope: [0.2, 0.4, 0.3, -1] },
  { what: "a steep slope", eigenvalues: [2, 1, 0.1, 0], slope: [5, 7, -3, 1] },
] as const;

describe.each(kinds)("projected gradient ascent in %s", (_, kind) => {
  describe.each(quadratics)("of the loss of $what", ({ eigenvalues, slope }) => {
    // Steps of 2.5ρ in all follow the gradient first: where curvature outweighs it (ρλ > ‖g‖) they end on the way
    // from the gradient's direction to the best one.
    it.each([
      [0.01, 0.9999],
      [0.1, 0.99],
      [1, 0.9],
    ])("at radius %d finds at least %d of the largest gap, and not more than all of it", (radius, share) => {
      const objective = quadratic(eigenvalues, slope, true);
      const gap = pga(objective, new kind(4), { quantity: "loss", radius, key: key(1) });
      const ratio = gap / exactGap(eigenvalues, slope, radius);
      expect(ratio).toBeGreaterThan(share);
      expect(ratio).toBeLessThan(1 + 1e-6);
    });
  });

  it.each([true, false])("finds the largest gradient norm in the plane (exact products: %s)", (exact) => {
    for (let draw = 0; draw < 10; draw++) {
      const numbers = new Float64Array(4);
      normal(key(draw), numbers, { stddev: 2 });
      const [a, b, slopeA, slopeB] = numbers as unknown as [number, number, number, number];
      const radius = 0.3;
      // ‖∇L‖ of a quadratic is convex: its maximum lies on the circle.
      let largest = 0;
      for (let i = 0; i < 20000; i++) {
        const angle = (i / 20000) * 2 * Math.PI;
        const x = slopeA + a * radius * Math.cos(angle);
        const y = slopeB + b * radius * Math.sin(angle);
        largest = Math.max(largest, Math.sqrt(x * x + y * y));
      }
      const objective = quadratic([a, b], [slopeA, slopeB], exact);
      const found = pga(objective, new kind(2), { quantity: "gradientNorm", radius, key: key(draw) });
      expect(found / largest).toBeGreaterThan(0.998);
      expect(found / largest).toBeLessThan(1 + 1e-6);
    }
  });

  it("leaves a stationary point, where the gradient gives no direction", () => {
    const objective = quadratic([8, 1, 0.5], [0, 0, 0], true);
    const options = { radius: 0.1, key: key(2) };
    const loss = pga(objective, new kind(3), { ...options, quantity: "loss" });
    expect(loss / (0.5 * 8 * 0.1 ** 2)).toBeCloseTo(1, 3);
    const gradientNorm = pga(objective, new kind(3), { ...options, quantity: "gradientNorm" });
    expect(gradientNorm / (8 * 0.1)).toBeCloseTo(1, 3);
  });

  it("stays where nothing can be gained", () => {
    const flat = quarticObjective(
      [
        [0, 0],
        [0, 0],
      ],
      { quartic: 0 },
    );
    const options = { radius: 0.1, key: key(3) };
    expect(pga(flat, kind.of(1, 2), { ...options, quantity: "loss" })).toBe(0);
    expect(pga(flat, kind.of(1, 2), { ...options, quantity: "gradientNorm" })).toBe(0);
  });

  it("evaluates only inside the ball, starting ρ/1000 from its centre, and leaves params alone", () => {
    const inside = quadratic([8, 3, 1, 0.2], [1, 1, 1, 1], true);
    const distances: number[] = [];
    const params = kind.of(0.5, -0.25, 2, 0);
    const watched = completeObjective({
      layout: inside.layout,
      lossAndGradient(point, batch, gradient) {
        distances.push(norm(point.map((w, i) => w - params[i]!)));
        return inside.lossAndGradient(point, batch, gradient);
      },
    });
    pga(watched, params, { quantity: "loss", radius: 0.5, key: key(4), steps: 10, restarts: 2 });
    expect(distances).toHaveLength(2 * 11);
    expect(distances[0]! / 0.0005).toBeCloseTo(1, 3);
    expect(Math.abs(distances[1]! / (0.25 * 0.5) - 1)).toBeLessThan(0.02);
    expect(Math.max(...distances)).toBeLessThan(0.5 * (1 + 1e-6));
    expect(params).toStrictEqual(kind.of(0.5, -0.25, 2, 0));
  });
});

describe("projected gradient ascent", () => {
  it.each(["loss", "gradientNorm"] as const)("of the %s follows its update rule to the end", (quantity) => {
    const inside = quarticObjective(
      [
        [3, 1],
        [1, -2],
      ],
      { linear: [0.3, -0.1] },
    );
    const center = [0.4, -0.7];
    const visited: number[][] = [];
    const directions: number[][] = [];
    const values: number[] = [];
    const watched = completeObjective({
      layout: inside.layout,
      lossAndGradient(point, batch, gradient) {
        const loss = inside.lossAndGradient(point, batch, gradient);
        const product = new Float64Array(2);
        inside.hessianVectorProduct!(point, batch, gradient, product);
        visited.push(Array.from(point, (w, i) => w - center[i]!));
        directions.push(Array.from(quantity === "loss" ? gradient : product));
        values.push(quantity === "loss" ? loss : norm(gradient));
        return loss;
      },
      hessianVectorProduct: inside.hessianVectorProduct!,
    });
    const radius = 0.6;
    const options = { quantity, radius, key: key(7), restarts: 1 };
    const best = pga(watched, Float64Array.from(center), options);
    expect(visited).toHaveLength(21);
    for (let step = 0; step < 20; step++) {
      const length = Math.sqrt(dot(directions[step]!, directions[step]!));
      const moved = visited[step]!.map((d, i) => d + ((2.5 * radius) / 20 / length) * directions[step]![i]!);
      const shrink = Math.min(1, radius / Math.sqrt(dot(moved, moved)));
      moved.forEach((d, i) => {
        expect(visited[step + 1]![i]).toBeCloseTo(shrink * d, 12);
      });
    }
    expect(best).toBe(Math.max(...values));
  });

  it("takes the best of its restarts, each from its own direction", () => {
    const objective = quarticObjective(
      [
        [-1, 0.5],
        [0.5, 2],
      ],
      { linear: [0.1, 0] },
    );
    const params = new Float64Array(2);
    const single = ascents(objective);
    const each = [0, 1, 2].map((r) =>
      single(params, { quantity: "loss", radius: 0.2, key: foldIn(key(5), r), steps: 3 }),
    );
    expect(new Set(each).size).toBe(3);
    expect(pga(objective, params, { quantity: "loss", radius: 0.2, key: key(5), steps: 3 })).toBe(
      Math.max(...each),
    );
  });

  it("does not hide a NaN", () => {
    const cliff = completeObjective({
      layout: layoutOf([{ name: "w", shape: [1] }]),
      lossAndGradient(params, _batch, gradient) {
        gradient[0] = 1;
        return params[0]! > 0.05 ? NaN : params[0]!;
      },
    });
    expect(pga(cliff, new Float64Array(1), { quantity: "loss", radius: 0.1, key: key(6) })).toBeNaN();
  });

  it.each([{ radius: 0 }, { radius: NaN }, { radius: 0.1, steps: 0 }, { radius: 0.1, restarts: 1.5 }])(
    "refuses %o",
    (options) => {
      const run = (): number =>
        pga(quarticObjective([[1]]), new Float64Array(1), { quantity: "loss", key: key(0), ...options });
      expect(run).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
    },
  );
});

describe.each(kinds)("top eigenvalue in %s", (_, kind) => {
  it.each([
    { what: "a bowl", eigenvalues: [9, 4, 1, 0], top: 9 },
    { what: "a saddle with a larger negative eigenvalue", eigenvalues: [2, 1, 0.5, -7], top: 2 },
    { what: "a saddle with eigenvalues of the same size", eigenvalues: [5, 1, 0, -5], top: 5 },
    { what: "a hill", eigenvalues: [-0.5, -4, -5, -6], top: -0.5 },
    { what: "a degenerate top", eigenvalues: [3, 3, 1, 0], top: 3 },
  ])("of $what is found to 1e-3 of the largest modulus", async ({ eigenvalues, top }) => {
    for (const exact of [true, false]) {
      const objective = quadratic(eigenvalues, [1, -1, 0.5, 2], exact);
      for (let seed = 0; seed < 5; seed++) {
        const { value, converged } = await topEigenvalue(objective, new kind(4), { key: key(seed) });
        expect(converged).toBe(true);
        expect(Math.abs(value - top)).toBeLessThan(1e-3 * Math.max(...eigenvalues.map(Math.abs)));
      }
    }
  });

  it("of a linear loss is zero", async () => {
    const objective = quarticObjective(
      [
        [0, 0],
        [0, 0],
      ],
      { linear: [1, 2], quartic: 0 },
    );
    const found = await topEigenvalue(objective, new kind(2), { key: key(0) });
    expect(found).toEqual({ value: 0, products: 2, converged: true });
  });

  it("says that it did not converge when stopped early", async () => {
    const objective = quadratic([9, 8.5, 1, 0], [1, 1, 1, 1], true);
    const { value, converged, products } = await topEigenvalue(objective, new kind(4), {
      key: key(0),
      maxProducts: 2,
    });
    expect(converged).toBe(false);
    expect(value).toBeLessThan(9);
    expect(products).toBe(2);
  });
});

describe.each(kinds)("measureSharpness in %s", (_, kind) => {
  const eigenvalues = [8, 3, 1, 0.2];
  const slope = [0.3, -1, 0.5, 0.2];
  const slopeNorm = Math.sqrt(dot(slope, slope));

  it("gives the closed forms of a quadratic", async () => {
    const objective = quadratic(eigenvalues, slope, false);
    const result = await measureSharpness(objective, new kind(4), { radii: [0.01, 0.1], key: key(0) });
    expect(result.loss).toBe(0);
    expect(result.gradientNorm).toBeCloseTo(slopeNorm, 6);
    expect(result.topEigenvalue.value / 8).toBeCloseTo(1, 2);
    for (const ball of result.radii) {
      const gap = exactGap(eigenvalues, slope, ball.radius);
      expect(ball.surrogateGap / gap).toBeCloseTo(1, 2);
      expect(ball.maxLoss).toBe(ball.surrogateGap);
      expect(ball.curvatureGap).toBe(ball.surrogateGap - ball.radius * result.gradientNorm);
      const along = slope.reduce((sum, g, i) => sum + eigenvalues[i]! * g * g, 0) / slopeNorm ** 2;
      const oneStep = ball.radius * slopeNorm + 0.5 * ball.radius ** 2 * along;
      expect(ball.oneStepGap / oneStep).toBeCloseTo(1, 5);
      expect(ball.oneStepGap).toBeLessThanOrEqual(gap);
      expect(ball.maxGradientNorm).toBeGreaterThan(result.gradientNorm);
    }
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });

  it("counts what it spent and repeats itself to the bit", async () => {
    const counted = countGradients(quadratic(eigenvalues, slope, false));
    const options = { radii: [0.1], key: key(1) };
    const params = kind.of(1, 2, 3, 4);
    const result = await measureSharpness(counted, params, options);
    expect(result.gradientEvaluations).toBe(counted.gradients);
    expect(counted.gradients).toBe(2 + 3 * 21 + 3 * 61 + 2 * result.topEigenvalue.products);
    expect(await measureSharpness(counted, params, options)).toStrictEqual(result);
    expect(params).toStrictEqual(kind.of(1, 2, 3, 4));
  });

  it("is finite at a stationary point", async () => {
    const objective = quadratic(eigenvalues, [0, 0, 0, 0], false);
    const { gradientNorm, radii } = await measureSharpness(objective, new kind(4), {
      radii: [0.1],
      key: key(2),
    });
    expect(gradientNorm).toBe(0);
    expect(radii[0]).toMatchObject({ oneStepGap: 0, curvatureGap: radii[0]!.surrogateGap });
    expect(radii[0]!.surrogateGap / 0.04).toBeCloseTo(1, 2);
  });

  it("never reports a maximum below the centre", async () => {
    const peak = quadratic([-1, -2], [0, 0], true);
    const { loss, radii } = await measureSharpness(peak, new kind(2), { radii: [0.1], key: key(3) });
    expect(radii[0]).toMatchObject({ maxLoss: loss, surrogateGap: 0 });
  });
});

describe("measureSharpness", () => {
  const objective = quadratic([8, 3], [1, 1], false);

  it("gives the same numbers for a radius whatever the others are", async () => {
    const params = Float64Array.of(0.1, 0.2);
    const alone = await measureSharpness(objective, params, { radii: [0.1], key: key(0) });
    const among = await measureSharpness(objective, params, { radii: [0.01, 0.1], key: key(0) });
    expect(among.radii[1]).toStrictEqual(alone.radii[0]);
  });

  it("reports progress that ends at its total", async () => {
    const seen: SharpnessProgress[] = [];
    const onProgress = (progress: SharpnessProgress): void => void seen.push(progress);
    const options = { radii: [0.1, 0.2], restarts: 2, key: key(0), onProgress };
    const { gradientEvaluations } = await measureSharpness(objective, new Float64Array(2), options);
    expect(seen).toHaveLength(1 + 2 * 2 * 2);
    expect(seen.at(-1)).toEqual({ done: gradientEvaluations, total: gradientEvaluations });
    for (const { total } of seen) expect(total).toBe(gradientEvaluations);
  });

  it("stops when its signal is raised from another event", async () => {
    const controller = new AbortController();
    let events = 0;
    const onProgress = (): void => {
      if (events++ === 2) setTimeout(() => controller.abort(new Error("enough")), 0);
    };
    const options = { radii: [0.1, 0.2], key: key(0), onProgress, signal: controller.signal };
    await expect(measureSharpness(objective, new Float64Array(2), options)).rejects.toThrow("enough");
    expect(events).toBeLessThan(6);
  });

  it.each([
    [{ radii: [-1] }, 2, "E_CONFIG"],
    [{ radii: [0.1], restarts: 0 }, 2, "E_CONFIG"],
    [{ radii: [0.1], steps: 2.5 }, 2, "E_CONFIG"],
    [{ radii: [0.1] }, 3, "E_SHAPE"],
  ])("refuses %o with %d parameters", async (options, size, code) => {
    const measured = measureSharpness(objective, new Float64Array(size), { key: key(0), ...options });
    await expect(measured).rejects.toMatchObject({ code });
  });

  it("refuses a point that is not finite", async () => {
    const measured = measureSharpness(objective, Float64Array.of(NaN, 0), { radii: [0.1], key: key(0) });
    await expect(measured).rejects.toMatchObject({ code: "E_DIVERGED" });
  });
});

describe("every measure", () => {
  const objective = quarticObjective([
    [3, 1],
    [1, 2],
  ]);
  const short = new Float64Array(1);
  it.each([
    ["pga", () => pga(objective, short, { quantity: "loss", radius: 0.1, key: key(0) })],
    ["measureSharpness", () => measureSharpness(objective, short, { radii: [0.1], key: key(0) })],
    ["topEigenvalue", () => topEigenvalue(objective, short, { key: key(0) })],
    ["hessianTrace", () => hessianTrace(objective, short, { key: key(0) })],
    ["landscape", () => landscape(objective, short, { key: key(0), dimensions: 1 })],
  ] as const)("refuses a point of another length: %s", async (_name, measure) => {
    await expect(async () => measure()).rejects.toMatchObject({
      code: "E_SHAPE",
      message: expect.stringMatching(/^params has 1 float64 entries, this takes 2/),
    });
  });
});
