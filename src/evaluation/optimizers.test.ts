import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lstm } from "../learned/lstm.ts";
import { optimizerOf } from "../learned/types.ts";
import { encodeWeights } from "../learned/weights.ts";
import { key } from "../random/key.ts";
import { defineTask } from "../tasks/define.ts";
import { zooPath } from "../zoo/zoo.ts";
import { allOptimizers, loadLearned, loadMethod } from "./optimizers.ts";
import { trainRun } from "./train.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lowland-method-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("loadMethod", () => {
  it("takes an optimizer with or without an explicit regularizer", async () => {
    const { optimizer, regularizer, group } = await loadMethod("adam:lr=0.01+sam:rho=0.1");
    expect(optimizer).toMatchObject({ name: "adam", settings: { lr: 0.01 } });
    expect(regularizer).toMatchObject({ name: "sam", settings: { rho: 0.1 } });
    expect(group).toBe("hand-designed");
    expect((await loadMethod("adam:lr=1e+0")).regularizer.name).toBe("none");
  });

  it.each([
    ["adma", /did you mean "adam"/],
    ["adam+smm", /"smm" is neither a combinator nor a regularizer; did you mean "sam"/],
    ["adam:lr=0.1+./nowhere.mjs", /there is no regularizer module .*nowhere\.mjs/],
    ["adam+sam:roh=1", /did you mean "rho"/],
    ["learned:/nowhere", /\/nowhere does not exist/],
    [
      "sam:rho=0.1",
      /sam:rho=0.1 is no optimizer; it is a regularizer, which goes with one: adam\+sam:rho=0.1/,
    ],
    ["lstm", /an architecture needs weights: learned:PATH/],
    ["lstm-sam-mnist", /did you mean "zoo:lstm-sam-mnist"/],
    [tmpdir(), /is no optimizer; did you mean "learned:/],
  ])("refuses %s", async (spec, message) => {
    await expect(loadMethod(spec)).rejects.toThrow(message);
  });

  it("takes a regularizer from a module of the user's own", async () => {
    const path = join(folder, "mine.mjs");
    writeFileSync(path, "export default (objective) => objective;");
    expect((await loadMethod(`adam:lr=0.1+${path}`)).regularizer.name).toBe(path);
  });

  it("loads a learned optimizer from a file, with its architecture", async () => {
    const learned = lstm({ hidden: 4, scale: 0.02 });
    const phi = new Float32Array(learned.layout.size);
    learned.init(key(1), phi);
    const path = join(folder, "weights+more,odd=name.safetensors");
    writeFileSync(path, encodeWeights("lstm:hidden=4,scale=0.02", learned.layout, phi));
    const { optimizer, group } = await loadMethod(`learned:${path}`);
    expect(optimizer.settings).toMatchObject({ hidden: 4, scale: 0.02 });
    expect(group).toBe("learned");
    const [a, b] = [new Float32Array(3), new Float32Array(3)];
    const layout = { size: 3, slots: [] };
    const own = optimizerOf(learned, phi);
    own.step(a, Float32Array.of(1, 2, 3), own.init(layout));
    const loaded = loadLearned(path);
    loaded.step(b, Float32Array.of(1, 2, 3), loaded.init(layout));
    expect(b).toEqual(a);
    expect(a[0]).not.toBe(0);
  });

  it("puts combinators and a regularizer around a learned optimizer as around any other", async () => {
    for (const learned of ["zoo:lstm-sam-mnist", `learned:${zooPath("lstm-sam-mnist")}`]) {
      const method = await loadMethod(`${learned}+clip:norm=1+sam:rho=0.1+cosine:warmup=5`);
      expect(method.optimizer.name).toBe("lstm+clip+cosine");
      expect(method.regularizer.settings).toEqual({ rho: 0.1, weight: 1 });
      expect(method.group).toBe("learned");
      expect(method.identity).toEqual({
        optimizer: learned,
        combinators: ["clip:norm=1", "cosine:warmup=5"],
        regularizer: "sam:rho=0.1",
        source: "mnist/mlp",
      });
    }
  });

  it("gives a schedule the length of the training it is used in", async () => {
    const falling = await loadMethod("sgd:lr=1+linear");
    const ramp = defineTask({
      name: "ramp",
      layout: 1,
      lossAndGradient(w, _batch, g) {
        g[0] = -1;
        return -w[0]!;
      },
      init: (_key, w) => w.fill(0),
    });
    let end = 0;
    const at = (params: Float32Array): void => {
      end = params[0]!;
    };
    await trainRun(ramp, falling, { steps: [4], seed: 0, at });
    expect(end).toBe(1 + 0.75 + 0.5 + 0.25);
  });

  it("lists learned optimizers beside the hand-designed ones", () => {
    expect(Object.keys(allOptimizers)).toEqual(expect.arrayContaining(["sgd", "adam", "learned"]));
  });
});
