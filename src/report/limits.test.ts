import { describe, expect, it } from "vitest";
import { paperResults } from "../../test/report/paper-fixture.ts";
import { edgeOf, limitsOf } from "../analysis/limits.ts";
import type { TuningRecord } from "../evaluation/results.ts";
import { sentenceOf } from "./catalogue.ts";
import { labelsOf } from "./labels.ts";

const results = paperResults({ sharpness: 0.5, accuracy: 0.02 });

const record = (rates: readonly string[], chosen: string): TuningRecord => ({
  task: "mnist/mlp",
  method: { optimizer: "adam", regularizer: "sam" },
  seeds: [1000],
  candidates: rates.map((lr) => ({
    spec: `adam:lr=${lr}+sam:rho=0.05`,
    scores: [{ steps: 100, loss: 1 }],
    gradientEvaluations: 1,
  })),
  chosen: [{ steps: 100, spec: `adam:lr=${chosen}+sam:rho=0.05` }],
});

describe("edgeOf", () => {
  it.each([
    ["0.001", "lowest"],
    ["0.01", undefined],
    ["0.1", "highest"],
  ])("of %s is %s", (chosen, edge) => {
    const tuned = record(["0.001", "0.01", "0.1"], chosen);
    expect(edgeOf(tuned, tuned.chosen[0]!.spec)).toBe(edge);
  });

  it("of the only rate there was is nothing", () => {
    const tuned = record(["0.01"], "0.01");
    expect(edgeOf(tuned, tuned.chosen[0]!.spec)).toBeUndefined();
  });
});

describe("limitsOf", () => {
  const labels = labelsOf(results);
  const text = (changes: object) =>
    limitsOf({ ...results, ...changes })
      .map((limit) => sentenceOf(limit, labels))
      .join("\n");

  it("names the sources that were meta-trained on once", () => {
    expect(text({})).not.toContain("one meta-training run");
    const once = results.metaTraining.filter(
      ({ method }) => method.source?.join() !== "cifar-10/cnn" || method.metaSeed === 0,
    );
    expect(text({ metaTraining: once })).toContain(
      "From cifar-10/cnn (JPEG copy) there is one meta-training run for each regularizer",
    );
  });

  it("says where runs differ in more than what is compared", () => {
    expect(text({})).not.toMatch(/Meta-training runs on|Repetitions/);
    const own = results.metaTraining.filter(({ method }) => method.source?.join() === "cifar-10/cnn");
    const repeated = own.map((run) => ({
      ...run,
      settings: {
        outerSteps: 4000 - 1600 * run.method.metaSeed!,
        seed: run.method.metaSeed!,
        keepCheckpoints: run.method.metaSeed!,
      },
    }));
    const half = own.length / 2;
    expect(text({ metaTraining: repeated })).toContain(
      `Repetitions of meta-training on cifar-10/cnn (JPEG copy) differ in more than the meta-seed: outerSteps is 4000 in ${half} and 2400 in ${half} of `,
    );
    const [one, ...others] = repeated;
    const metaTraining = [{ ...one!, settings: { ...one!.settings, init: "runs/plain" } }, ...others];
    expect(text({ metaTraining })).toContain(
      `differ in more than the regularizer, and what is compared may be that: init is runs/plain in 1 and none in ${own.length - 1} of `,
    );
  });

  it("says where meta-validation was still improving at the end", () => {
    const curve = (losses: readonly (number | null)[]) =>
      losses.map((loss, i) => ({ outerStep: 100 * (i + 1), loss }));
    const [run] = results.metaTraining;
    const withCurves = (...curves: (readonly (number | null)[])[]) =>
      text({
        metaTraining: curves.map((losses, i) => ({
          ...run!,
          method: { ...run!.method, metaSeed: i },
          metaValidationCurve: curve(losses),
        })),
      });
    const [falling, slower, flat] = [
      [9, 7, 5, 4, 3],
      [9, 7, 5, 4, 3.9],
      [9, 4, 5, 5, 3.99],
    ];
    expect(withCurves(falling!, slower!, flat!)).toContain(
      "in 2 of 3 runs with five meta-validations or more the lowest meta-validation loss still fell by more than 1 % in the last fifth of the outer steps, most in that of LSTM from mnist/mlp #0, by 25.0 %.",
    );
    expect(withCurves(flat!)).not.toContain("More meta-training");
    // diverged all the way to the last look; a loss that may be negative; too few looks
    for (const losses of [
      [null, null, null, null, 3],
      [9, 3, -1, -2, -3],
      [9, null, 5, 4, 3],
      [9, 3],
    ]) {
      expect(withCurves(losses)).not.toContain("More meta-training");
    }
  });

  it("says how many tests at equal training loss rest on fewer seeds", () => {
    const [first, ...others] = results.comparisons;
    expect(text({})).not.toContain("Seeds that did not get there");
    expect(text({ comparisons: [{ ...first!, below: 0.5, pairs: 2, p: 0.5 }, ...others] })).toContain(
      "down to 2, those that trained fastest",
    );
  });

  it("says what effect a single test, or the first of many, needs", () => {
    const test = results.comparisons.find(({ pairs }) => pairs > 2)!;
    const ten = (count: number) => Array(count).fill({ ...test, pairs: 10, p: 0.5 });
    // SciPy: t of 9 degrees of freedom at 0.975 and at 1 − 0.025/100, over √10
    expect(text({ comparisons: ten(1) })).toContain("mean difference of 0.715 standard deviations");
    expect(text({ comparisons: ten(100) })).toContain("mean difference of 1.67 standard deviations");
    expect(text({ comparisons: [] })).not.toContain("Undecided");
  });

  it("says where tuning took the least of every regularizer", () => {
    const withRadii = (chosen: string): TuningRecord => {
      const tuned = record(["0.01", "0.1"], "0.01");
      const [one] = tuned.candidates;
      return {
        ...tuned,
        candidates: ["0.02", "0.2"].map((rho) => ({ ...one!, spec: `adam:lr=0.01+sam:rho=${rho}` })),
        chosen: [{ steps: 100, spec: `adam:lr=0.01+sam:rho=${chosen}` }],
      };
    };
    expect(text({ tuning: [withRadii("0.02")] })).toContain("The smallest radius was chosen for 1 of 1");
    expect(text({ tuning: [withRadii("0.2")] })).not.toContain("smallest radius");
  });

  it("counts the learning rates at an end of their range", () => {
    const tuning = ["0.001", "0.01", "0.1"].map((chosen) => record(["0.001", "0.01", "0.1"], chosen));
    expect(text({ tuning })).toContain("2 of 3 learning rates chosen lie at an end of their range");
    expect(text({ tuning: [tuning[1]!] })).toContain("every learning rate chosen lies inside its range");
  });
});
