import { describe, expect, it } from "vitest";
import { layoutOf } from "../kernels/types.ts";
import { norm } from "../kernels/vector.ts";
import { key, normal } from "../random/key.ts";
import { countGradients } from "../regularizers/count.ts";
import { completeObjective } from "../tasks/complete.ts";
import type { Objective } from "../tasks/types.ts";
import { filterNormalizedDirection, landscape } from "./landscape.ts";

const layout = layoutOf([
  { name: "conv0.w", shape: [2, 3, 3, 1] },
  { name: "conv0.b", shape: [2], kind: "bias" },
  { name: "norm0.scale", shape: [4] },
  { name: "dense0.w", shape: [3, 5] },
]);
const params = new Float64Array(layout.size);
normal(key(1), params);
params.fill(0, 24 + 5, 24 + 10); // the second row of the dense layer

/** L = ½ Σ c_i w_i² + Σ b_i w_i, with c_i = 1 + i. */
const bowl = completeObjective({
  layout,
  lossAndGradient(w, _batch, gradient) {
    let loss = 0;
    for (let i = 0; i < w.length; i++) {
      loss += 0.5 * (1 + i) * w[i]! ** 2 + 0.1 * w[i]!;
      gradient[i] = (1 + i) * w[i]! + 0.1;
    }
    return loss;
  },
});

function directionOf(seed: number, at = params): Float64Array {
  const direction = new Float64Array(layout.size);
  filterNormalizedDirection(layout, at, key(seed), direction);
  return direction;
}

describe("filterNormalizedDirection", () => {
  it("is as long as the parameters in every filter and row, and 0 in biases and slots of one axis", () => {
    const direction = directionOf(2);
    for (const [start, end] of [
      [0, 9],
      [9, 18],
      [24, 29],
      [34, 39],
    ] as const) {
      expect(norm(direction.subarray(start, end)) / norm(params.subarray(start, end))).toBeCloseTo(1, 12);
    }
    expect(norm(direction.subarray(18, 24))).toBe(0);
    expect(norm(direction.subarray(29, 34))).toBe(0);
  });

  it("scales with each filter, so that rescaled networks have the same landscape", () => {
    const scaled = params.map((w, i) => (i < 9 ? 8 * w : w));
    const direction = directionOf(2);
    directionOf(2, scaled).forEach((entry, i) => {
      expect(entry).toBeCloseTo(i < 9 ? 8 * direction[i]! : direction[i]!, 12);
    });
  });

  it("refuses a layout or a point that leaves nothing to normalize", () => {
    const flat = layoutOf([{ name: "w", shape: [3] }]);
    const refused = expect.objectContaining({ code: "E_CONFIG" });
    const three = new Float64Array(3);
    expect(() => filterNormalizedDirection(flat, Float64Array.of(1, 2, 3), key(0), three)).toThrow(refused);
    expect(() => directionOf(0, new Float64Array(layout.size))).toThrow(refused);
  });
});

describe.each([
  ["float64", Float64Array, 9],
  ["float32", Float32Array, 4],
] as const)("landscape in %s", (_, kind, digits) => {
  const centre = kind.from(params);

  it("of a quadratic is a parabola along one direction, w itself in its middle", async () => {
    const { coordinates, losses, lossEvaluations } = await landscape(bowl, centre, {
      key: key(3),
      dimensions: 1,
      radius: 0.5,
      points: 11,
    });
    expect(coordinates[0]).toBe(-0.5);
    expect(coordinates[5]).toBe(0);
    expect(coordinates[10]).toBe(0.5);
    expect(lossEvaluations).toBe(11);
    expect(losses[5]).toBe(bowl.lossAndGradient(centre, key(0), new Float64Array(layout.size)));
    const second = losses.slice(1, -1).map((loss, i) => losses[i]! - 2 * loss! + losses[i + 2]!);
    for (const value of second) expect(value).toBeCloseTo(second[0]!, digits);
    expect(second[0]).toBeGreaterThan(0);
  });

  it("has the one-dimensional ones as its axes in two dimensions", async () => {
    const options = { key: key(3), radius: 0.5, points: 5 };
    const line = await landscape(bowl, centre, { ...options, dimensions: 1 });
    const plane = await landscape(bowl, centre, { ...options, dimensions: 2 });
    expect(plane.losses).toHaveLength(25);
    expect(plane.losses.slice(10, 15)).toEqual(line.losses);
    // L(a, b) − L(a, 0) − L(0, b) + L(0, 0) of a quadratic is ab·d₁ᵀHd₂
    const at = (i: number, j: number): number => plane.losses[5 * j + i]!;
    const mixed = (i: number, j: number): number => at(i, j) - at(i, 2) - at(2, j) + at(2, 2);
    expect(mixed(0, 0)).toBeCloseTo(mixed(4, 4), digits);
    expect(mixed(0, 4)).toBeCloseTo(-mixed(4, 4), digits);
    expect(mixed(3, 3)).toBeCloseTo(mixed(4, 4) / 4, digits);
    expect(mixed(2, 0)).not.toBe(at(2, 0));
  });
});

describe("landscape", () => {
  it("is measured with the statistics of the centre", async () => {
    const frozenAt: number[][] = [];
    const watched: Objective = {
      ...bowl,
      loss: () => {
        throw new Error("evaluated unfrozen");
      },
      freeze(at) {
        frozenAt.push([...at]);
        return bowl;
      },
    };
    const options = { key: key(3), dimensions: 2, points: 3 } as const;
    const { losses } = await landscape(watched, params, options);
    expect(frozenAt).toEqual([[...params]]);
    expect(losses).toEqual((await landscape(bowl, params, options)).losses);
  });

  it("has null where the loss is not finite, takes one loss a point and is plain JSON", async () => {
    const wall = countGradients({
      ...bowl,
      loss: (w, batch) => (norm(w) > norm(params) * 1.05 ? Infinity : bowl.loss(w, batch)),
    });
    const found = await landscape(wall, params, { key: key(3), dimensions: 1, points: 9 });
    expect(found.losses).toContain(null);
    expect(found.losses[4]).not.toBeNull();
    expect([found.lossEvaluations, wall.gradients]).toEqual([wall.losses, 0]);
    expect(JSON.parse(JSON.stringify(found))).toEqual(found);
  });

  it("reports progress to its total and stops at its signal", async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const run = landscape(bowl, params, {
      key: key(0),
      dimensions: 1,
      points: 7,
      onProgress({ done, total }) {
        expect(total).toBe(7);
        seen.push(done);
        if (done === 4) controller.abort(new Error("enough"));
      },
      signal: controller.signal,
    });
    await expect(run).rejects.toThrow("enough");
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it.each([
    [{ points: 1 }, layout.size, "E_CONFIG"],
    [{ radius: 0 }, layout.size, "E_CONFIG"],
    [{}, 3, "E_SHAPE"],
  ])("refuses %o with %d parameters", async (options, size, code) => {
    const run = landscape(bowl, new Float64Array(size).fill(1), { key: key(0), dimensions: 1, ...options });
    await expect(run).rejects.toMatchObject({ code });
  });
});
