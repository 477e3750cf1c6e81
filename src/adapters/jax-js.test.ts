import { readFileSync } from "node:fs";
import { init, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, it } from "vitest";
import { checkJaxJs } from "../../test/adapters/jax-js-checks.ts";
import { zooPath } from "../zoo/zoo.ts";
import { gradientTransformation } from "./jax-js.ts";

describe("Lowland's optimizers in jax-js", () => {
  beforeAll(async () => {
    await init("cpu");
  });

  it("take the steps that they take in Lowland, and what goes with it", async () => {
    const failures = await checkJaxJs(readFileSync(zooPath("lstm-sam-mnist")));
    expect(Object.keys(failures).length).toBeGreaterThan(15);
    expect(Object.entries(failures).filter(([, failure]) => failure !== undefined)).toEqual([]);
  });

  it("ask for the parameters that an optimizer reads", () => {
    const solver = gradientTransformation("adamw");
    const state = solver.init(np.zeros([2]));
    expect(() => solver.update(np.ones([2]), state)).toThrow(/adamw reads the parameters.*update\(grads/);
  });

  it("refuse a state of other parameters", () => {
    const solver = gradientTransformation("adam");
    const state = solver.init(np.zeros([3]));
    expect(() => solver.update(np.ones([2]), state)).toThrow(
      /the state has mu \(3\), nu \(3\), but adam keeps mu \(2\)/,
    );
  });

  it("refuse arrays that are not float32", () => {
    expect(() => gradientTransformation("adam").init(np.array([1], { dtype: np.int32 }))).toThrow(/is int32/);
  });

  it("leave a regularizer to the loss", () => {
    expect(() => gradientTransformation("adam+sam")).toThrow(/belongs around the loss: regularize\("sam"/);
  });
});
