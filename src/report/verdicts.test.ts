import { describe, expect, it } from "vitest";
import { paperResults } from "../../test/report/paper-fixture.ts";
import { type Verdict, verdictsOf } from "../analysis/verdicts.ts";
import { isHome, methodKey } from "../evaluation/method-id.ts";
import type { Results } from "../evaluation/results.ts";
import { ruleOf, sentenceOf } from "./catalogue.ts";
import { labelsOf } from "./labels.ts";

const flatter = paperResults({ sharpness: 0.5, accuracy: 0.02 });
const sharper = paperResults({ sharpness: 1.5, accuracy: -0.05 });
const same = paperResults({ sharpness: 1, accuracy: 0 });

function outcomes(results: Results): Record<string, string> {
  return Object.fromEntries(verdictsOf(results).map(({ id, outcome }) => [id, outcome]));
}

function find(results: Results, id: Verdict["id"]): Verdict {
  return verdictsOf(results).find((verdict) => verdict.id === id)!;
}

function sentences(results: Results, id: Verdict["id"]): string[] {
  const labels = labelsOf(results);
  return find(results, id).facts.map((fact) => sentenceOf(fact, labels));
}

describe("verdictsOf", () => {
  it("finds every claim reproduced where regularized optimizers are flatter and better", () => {
    expect(outcomes(flatter)).toEqual({
      learned: "reproduced",
      transfer: "reproduced",
      radius: "reproduced",
      cost: "reproduced",
    });
  });

  it("finds none reproduced where they are sharper and worse", () => {
    expect(outcomes(sharper)).toEqual({
      learned: "not reproduced",
      transfer: "not reproduced",
      radius: "not reproduced",
      // one gradient a step it is, but accuracy is given up for it
      cost: "not reproduced",
    });
    expect(sentences(sharper, "learned").join(" ")).toMatch(/significantly higher in [1-9]/);
  });

  it("does not take noise for an effect", () => {
    for (const id of ["learned", "transfer", "radius"] as const) {
      expect(find(same, id).outcome).toBe("undecided");
    }
  });

  it("finds the claim partly reproduced where it holds after equal steps but not at equal training loss", () => {
    const mixed = paperResults({ sharpness: 0.5, sharpnessAtLoss: 1, accuracy: 0.02 });
    expect(find(mixed, "learned").outcome).toBe("partly reproduced");
    expect(sentences(mixed, "learned").join(" ")).toContain(
      "At equal training loss: significantly lower in 0",
    );
  });

  it("never finds flatness fully reproduced where nothing was compared at equal training loss", () => {
    const unequal = paperResults({ sharpness: 0.5, accuracy: 0.02 }, { atLoss: false });
    expect(find(unequal, "learned").outcome).toBe("partly reproduced");
    expect(sentences(unequal, "learned").join(" ")).toContain("may only mean “less trained”");
  });

  it("says that nothing was tested where nothing was", () => {
    const { sharpnessAtLoss: _, transfer: __, ...rest } = flatter;
    const empty: Results = { ...rest, comparisons: [], sharpness: [] };
    expect(new Set(Object.values(outcomes(empty)))).toEqual(new Set(["not tested"]));
  });

  it("tells what was counted, regularizer by regularizer", () => {
    const text = sentences(flatter, "learned").join("\n");
    // 2 sources × 2 radii
    expect(text).toMatch(/SAM, maximum loss .* lower in 4 of 4/);
    expect(text).toMatch(/GAM, maximum gradient norm .* lower in 4 of 4/);
    expect(text).toContain(
      "As a control, the top eigenvalue with an explicit regularizer on the same optimizer: significantly lower in 2 of 2",
    );
  });

  it("tells what a step and meta-training cost", () => {
    const text = sentences(flatter, "cost").join("\n");
    expect(text).toContain(
      "A step of a learned optimizer takes 1 gradient, one with an explicit regularizer 2.",
    );
    expect(text).toContain("test accuracy is significantly no worse by 1 point in");
    expect(text).not.toContain("as its authors released it");
    expect(text).toContain("0.500 times as long");
    expect(text.replace(/\u202f/g, "")).toContain("48000 gradients in 12 runs");
  });
});

describe("ruleOf", () => {
  it("says by which rule a verdict was decided, whatever it is", () => {
    for (const results of [flatter, sharper, same]) {
      for (const verdict of verdictsOf(results)) {
        expect(ruleOf(verdict)).toMatch(new RegExp(`^${verdict.outcome}: .*(test|tests).*\\. (Parts|For): `));
      }
    }
  });
});

describe("what is left open", () => {
  it("is told where too few runs got to the equal training loss for a test", () => {
    let dropped = 0;
    const comparisons = flatter.comparisons.map((test) => {
      const own = test.below !== undefined && test.measure === "maxLoss" && isHome(test.candidate, test.task);
      if (!own || dropped++ > 0) return test;
      return { ...test, pairs: 1, p: null, pHolm: null };
    });
    const at = (results: Results) =>
      sentences(results, "learned").find((text) => text.startsWith("At equal"));
    expect(at(flatter)).not.toContain("too few runs");
    expect(at({ ...flatter, comparisons })).toContain("(in 1 more too few runs got there)");
  });

  it("is told where what is flatter or sharper is not equally trained", () => {
    const told = (results: Results, id: "learned" | "transfer" | "radius") =>
      sentences(results, id).find((text) => text.includes("the training loss differs significantly too"));
    const trained = new Set(
      flatter.comparisons.flatMap(({ measure, candidate, baseline, task }) =>
        measure === "trainLoss" && isHome(candidate, task) && baseline.source !== undefined
          ? [methodKey(candidate)]
          : [],
      ),
    );
    const own = new Set([...trained].slice(0, 1));
    const withLoss = (candidates: ReadonlySet<string>, results: Results): Results => ({
      ...results,
      comparisons: results.comparisons.map((test) => {
        if (test.measure !== "trainLoss" || test.below !== undefined) return test;
        const differs = candidates.has(methodKey(test.candidate)) && isHome(test.candidate, test.task);
        return { ...test, pHolm: differs ? 1e-6 : 1, ...(differs && { agreeing: test.repetitions! }) };
      }),
    });
    for (const results of [flatter, sharper]) {
      expect(told(withLoss(new Set(), results), "learned")).toBeUndefined();
      // 2 sources × 2 regularizers × 2 radii
      expect(told(withLoss(trained, results), "learned")).toContain(
        "In 8 of these 8 significant differences",
      );
      expect(told(withLoss(own, results), "learned")).toContain("In 2 of these 8 significant differences");
      expect(told(withLoss(own, results), "transfer")).toBeUndefined();
      expect(told(withLoss(own, results), "radius")).toContain("In 2 of these 16");
    }
    expect(find(withLoss(own, sharper), "learned").tallies["equal steps"]).toMatchObject({
      against: 8,
      unequallyTrained: 2,
    });
  });

  it("is told where an accuracy is significantly lower, but by less than a point", () => {
    const comparisons = flatter.comparisons.map((test) =>
      test.measure === "accuracy" && test.candidate.source !== undefined && test.baseline.source === undefined
        ? {
            ...test,
            meanDifference: -0.006,
            low: -0.008,
            high: -0.004,
            p: 1e-8,
            pHolm: 1e-6,
            repetitions: 1,
            agreeing: 1,
          }
        : test,
    );
    expect(sentences({ ...flatter, comparisons }, "cost").join(" ")).toMatch(
      /no worse by 1 point in (\d+) of \1 \(in \1 of them significantly lower, by less\), significantly lower in 0 of the others/,
    );
  });
});
