import { describe, expect, it } from "vitest";
import { key, normal } from "../random/key.ts";
import { countGradients } from "../regularizers/count.ts";
import { quarticObjective } from "../testing/quartic.ts";
import { hessianTrace } from "./trace.ts";

const n = 10;
const draws = new Float64Array(n * n);
normal(key(7), draws);
const matrix = Array.from({ length: n }, (_, i) =>
  Array.from({ length: n }, (_, j) => draws[i * n + j]! + draws[j * n + i]!),
);
const diagonal = matrix.map((row, i) => row[i]!);
const exact = diagonal.reduce((sum, x) => sum + x, 0);
/** Variance of one probe: 2 Σ_{i≠j} H_ij². */
const variance =
  2 * matrix.flatMap((row, i) => row.filter((_, j) => j !== i)).reduce((sum, x) => sum + x * x, 0);
const objective = quarticObjective(matrix, { quartic: 0 });
const origin = new Float64Array(n);

describe("hessianTrace", () => {
  it("is without bias: the mean of many estimates lies within five of its standard errors", async () => {
    const probes = 1000;
    const { value } = await hessianTrace(countGradients(objective), origin, {
      key: key(1),
      maxProbes: probes,
      tolerance: 0,
    });
    expect(Math.abs(value - exact)).toBeLessThan(5 * Math.sqrt(variance / probes));
  });

  it("knows its error: estimates scatter by the standard errors they state", async () => {
    const probes = 10;
    let squares = 0;
    let stated = 0;
    const runs = 100;
    for (let run = 0; run < runs; run++) {
      const found = await hessianTrace(objective, origin, { key: key(run), maxProbes: probes, tolerance: 0 });
      squares += (found.value - exact) ** 2 / runs;
      stated += found.standardError ** 2 / runs;
    }
    // the ratio of a mean of 100 squares to its expectation has a standard deviation of about √(2/100) = 0.14
    expect(squares / (variance / probes)).toBeGreaterThan(0.3);
    expect(squares / (variance / probes)).toBeLessThan(1.7);
    expect(stated / (variance / probes)).toBeGreaterThan(0.8);
    expect(stated / (variance / probes)).toBeLessThan(1.2);
  });

  it.each([
    [Float64Array, true, 1e-12],
    [Float64Array, false, 1e-6],
    [Float32Array, false, 1e-3],
  ] as const)(
    "is exact from the first probes for a diagonal Hessian (%o, exact products: %s)",
    async (kind, products, error) => {
      const values = [5, -2, 0.5, 1];
      const rows = values.map((value, i) => values.map((_, j) => (i === j ? value : 0)));
      const bowl = quarticObjective(rows, { quartic: 0, exactProducts: products });
      const found = await hessianTrace(bowl, new kind(4), { key: key(0) });
      expect(Math.abs(found.value - 4.5)).toBeLessThan(4.5 * error);
      expect(found).toMatchObject({ probes: 10, converged: true });
      expect(found.standardError).toBeLessThan(4.5 * error);
    },
  );

  it("stops at the relative standard error asked for, or says that it did not get there", async () => {
    const shifted = quarticObjective(
      matrix.map((row, i) => row.map((x, j) => (i === j ? x + 20 : x))),
      { quartic: 0, exactProducts: false },
    );
    const options = { key: key(3), tolerance: 0.01 };
    const found = await hessianTrace(shifted, origin, { ...options, maxProbes: 1000 });
    expect(found.converged).toBe(true);
    expect(found.standardError).toBeLessThanOrEqual(0.01 * found.value);
    expect(found.probes).toBeGreaterThan(10);
    expect(found.gradientEvaluations).toBe(2 * found.probes);
    const short = await hessianTrace(shifted, origin, { ...options, maxProbes: 11 });
    expect(short).toMatchObject({ converged: false, probes: 11 });
  });

  it("is stopped by its signal", async () => {
    const controller = new AbortController();
    const onProgress = (done: number): void => {
      if (done === 3) controller.abort(new Error("enough"));
    };
    const running = hessianTrace(objective, origin, { key: key(0), onProgress, signal: controller.signal });
    await expect(running).rejects.toThrow("enough");
  });

  it.each([{ maxProbes: 1 }, { maxProbes: 2.5 }, { tolerance: -1 }, { tolerance: NaN }])(
    "refuses %o",
    async (options) => {
      const running = hessianTrace(objective, origin, { key: key(0), ...options });
      await expect(running).rejects.toMatchObject({ code: "E_CONFIG" });
    },
  );
});
