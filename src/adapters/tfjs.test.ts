import { readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { checkTfjs } from "../../test/adapters/tfjs-checks.ts";
import { zooPath } from "../zoo/zoo.ts";
import { LowlandOptimizer } from "./tfjs.ts";

describe("Lowland's optimizers in TensorFlow.js", () => {
  beforeAll(async () => {
    await tf.setBackend("cpu");
  });

  it("take the steps that they take in Lowland, and what goes with it", async () => {
    const failures = await checkTfjs(readFileSync(zooPath("lstm-sam-mnist")));
    expect(Object.keys(failures).length).toBeGreaterThan(15);
    expect(Object.entries(failures).filter(([, failure]) => failure !== undefined)).toEqual([]);
  });

  it("refuse other variables than those of the first step", () => {
    const [a, b] = [tf.variable(tf.zeros([2])), tf.variable(tf.zeros([3]))];
    const optimizer = new LowlandOptimizer("adam");
    optimizer.applyGradients({ [a.name]: tf.ones([2]) });
    expect(() => optimizer.applyGradients({ [b.name]: tf.ones([3]) })).toThrow(/give the same variables/);
  });

  it("refuse a state of another optimizer", async () => {
    const a = tf.variable(tf.zeros([2]));
    const [from, to] = [new LowlandOptimizer("adam"), new LowlandOptimizer("momentum")];
    from.applyGradients({ [a.name]: tf.ones([2]) });
    await to.setWeights(await from.getWeights());
    expect(() => to.applyGradients({ [a.name]: tf.ones([2]) })).toThrow(
      /the state has mu \(2\), nu \(2\), but momentum keeps/,
    );
  });

  it("say what to load where a spec string names a file", () => {
    expect(() => new LowlandOptimizer("zoo:lstm-mnist")).toThrow(/hand in the optimizer: loadZoo/);
  });
});
