import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { foldIn, key } from "../../random/key.ts";
import type { ScheduleState } from "../types.ts";
import { curriculum } from "./curriculum.ts";
import { logUniform } from "./log-uniform.ts";
import { buildSchedule, formatSchedule } from "./registry.ts";

describe("log-uniform", () => {
  it("draws lengths within its bounds, half of them below the geometric mean", () => {
    const schedule = logUniform(100, 2000);
    const drawn = Array.from({ length: 4000 }, (_, i) => schedule.horizon({}, foldIn(key(1), i)));
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(2000);
    const below = drawn.filter((horizon) => horizon < Math.sqrt(100 * 2001)).length / drawn.length;
    // 4 standard deviations of a share of 4,000 coins
    expect(Math.abs(below - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / 4000));
  });
});

/** Feeds meta-validation losses and keeps what follows from each. */
function judge(schedule = curriculum([10, 20, 40], { patience: 2 }), losses: readonly number[] = []) {
  let state: ScheduleState = schedule.initial();
  return losses.map((loss) => {
    const verdict = schedule.validated!(state, loss);
    state = verdict.state;
    return {
      ...verdict,
      horizon: schedule.horizon(state, key(0)),
      validatedAt: schedule.validationHorizon(state),
    };
  });
}

describe("curriculum", () => {
  it("trains at one horizon and validates at the next", () => {
    const schedule = curriculum([10, 20, 40]);
    expect(schedule.horizon(schedule.initial(), key(0))).toBe(10);
    expect(schedule.validationHorizon(schedule.initial())).toBe(20);
    expect(schedule.needsValidation!(schedule.initial())).toBe(true);
  });

  it("goes on to the next horizon from the best φ after `patience` validations without improvement", () => {
    const verdicts = judge(undefined, [1, 0.8, 0.9, 0.85]);
    expect(verdicts.map(({ best }) => best)).toEqual([true, true, false, false]);
    expect(verdicts.map(({ horizon }) => horizon)).toEqual([10, 10, 10, 20]);
    expect(verdicts[3]).toMatchObject({ fromBest: true, validatedAt: 40 });
    expect(verdicts[3]!.stop).toBeUndefined();
  });

  it("stops where a stage never improves on where it started, and after the last stage", () => {
    expect(judge(undefined, [1, 0.8, 0.9, 0.9, 0.5, 0.6, 0.7]).at(-1)).toMatchObject({
      stop: true,
      horizon: 20,
    });
    const last = judge(curriculum([10, 20], { patience: 1 }), [1, 0.5, 0.6, 0.4, 0.3, 0.35]);
    expect(last.map(({ stop }) => stop ?? false)).toEqual([false, false, false, false, false, true]);
  });

  it("takes what is not finite for no improvement", () => {
    const verdicts = judge(undefined, [Number.NaN, 5, Number.POSITIVE_INFINITY]);
    expect(verdicts.map(({ best }) => best)).toEqual([true, true, false]);
  });
});

describe("buildSchedule", () => {
  it.each(["constant:100", "log-uniform:100,2000", "curriculum:100,200,500,patience=4"])(
    "reads %s as it is written",
    (text) => {
      expect(formatSchedule(buildSchedule(text))).toBe(text);
    },
  );

  it("knows the published curriculum", () => {
    expect(buildSchedule("curriculum").longest).toBe(3000);
  });

  it("reads back every schedule", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 9999 }), { minLength: 2, maxLength: 2 }),
        (pair) => {
          const [low, high] = pair.sort((x, y) => x - y);
          expect(buildSchedule(`log-uniform:${low},${high}`).settings).toEqual({ low, high });
        },
      ),
    );
  });

  it.each([
    ["constnt:3", /unknown schedule "constnt"; did you mean "constant"/],
    ["constant", /has 0 lengths, 1 are needed; write constant:100/],
    ["constant:0", /"0" is no positive integer/],
    ["log-uniform:200,100", /do not ascend/],
    ["constant:100,patience=3", /unknown setting of schedule constant "patience"/],
    ["curriculum:1.5", /no positive integer/],
  ])("refuses %s", (text, message) => {
    expect(() => buildSchedule(text)).toThrow(message);
  });
});
