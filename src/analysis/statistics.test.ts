import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mean } from "../evaluation/group.ts";
import { foldIn, key, randomIntegers } from "../random/key.ts";
import {
  asShare,
  bootstrapInterval,
  estimate,
  holm,
  incompleteBeta,
  logGamma,
  normalCdf,
  pairedTest,
  standardDeviation,
  studentQuantile,
  studentTail,
} from "./statistics.ts";

const candidate = [0.921, 0.915, 0.93, 0.918, 0.924];
const baseline = [0.905, 0.911, 0.913, 0.902, 0.916];

/** Agreement to a relative 1e-12: both sides compute in float64. */
function close(actual: number | null, expected: number, relative = 1e-12): void {
  expect(Math.abs((actual ?? Number.NaN) - expected)).toBeLessThanOrEqual(relative * Math.abs(expected));
}

describe("special functions agree with scipy 1.x", () => {
  it("incompleteBeta: scipy.special.betainc(a, b, x)", () => {
    close(incompleteBeta(0.5, 0.5, 0.3), 0.36901011956554536);
    close(incompleteBeta(2.5, 0.5, 0.9), 0.48958974456442755);
    close(incompleteBeta(10, 0.5, 0.01), 1.770034965528571e-21);
    close(incompleteBeta(2, 3, 0.5), 0.6875);
    close(incompleteBeta(50, 0.5, 0.999), 0.7523690199653766);
    expect(incompleteBeta(2, 3, 0)).toBe(0);
    expect(incompleteBeta(2, 3, 1)).toBe(1);
  });

  it("studentTail: 2 * scipy.stats.t.sf(abs(t), df)", () => {
    close(studentTail(2.5, 4), 0.06676654481198814);
    close(studentTail(0.3, 9), 0.7709907037415248);
    close(studentTail(-4, 2), 0.05719095841793663);
    close(studentTail(30, 4), 7.352856097661319e-6);
    close(studentTail(60, 99), 1.1818606072220213e-79, 1e-10);
    expect(studentTail(0, 3)).toBe(1);
  });

  it("studentQuantile: scipy.stats.t.ppf(q, df)", () => {
    close(studentQuantile(0.975, 1), 12.706204736174694);
    close(studentQuantile(0.975, 4), 2.7764451051977934);
    close(studentQuantile(0.975, 30), 2.0422724563012378);
    close(studentQuantile(0.9, 5), 1.4758840488244815);
    close(studentQuantile(0.025, 4), -2.7764451051977943);
  });

  it("normalCdf: scipy.stats.norm.cdf(x)", () => {
    expect(normalCdf(0)).toBe(0.5);
    close(normalCdf(0.5), 0.6914624612740131);
    close(normalCdf(1.96), 0.9750021048517795);
    close(normalCdf(3), 0.9986501019683699);
    close(normalCdf(-1.5), 0.06680720126885807);
    close(normalCdf(-6), 9.865876450376946e-10);
  });

  it("logGamma: scipy.special.gammaln(x)", () => {
    close(logGamma(0.5), 0.5723649429247);
    close(logGamma(2.5), 0.2846828704729192);
    close(logGamma(50.5), 146.51925549072064);
    close(logGamma(0.1), 2.252712651734206);
    expect(Math.abs(logGamma(1))).toBeLessThan(1e-14);
  });
});

describe("mean and standardDeviation", () => {
  it("agree with numpy.mean and numpy.std(ddof=1)", () => {
    close(mean(candidate), 0.9216000000000001);
    close(standardDeviation(candidate), 0.005770615218501409);
  });

  it("are NaN where they are not defined", () => {
    expect(mean([])).toBeNaN();
    expect(standardDeviation([1])).toBeNaN();
  });
});

describe("bootstrapInterval", () => {
  it("is the same for the same seed and moves little with another", () => {
    expect(bootstrapInterval(candidate, { seed: 3 })).toEqual(bootstrapInterval(candidate, { seed: 3 }));
    const [low, high] = bootstrapInterval(candidate, { seed: 3 });
    const [otherLow, otherHigh] = bootstrapInterval(candidate, { seed: 4 });
    expect(Math.abs(low - otherLow)).toBeLessThan(0.002);
    expect(Math.abs(high - otherHigh)).toBeLessThan(0.002);
  });

  it("lies inside the sample's range and contains the mean", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 2, maxLength: 8 }),
        (x) => {
          const [low, high] = bootstrapInterval(x, { resamples: 2000 });
          const slack = 1e-9;
          expect(low).toBeGreaterThanOrEqual(Math.min(...x) - slack);
          expect(high).toBeLessThanOrEqual(Math.max(...x) + slack);
          expect(low).toBeLessThanOrEqual(mean(x) + slack);
          expect(high).toBeGreaterThanOrEqual(mean(x) - slack);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("covers the true mean of five near-normal values about nineteen times in twenty", () => {
    const trials = 600;
    const die = new Uint32Array(60);
    let covered = 0;
    for (let trial = 0; trial < trials; trial++) {
      randomIntegers(foldIn(key(11), trial), die, 1001);
      // Each value is a mean of twelve uniform draws on {0 … 1000}: normal enough, true mean 500.
      const values = [0, 12, 24, 36, 48].map((start) => mean([...die.subarray(start, start + 12)]));
      const [low, high] = bootstrapInterval(values, { resamples: 4000 });
      if (low <= 500 && 500 <= high) covered++;
    }
    // An interval over five values cannot leave their range, which caps coverage at 1 − 2/2⁵ = 93.75 %; the
    // plain percentile interval reaches 84 %. ±3 standard errors of 600 trials are ±3.6 points.
    expect(covered / trials).toBeGreaterThan(0.88);
    expect(covered / trials).toBeLessThan(0.975);
  });

  it("agrees with the t interval for a large symmetric sample", () => {
    const values = Array.from({ length: 200 }, (_, i) => i);
    const [low, high] = bootstrapInterval(values);
    const margin = (studentQuantile(0.975, 199) * standardDeviation(values)) / Math.sqrt(200);
    expect(Math.abs(low - (99.5 - margin))).toBeLessThan(0.05 * margin);
    expect(Math.abs(high - (99.5 + margin))).toBeLessThan(0.05 * margin);
  });
});

describe("estimate", () => {
  it("counts finite values only", () => {
    const result = estimate([1, null, 3, Number.NaN, undefined, Number.POSITIVE_INFINITY]);
    expect(result.mean).toBe(2);
    expect(result.count).toBe(2);
  });

  it("gives no interval for one value and nothing for none", () => {
    expect(estimate([1, 2, 10])).toMatchObject({
      low: expect.closeTo(-7.92063, 5),
      high: expect.closeTo(16.58729, 5),
    });
    expect(estimate([0.1, 0.1, 0.9], { within: [0, 1] })).toMatchObject({ low: 0, high: 1 });
    expect(estimate([4])).toEqual({ mean: 4, sd: null, low: null, high: null, count: 1 });
    expect(estimate([null])).toEqual({ mean: null, sd: null, low: null, high: null, count: 0 });
  });
});

describe("pairedTest", () => {
  it("agrees with scipy.stats.ttest_rel(candidate, baseline) and its confidence_interval(0.95)", () => {
    const result = pairedTest(candidate, baseline);
    expect(result.pairs).toBe(5);
    close(result.meanDifference, 0.012200000000000011, 1e-10);
    close(result.t, 4.664786588701423, 1e-10);
    close(result.p, 0.009555379275183046, 1e-10);
    close(result.low, 0.004938653818492803, 1e-10);
    close(result.high, 0.01946134618150722, 1e-10);
    close(result.effectSize, 2.0861559825731466, 1e-10);
  });

  it("agrees with scipy.stats.ttest_rel([1, 2, 3], [1.5, 1.5, 3.5])", () => {
    const result = pairedTest([1, 2, 3], [1.5, 1.5, 3.5]);
    close(result.t, -0.5);
    close(result.p, 2 / 3);
  });

  it("is antisymmetric in its arguments", () => {
    const there = pairedTest(candidate, baseline);
    const back = pairedTest(baseline, candidate);
    expect(back.meanDifference).toBeCloseTo(-there.meanDifference!, 15);
    close(back.p, there.p!);
  });

  it("leaves out pairs with a diverged side", () => {
    expect(pairedTest([1, null, 3, 4], [0, 1, Number.NaN, 2]).pairs).toBe(2);
  });

  it("handles equal differences, one pair and none", () => {
    expect(pairedTest([1, 2], [1, 2])).toMatchObject({ meanDifference: 0, t: null, p: 1, effectSize: null });
    const [equal, rounded] = [pairedTest([2, 3], [1, 2]), pairedTest([0.95, 0.96], [0.94, 0.95])];
    expect(equal).toMatchObject({ meanDifference: 1, t: null, p: null, low: 1, high: 1 });
    // .96 − .95 is not quite .95 − .94, which is no evidence of anything
    expect(rounded).toMatchObject({ meanDifference: expect.closeTo(0.01, 12), t: null, p: null });
    expect(pairedTest([2], [1])).toMatchObject({ pairs: 1, meanDifference: 1, p: null, low: null });
    expect(pairedTest([], [])).toMatchObject({ pairs: 0, meanDifference: null, p: null });
  });
});

describe("asShare", () => {
  it("turns logarithms of ratios into changes, and leaves what cannot be told alone", () => {
    const half = { mean: Math.log(0.5), sd: 0.1, low: Math.log(0.4), high: Math.log(1.25), count: 3 };
    const { mean, sd, low, high, count } = asShare(half, "mean");
    expect([mean, low, high]).toEqual([-0.5, -0.6, 0.25].map((share) => expect.closeTo(share, 12)));
    expect([sd, count]).toEqual([0.1, 3]);
    const single = pairedTest([Math.log(3)], [0]);
    expect(asShare(single, "meanDifference")).toMatchObject({
      meanDifference: expect.closeTo(2, 12),
      low: null,
    });
  });
});

describe("holm", () => {
  it("steps down: [.01, .04, .03, .005] becomes [.03, .06, .06, .02]", () => {
    const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
    [0.03, 0.06, 0.06, 0.02].forEach((expected, i) => {
      close(adjusted[i]!, expected);
    });
  });

  it("keeps nulls, never lowers a p-value and never exceeds one", () => {
    expect(holm([null, 0.5, 0.9])).toEqual([null, 1, 1]);
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (p) => {
        holm(p).forEach((adjusted, i) => {
          expect(adjusted).toBeGreaterThanOrEqual(p[i]!);
          expect(adjusted).toBeLessThanOrEqual(1);
        });
      }),
    );
  });
});
