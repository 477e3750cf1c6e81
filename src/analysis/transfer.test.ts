import { describe, expect, it } from "vitest";
import { groupOf } from "../evaluation/method-id.ts";
import type { EvaluationRecord, MethodId, SharpnessRecord } from "../evaluation/results.ts";
import { ACCURACY } from "../tasks/types.ts";
import { compareOptimizers } from "./comparisons.ts";
import { summarizeEvaluation, summarizeSharpness } from "./summaries.ts";
import { transferMatrix } from "./transfer.ts";

const tasks = ["mnist/mlp", "cifar-10/cnn"];
const metrics = [ACCURACY];
const learned: MethodId[] = ["none", "sam"].flatMap((regularizer) =>
  [0, 1].map((metaSeed) => ({ optimizer: "lstm", regularizer, source: ["mnist/mlp"], metaSeed })),
);

/** SAM is better by two points everywhere, and a half, a quarter and an eighth as sharp from the three seeds. */
const evaluations = learned.flatMap((method) =>
  tasks.map((task): EvaluationRecord => {
    const seeds = [0, 1, 2].map((seed) => ({
      seed,
      trainLoss: 0.4,
      testLoss: 0.5,
      metrics: {
        accuracy: 0.8 + seed / 100 + method.metaSeed! / 50 + (method.regularizer === "sam" ? 0.02 : 0),
      },
      curve: [],
    }));
    const summary = summarizeEvaluation(seeds, metrics);
    return {
      task,
      method,
      spec: "learned:x",
      group: "learned",
      gradientsPerStep: 1,
      steps: 100,
      seeds,
      summary,
    };
  }),
);
const sharpness = learned.map((method): SharpnessRecord => {
  const seeds = [0, 1, 2].map((seed) => {
    const size = (10 + seed) * (method.regularizer === "sam" ? 0.5 ** (seed + 1) : 1);
    const at = {
      radius: 0.1,
      maxLoss: size,
      surrogateGap: size,
      oneStepGap: 1,
      maxGradientNorm: 1,
      curvatureGap: seed - 1,
    };
    return { seed, loss: 0.4, gradientNorm: 0.2, topEigenvalue: size, radii: [at] };
  });
  return { task: tasks[0]!, method, steps: 100, seeds, summary: summarizeSharpness(seeds) };
});

describe("transferMatrix", () => {
  const cells = transferMatrix({ evaluations, sharpness, metrics }, learned);
  const find = (regularizer: string, measure: string, task = tasks[0]) =>
    cells.find(
      (cell) => cell.method.regularizer === regularizer && cell.measure === measure && cell.task === task,
    );

  it("has a cell for every source, regularizer, task, number of steps and measure", () => {
    for (const regularizer of ["none", "sam"]) {
      for (const task of tasks) expect(find(regularizer, "accuracy", task)).toBeDefined();
      expect(find(regularizer, "surrogateGap")).toMatchObject({
        method: { optimizer: "lstm", regularizer, source: ["mnist/mlp"] },
        steps: 100,
        radius: 0.1,
      });
    }
    // sharpness was measured on one task only
    expect(find("sam", "topEigenvalue", tasks[1])).toBeUndefined();
  });

  it("takes means over seeds of the means over meta-seeds", () => {
    expect(find("none", "accuracy")!.value).toMatchObject({ count: 3 });
    expect(find("none", "accuracy")!.value.mean).toBeCloseTo(0.82, 12);
  });

  it("gives changes in points of accuracy, and as geometric means of ratios for everything else", () => {
    const accuracy = find("sam", "accuracy", tasks[1])!.change!;
    expect(accuracy.mean).toBeCloseTo(0.02, 12);
    expect(find("sam", "topEigenvalue")!.change!.mean).toBeCloseTo(0.25 - 1, 12);
    expect(find("none", "topEigenvalue")).not.toHaveProperty("change");
  });

  it("gives no change where a value is not above zero", () => {
    expect(find("sam", "curvatureGap")!.value).toMatchObject({ count: 3 });
    expect(find("sam", "curvatureGap")).not.toHaveProperty("change");
  });

  it("has the numbers of the paired test", () => {
    const tests = compareOptimizers({ evaluations, sharpness, metrics }, [
      { candidate: groupOf(learned[2]!), baseline: groupOf(learned[0]!), measures: "properties" },
    ]);
    const compared = tests.filter(({ task, measure }) => task === tasks[0] && find("sam", measure)?.change);
    expect(compared.length).toBeGreaterThan(4);
    for (const { measure, meanDifference, low, high, pairs } of compared) {
      expect(find("sam", measure)!.change).toMatchObject({ mean: meanDifference, low, high, count: pairs });
    }
  });

  it("compares with the plain optimizer of the same meta-seed only", () => {
    const onlyFirst = learned.filter(({ regularizer, metaSeed }) => regularizer === "sam" || metaSeed === 0);
    const cell = transferMatrix({ evaluations, sharpness, metrics }, onlyFirst).find(
      ({ method, measure }) => method.regularizer === "sam" && measure === "accuracy",
    )!;
    expect(cell.change).toMatchObject({ count: 3 });
    expect(cell.value).toMatchObject({ count: 3 });
  });
});
