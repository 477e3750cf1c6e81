import { describe, expect, it } from "vitest";
import { foldIn, key } from "../../random/key.ts";
import { makeRegularizer } from "../../regularizers/registry.ts";
import { quarticObjective } from "../../testing/quartic.ts";
import { buildMetaTraining, buildParts } from "../build.ts";
import { type MetaConfigInput, resolveMetaConfig } from "../config.ts";
import { inlineExecutor } from "../executor.ts";
import { initialState, metaTrain } from "../outer-loop.ts";
import { bandit } from "./bandit.ts";
import { dual } from "./dual.ts";
import { figureOf } from "./history.ts";
import { buildRegularization, regularizerInForce } from "./registry.ts";
import type { Moment } from "./types.ts";

const START: Moment = { outerStep: 0, innerStep: 0, horizon: 100, update: 0 };
const shown = { outerStep: 1, added: undefined, validation: undefined, key: key(0) };

describe("a schedule", () => {
  it.each([
    ["schedule:over=10", { outerStep: 5 }, { weight: 0.5 }],
    ["schedule:over=10", { outerStep: 20 }, { weight: 1 }],
    ["schedule:start=4,over=10", { outerStep: 3 }, { weight: 0 }],
    ["schedule:setting=rho,from=0.1,to=0.3,along=inner,over=50", { innerStep: 25 }, { rho: 0.2 }],
    ["schedule:setting=rho,from=0.4,to=0,along=horizon", { innerStep: 75 }, { rho: 0.1 }],
    ["schedule:setting=rho,to=0.2,along=update,over=2", { update: 0.5 }, { rho: 0.05 }],
    ["schedule:over=10,shape=cosine", { outerStep: 2 }, { weight: 0.5 * (1 - Math.cos(0.2 * Math.PI)) }],
  ])("%s at %o gives %o", (spec, at, expected) => {
    const { settings } = buildRegularization(spec)!.inForce({}, { ...START, ...at });
    for (const [name, value] of Object.entries(expected)) expect(settings[name]).toBeCloseTo(value, 12);
  });
});

describe("the dual form", () => {
  it("finds the point and the multiplier of a constrained problem", () => {
    // min ½(x − 1)² with ½x² ≤ 0.08: x = 0.4, λ = 1.5, since the Lagrangian's minimum is at 1/(1 + λ)
    const rule = dual({ tau: 0.08, rate: 2 });
    let state = rule.initial(0, key(0));
    let x = 1;
    for (let step = 0; step < 500; step++) {
      x = 1 / (1 + rule.inForce(state, START).settings.weight!);
      state = rule.next(state, { ...shown, added: 0.5 * x * x });
    }
    expect(x).toBeCloseTo(0.4, 6);
    expect(rule.numbers(state, 0).lambda).toBeCloseTo(1.5, 5);
  });

  it("keeps its multiplier above zero, and where nothing was seen", () => {
    const rule = dual({ tau: 0.1, from: 0.5, rate: 10 });
    const start = rule.initial(0, key(0));
    expect(rule.next(start, { ...shown, added: 0 })).toEqual({ lambda: 0 });
    expect(rule.next(start, shown)).toBe(start);
  });
});

describe("the bandit", () => {
  it("comes to draw the arm that improves meta-validation more often than all others together", () => {
    const rule = bandit({ explore: 0.2, rate: 0.1 });
    let state = rule.initial(3, key(1));
    let loss = 1;
    const drawn = [0, 0, 0];
    for (let step = 0; step < 600; step++) {
      const { arm } = rule.inForce(state, START);
      if (step >= 300) drawn[arm!]!++;
      // arm 1 halves the loss, the others bring it back
      loss = arm === 1 ? loss / 2 : Math.min(1, loss * 2);
      state = rule.next(state, { ...shown, validation: loss, key: foldIn(key(2), step) });
    }
    expect(drawn[1]).toBeGreaterThan(drawn[0]! + drawn[2]!);
    // every arm keeps its share of exploration
    expect(Math.min(...drawn)).toBeGreaterThan(0);
  });

  it("changes nothing between meta-validations", () => {
    const rule = bandit();
    const state = rule.initial(4, key(3));
    expect(rule.next(state, shown)).toBe(state);
  });
});

describe("the regularizer in force", () => {
  const objective = quarticObjective([
    [1, 0.5],
    [0.5, 10],
  ]);
  const point = Float64Array.of(1, -0.3);
  const valueBy = (spec: string): number => makeRegularizer(spec).apply(objective).loss(point, key(0));

  it("is the one configured, with other settings and another weight", () => {
    const candidates = { regularizer: makeRegularizer("gsam:rho=0.1,alpha=0.2"), arms: [] };
    const value = (settings: Record<string, number>): number =>
      regularizerInForce(candidates, { settings }).apply(objective).loss(point, key(0));
    expect(value({})).toBe(valueBy("gsam:rho=0.1,alpha=0.2"));
    expect(value({ rho: 0.3 })).toBe(valueBy("gsam:rho=0.3,alpha=0.2"));
    expect(value({ weight: 0.5, alpha: 0 })).toBe(valueBy("gsam:rho=0.1,alpha=0,weight=0.5"));
  });

  it("keeps a weight that its own spec gives", () => {
    const candidates = { regularizer: makeRegularizer("sam:weight=0.25"), arms: [] };
    const { apply } = regularizerInForce(candidates, { settings: { rho: 0.2 } });
    expect(apply(objective).loss(point, key(0))).toBe(valueBy("sam:rho=0.2,weight=0.25"));
  });

  it("is the arm drawn", () => {
    const arms = ["none", "sam:rho=0.2"].map(makeRegularizer);
    const { apply } = regularizerInForce({ regularizer: arms[0]!, arms }, { arm: 1, settings: {} });
    expect(apply(objective).loss(point, key(0))).toBe(valueBy("sam:rho=0.2"));
  });
});

const config = (changes: MetaConfigInput) =>
  resolveMetaConfig({
    tasks: ["synthetic-digits@8/mlp-relu:hidden=4,batch=8"],
    learned: "lstm:hidden=4",
    ...changes,
  });

it("a schedule that stands still gives the bits of a fixed regularizer", async () => {
  const run = async (changes: MetaConfigInput): Promise<Float32Array> => {
    const training = await buildMetaTraining(
      config({ estimator: "pes:truncation=5", outerSteps: 3, horizon: 20, validationSeeds: 1, ...changes }),
    );
    const executor = inlineExecutor(training);
    const { metaParams } = await metaTrain(training, executor, initialState(training));
    await executor.close();
    training.close();
    return metaParams;
  };
  const still = { regularization: "schedule:setting=rho,from=0.2,to=0.2" };
  expect(await run({ regularizer: "sam", ...still })).toEqual(await run({ regularizer: "sam:rho=0.2" }));
});

describe("a run refuses", () => {
  it.each([
    [{ regularization: "duel" }, /unknown regularization "duel"; did you mean "dual"/],
    [{ regularization: "dual" }, /changes weight, which regularizer none does not have/],
    [
      { regularizer: "sam", regularization: "schedule:setting=alpha" },
      /changes alpha, which regularizer sam/,
    ],
    [{ regularization: "bandit" }, /chooses among 0 arms; give --arms/],
    [{ arms: ["none", "sam"] }, /no bandit chooses among them/],
    [{ regularizer: "sam", regularization: "dual+schedule:over=10" }, /changes a setting by two rules/],
  ] as [MetaConfigInput, RegExp][])("%o", async (changes, message) => {
    await expect(buildParts(config(changes))).rejects.toMatchObject({
      code: "E_CONFIG",
      message: expect.stringMatching(message),
    });
  });
});

it("a figure shows the means of equal parts between the lowest and the highest", () => {
  expect(figureOf([0, 1, 2, 3, 4, 5, 6, 7])).toBe("▁▂▃▄▅▆▇█ 0 to 7");
  expect(figureOf(Array.from({ length: 64 }, () => 2))).toBe(`${"▁".repeat(32)} 2 to 2`);
});
