import { describe, expect, it } from "vitest";
import type { AtLossSeed, EvaluationRecord, MethodId, SharpnessSeed } from "../evaluation/results.ts";
import { ACCURACY } from "../tasks/types.ts";
import { type ComparedRecords, compareOptimizers } from "./comparisons.ts";
import { holm, pairedTest } from "./statistics.ts";
import { summarizeAtLoss, summarizeEvaluation, summarizeSharpness } from "./summaries.ts";

const task = "mnist/mlp";
const metrics = [ACCURACY];

/** `a1` is the repetition of a with meta-seed 1. */
function method(name: string): MethodId {
  const [optimizer = "", metaSeed] = name;
  return {
    optimizer,
    regularizer: "none",
    ...(metaSeed !== undefined && { source: [task], metaSeed: Number(metaSeed) }),
  };
}

const pair = { candidate: method("a"), baseline: method("b") };

function evaluation(name: string, accuracies: readonly (number | null)[]): EvaluationRecord {
  const seeds = accuracies.map((testAccuracy, seed) => ({
    seed,
    trainLoss: testAccuracy === null ? null : 1 - testAccuracy,
    testLoss: testAccuracy === null ? null : 1.1 - testAccuracy,
    metrics: { accuracy: testAccuracy },
    curve: [],
  }));
  return {
    task,
    method: method(name),
    spec: name,
    group: "learned",
    gradientsPerStep: 1,
    steps: 100,
    seeds,
    summary: summarizeEvaluation(seeds, metrics),
  };
}

function point(seed: number, size: number): SharpnessSeed {
  return {
    seed,
    loss: 0.3,
    gradientNorm: 0.2,
    topEigenvalue: size,
    radii: [0.05, 0.1].map((radius) => ({
      radius,
      maxLoss: 0.3 + radius * size,
      surrogateGap: radius * size,
      oneStepGap: radius * size,
      maxGradientNorm: size,
      curvatureGap: radius ** 2 * size,
    })),
  };
}

describe("compareOptimizers with repetitions", () => {
  const first = evaluation("a0", [0.9, 0.92, 0.91]);
  const second = evaluation("a1", [0.8, 0.83, 0.81]);
  const plain = [evaluation("b0", [0.85, 0.86, 0.85]), evaluation("b1", [0.82, 0.82, 0.82])];
  const sides = {
    candidate: { ...method("a"), source: [task] },
    baseline: { ...method("b"), source: [task] },
  };

  it("tests the means over repetitions, so that seeds stay the unit", () => {
    const [accuracy] = compareOptimizers({ evaluations: [first, second, ...plain], sharpness: [], metrics }, [
      sides,
    ]);
    const expected = pairedTest([0.85, 0.875, 0.86], [0.835, 0.84, 0.835]);
    expect(accuracy).toMatchObject({ ...sides, pairs: 3, measure: "accuracy" });
    expect(accuracy!.meanDifference).toBeCloseTo(expected.meanDifference!, 12);
    expect(accuracy!.p).toBeCloseTo(expected.p!, 10);
    expect(accuracy!.baselineMean).toBeCloseTo((0.835 + 0.84 + 0.835) / 3, 12);
  });

  it("counts the repetitions that agree in direction", () => {
    const [accuracy] = compareOptimizers({ evaluations: [first, second, ...plain], sharpness: [], metrics }, [
      sides,
    ]);
    // a0 is above b0 by more than a1 is below b1
    expect(accuracy).toMatchObject({ repetitions: 2, agreeing: 1 });
    const alone = compareOptimizers({ evaluations: [first, plain[0]!], sharpness: [], metrics }, [sides]);
    expect(alone[0]).not.toHaveProperty("repetitions");
  });

  it("leaves out the seeds that one repetition diverged on", () => {
    const lost = evaluation("a1", [0.8, null, 0.81]);
    const [accuracy] = compareOptimizers({ evaluations: [first, lost, ...plain], sharpness: [], metrics }, [
      sides,
    ]);
    expect(accuracy!.pairs).toBe(2);
  });

  it("compares the repetitions that both sides have, and one of them by its meta-seed", () => {
    const records = { evaluations: [first, second, plain[1]!], sharpness: [], metrics };
    const [shared] = compareOptimizers(records, [sides]);
    expect(shared!.meanDifference).toBeCloseTo((0.8 + 0.83 + 0.81) / 3 - 0.82, 12);
    const [one] = compareOptimizers(records, [{ candidate: method("a0"), baseline: method("b1") }]);
    expect(one!.meanDifference).toBeCloseTo(0.91 - 0.82, 12);
  });

  it("averages repetitions against a baseline that has none", () => {
    const hand = { ...evaluation("c", [0.5, 0.5, 0.5]), method: method("c") };
    const [test] = compareOptimizers({ evaluations: [first, second, hand], sharpness: [], metrics }, [
      { candidate: sides.candidate, baseline: hand.method },
    ]);
    expect(test).toMatchObject({ repetitions: 2, agreeing: 2 });
    expect(test!.meanDifference).toBeCloseTo((0.85 + 0.875 + 0.86) / 3 - 0.5, 12);
  });
});

describe("compareOptimizers on sharpness", () => {
  const sizes = { a: [1, 1.1, 0.9, 1.05], b: [2, 2.3, 1.9, 2.1] };
  const records: ComparedRecords = {
    evaluations: [evaluation("a", [0.9, 0.9, 0.9, 0.91]), evaluation("b", [0.9, 0.9, 0.9, 0.9])],
    metrics,
    sharpness: Object.entries(sizes).map(([name, values]) => {
      const seeds = values.map((size, seed) => point(seed, size));
      return { task, method: method(name), steps: 100, seeds, summary: summarizeSharpness(seeds) };
    }),
    sharpnessAtLoss: Object.entries(sizes).map(([name, values]) => {
      const seeds: AtLossSeed[] = values.map((size, seed) => ({ ...point(seed, 3 * size), step: 50 }));
      return {
        task,
        method: method(name),
        below: 0.5,
        every: 10,
        maxSteps: 100,
        seeds,
        summary: summarizeAtLoss(seeds),
      };
    }),
  };

  it("tests the three properties at every radius, after equal steps and at equal training loss", () => {
    const found = compareOptimizers(records, [{ ...pair, measures: "properties" }]);
    const places = found.map(({ measure, radius, below }) => `${measure} ${radius ?? ""} ${below ?? ""}`);
    expect(new Set(places).size).toBe(places.length);
    for (const below of ["", "0.5"]) {
      for (const measure of ["maxLoss", "surrogateGap", "maxGradientNorm"]) {
        for (const radius of [0.05, 0.1]) expect(places).toContain(`${measure} ${radius} ${below}`);
      }
      expect(places).toContain(`topEigenvalue  ${below}`);
    }
    const equalLoss = found.find(({ measure, below }) => measure === "topEigenvalue" && below === 0.5)!;
    const logarithms = pairedTest(sizes.a.map(Math.log), sizes.b.map(Math.log));
    expect(equalLoss.scale).toBe("share");
    expect(equalLoss.meanDifference).toBeCloseTo(Math.exp(logarithms.meanDifference!) - 1, 10);
    expect([equalLoss.low, equalLoss.high].map((end) => Math.log(1 + end!))).toEqual([
      expect.closeTo(logarithms.low!, 10),
      expect.closeTo(logarithms.high!, 10),
    ]);
    expect(equalLoss.p).toBeCloseTo(logarithms.p!, 12);
    expect(equalLoss.effectSize).toBeCloseTo(logarithms.effectSize!, 10);
  });

  it("decides by factors: one seed that is far sharper than the rest hides nothing", () => {
    const factor = 0.2;
    const plain = [70, 944, 100, 140, 120];
    const both = [plain.map((size, i) => size * factor * (1 + i / 50)), plain].map((values, i) => {
      const seeds = values.map((size, seed) => point(seed, size));
      return { task, method: method("ab"[i]!), steps: 100, seeds, summary: summarizeSharpness(seeds) };
    });
    const found = compareOptimizers({ evaluations: [], sharpness: both, metrics }, [pair]);
    const eigenvalue = found.find(({ measure }) => measure === "topEigenvalue")!;
    expect(eigenvalue.meanDifference).toBeCloseTo(-0.79, 1);
    expect(eigenvalue.p).toBeLessThan(1e-4);
    expect(
      pairedTest(
        ...(both.map(({ seeds }) => seeds.map((seed) => seed.topEigenvalue)) as [number[], number[]]),
      ).p,
    ).toBeGreaterThan(0.1);
  });

  it("compares by differences what is not above zero everywhere, and accuracies always", () => {
    const seeds = [1, 2, 3].map((size, seed) => ({ ...point(seed, size), topEigenvalue: size - 1 }));
    const [a, b] = ["a", "b"].map((name) => ({
      task,
      method: method(name),
      steps: 100,
      seeds,
      summary: summarizeSharpness(seeds),
    }));
    const found = compareOptimizers({ ...records, sharpness: [a!, b!] }, [pair]);
    expect(new Set(found.map(({ scale }) => scale))).toEqual(new Set([undefined, "share"]));
    for (const test of found) {
      const differs = test.measure === "accuracy" || (test.measure === "topEigenvalue" && !test.below);
      expect(test.scale).toBe(differs ? undefined : "share");
    }
  });

  it("corrects over everything it returns, equal loss included", () => {
    const found = compareOptimizers(records, [{ ...pair, measures: "properties" }]);
    expect(found.map(({ pHolm }) => pHolm)).toEqual(holm(found.map(({ p }) => p)));
  });

  it("judges tasks without metrics by their test loss, as a ratio", () => {
    const evaluations = records.evaluations.map((record) => ({
      ...record,
      seeds: record.seeds.map((seed) => ({ ...seed, metrics: {} })),
      summary: { ...record.summary, metrics: {} },
    }));
    const found = compareOptimizers({ ...records, evaluations }, [{ ...pair, measures: "quality" }]);
    expect(found.map(({ measure, scale }) => [measure, scale])).toEqual([["testLoss", "share"]]);
  });

  it("takes less where less is asked for", () => {
    const measures = (which: "quality" | "main") =>
      compareOptimizers(records, [{ ...pair, measures: which }]).map(({ measure }) => measure);
    expect(measures("quality")).toEqual(["accuracy"]);
    expect(new Set(measures("main"))).toEqual(
      new Set(["accuracy", "trainLoss", "topEigenvalue", "curvatureGap"]),
    );
  });
});
