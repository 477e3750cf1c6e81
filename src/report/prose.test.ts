import { describe, expect, it } from "vitest";
import { syntheticResults } from "../../test/report/fixture.ts";
import { labelsOf } from "./labels.ts";
import { findingSentences, summaryOf } from "./prose.ts";

const results = syntheticResults({ steps: [100, 300], seeds: 5 });
const labels = labelsOf(results);
const nothing = { metaTraining: [], evaluations: [], sharpness: [], comparisons: [] };

describe("summaryOf", () => {
  it("tells what was meta-trained, run and measured", () => {
    expect(summaryOf(results, labels)).toEqual([
      "Two learned optimizers were meta-trained on synthetic-digits/mlp for 120 outer steps: LSTM, without a regularizer; LSTM + SAM, with sam:rho=0.05 in its meta-objective.",
      "LSTM, LSTM + SAM, Adam and Adam + SAM were each run on synthetic-digits/mlp for 100 and 300 steps with five seeds.",
      "Sharpness was measured around the points they reached, in balls of radius 0.001, 0.005, 0.05 and 0.1.",
      "The whole command took 4 min 12 s.",
    ]);
  });

  it("counts the runs of an experiment, whenever they were made, beside the meta-training", () => {
    const grown = summaryOf({ ...results, runSeconds: 7261 }, labels);
    expect(grown.at(-1)).toMatch(
      /^The runs took 2 h 1 min of one core\. Meta-training took .+ beforehand\.$/,
    );
    expect(summaryOf({ ...results, ...nothing, runSeconds: 60 }, labels).at(-1)).toMatch(/of one core\.$/);
  });

  it("tells who ran where there is only sharpness", () => {
    const [first, second] = summaryOf(
      { ...results, ...nothing, sharpness: results.sharpness.slice(0, 1) },
      labels,
    );
    expect(first).toBe("LSTM was run on synthetic-digits/mlp for 300 steps with five seeds.");
    expect(second).toMatch(/^Sharpness was measured around the points/);
  });
});

describe("findingSentences", () => {
  it("names the best means at the longest run, then each tested pair once", () => {
    const findings = findingSentences(results, labels);
    expect(findings.length).toBe(3);
    expect(findings[0]!.text).toMatch(
      /^After 300 steps on synthetic-digits\/mlp, LSTM has the lowest mean training loss/,
    );
    expect(findings[1]!.text).toMatch(
      /^LSTM \+ SAM against LSTM, 300 steps .* test accuracy is .* curvature gap at radius 0\.1 is/,
    );
  });

  it("marks a pair as decided only where a corrected p is below 0.05, and says where one is not", () => {
    const weak = results.comparisons.map((comparison) => ({ ...comparison, pHolm: 0.4 }));
    const undecided = findingSentences({ ...results, comparisons: weak }, labels).slice(1);
    expect(undecided.length).toBe(2);
    for (const { text, decided } of undecided) {
      expect(decided).toBe(false);
      expect(text.match(/not significant/g)?.length).toBe(2);
    }
    const strong = results.comparisons.map((comparison) => ({ ...comparison, pHolm: 0.01 }));
    const significant = findingSentences({ ...results, comparisons: strong }, labels).slice(1);
    expect(significant.length).toBe(2);
    for (const { text, decided } of significant) {
      expect(decided).toBe(true);
      expect(text).not.toContain("not significant");
    }
  });

  it("says when there are too few seeds for a test", () => {
    const texts = findingSentences(syntheticResults({ steps: [20], seeds: 1 }), labels).map(
      ({ text }) => text,
    );
    expect(texts[1]).toContain("too few seeds for a test");
  });

  it("finds nothing in a single run", () => {
    expect(
      findingSentences({ ...results, ...nothing, evaluations: results.evaluations.slice(0, 1) }, labels),
    ).toEqual([]);
  });
});
