import { describe, expect, it } from "vitest";
import {
  groupName,
  learnedName,
  lineageOf,
  methodName,
  plainName,
  regularizerIn,
  repetitionName,
  slug,
  sourceName,
} from "./names.ts";

describe("names", () => {
  it("are made of what tables call the parts", () => {
    expect(methodName("adam:lr=0.1")).toBe("Adam");
    expect(methodName("sgd", "gam-fd:rho=0.2")).toBe("SGD + GAM");
    expect(learnedName("lstm:k=5", "gsam:rho=0.1", "mnist/mlp")).toBe("LSTM + GSAM from mnist/mlp");
    expect(slug("LSTM + SAM from mnist/mlp #0")).toBe("lstm-sam-from-mnist-mlp-0");
  });

  it("come with where an optimizer is from", () => {
    const config = { tasks: ["a", "b"], regularizer: "sam:rho=0.1", seed: 3 };
    expect(lineageOf("x", config)).toEqual({ name: "x", source: "a, b", regularizer: "sam", metaSeed: 3 });
  });

  it("are taken apart again", () => {
    const group = learnedName("lstm", "sam:rho=0.05", "cifar-10/mlp-relu");
    const one = repetitionName(group, 12);
    expect(one).not.toBe(group);
    expect(groupName(one)).toBe(group);
    expect(groupName(group)).toBe(group);
    expect(plainName(one)).toBe(repetitionName(learnedName("lstm", "none", "cifar-10/mlp-relu"), 12));
    expect(sourceName(one)).toBe("cifar-10/mlp-relu");
    expect(plainName(methodName("adamw", "gam-fd"))).toBe("AdamW");
    expect(plainName("Adam")).toBe("Adam");
    expect(["Adam", "AdamW + GAM", one].map(regularizerIn)).toEqual([undefined, "GAM", "SAM"]);
    expect(sourceName("AdamW + GAM")).toBeUndefined();
  });
});
