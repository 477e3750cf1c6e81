import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeIdx } from "../data/idx.ts";
import { type Key, key } from "../random/key.ts";
import { checkTask } from "../testing/check-task.ts";
import { defineTask } from "./define.ts";
import { describeTasks, loadFamily, loadTask, TASK_NAMES } from "./load.ts";
import type { Task } from "./types.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lowland-tasks-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const env = { LOWLAND_OFFLINE: "1", HOME: "/nonexistent" };

function module(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** A folder with 20 images of MNIST's extents, each filled with one value. */
function smallMnist(fill: number): string {
  const path = join(folder, `data-${fill}`);
  mkdirSync(join(path, "mnist"), { recursive: true });
  for (const part of ["train", "t10k"]) {
    const images = encodeIdx([20, 28, 28], new Uint8Array(20 * 784).fill(fill));
    writeFileSync(join(path, "mnist", `${part}-images-idx3-ubyte`), images);
    const labels = Uint8Array.from({ length: 20 }, (_, i) => i % 10);
    writeFileSync(join(path, "mnist", `${part}-labels-idx1-ubyte`), encodeIdx([20], labels));
  }
  return path;
}

const plain = `{
  name: "mine", layout: { size: 1, slots: [] }, init() {}, objective: () => ({}),
  fixedObjective: () => ({}), evaluate: () => ({ loss: 0, count: 1 }) }`;

describe("loadTask", () => {
  it("loads a task by name", async () => {
    const task = await loadTask("synthetic-digits/mlp");
    expect([task.name, task.layout.size]).toEqual(["synthetic-digits/mlp", 15_910]);
  });

  it.each([
    ["mnst/mlp", /unknown task "mnst\/mlp"; did you mean "mnist\/mlp"/],
    ["mnist/mpl", /did you mean "mnist\/mlp"/],
    ["mnist", /unknown task "mnist"/],
    ["mnist/mlp/relu", /unknown task/],
    ["", /names nothing/],
  ])("refuses %j with a suggestion", async (name, message) => {
    await expect(loadTask(name)).rejects.toMatchObject({
      code: "E_CONFIG",
      message: expect.stringMatching(message),
    });
  });

  it("says what is missing where the dataset is not here", async () => {
    await expect(loadTask("fashion-mnist/mlp", { dataDir: folder, env })).rejects.toMatchObject({
      code: "E_DATA",
    });
  });

  it.each([
    ["a default export", `export default ${plain}`],
    ["an export called task", `export const task = ${plain}`],
    ["a function", `export default async () => (${plain})`],
  ])("loads a module with %s", async (what, text) => {
    const path = module(`${what.replaceAll(" ", "-")}.mjs`, text);
    expect((await loadTask(path)).name).toBe("mine");
    expect((await loadTask(pathToFileURL(path).href)).name).toBe("mine");
  });

  it.each([
    [
      "that is not there",
      () => join(folder, "nowhere.mjs"),
      /there is no task module .*nowhere\.mjs; check the path/,
    ],
    ["with a syntax error", () => module("bad.mjs", "export default ("), /bad\.mjs cannot be loaded/],
    [
      "without a task",
      () => module("empty.mjs", "export default 3"),
      /exports no task; export one made by defineTask/,
    ],
  ])("refuses a module %s", async (_what, path, message) => {
    await expect(loadTask(path())).rejects.toMatchObject({
      code: "E_CONFIG",
      message: expect.stringMatching(message),
    });
  });
});

describe("task names with settings", () => {
  it("make MNIST-like images 8×8 and build the network they describe", async () => {
    const task = await loadTask("synthetic-digits@8/mlp-relu:hidden=32,batch=64");
    expect(task.layout.slots.map(({ name, shape }) => [name, ...shape])).toEqual([
      ["dense0.w", 32, 64],
      ["dense0.b", 32],
      ["dense1.w", 10, 32],
      ["dense1.b", 10],
    ]);
    const params = new Float64Array(task.layout.size);
    task.init(key(1), params);
    const weights = params.subarray(0, 32 * 64);
    const bound = 2 / Math.sqrt(64);
    expect(weights.every((w) => Math.abs(w) <= bound)).toBe(true);
    const deviation = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length);
    // 0.8796/√64 is the standard deviation of the truncated normal; that of 2,048 draws is within 4·1.1 % of it
    expect(Math.abs(deviation / (0.8796 / 8) - 1)).toBeLessThan(0.05);
    expect(params.subarray(32 * 64, 32 * 65).every((b) => b === 0)).toBe(true);
    task.close?.();
  });

  it.each([
    ["synthetic-digits/mlp:hidden=128,depth=2", 784 * 128 + 128 + 128 * 128 + 128 + 1290],
    ["synthetic-textures/cnn4-bn:width=4,batch=8", undefined],
    ["synthetic-digits/mlp:activation=tanh,init=he", 15_910],
  ])("%s is a task", async (name, size) => {
    const task = await loadTask(name);
    expect(task.name).toBe(name);
    if (size !== undefined) expect(task.layout.size).toBe(size);
    const params = new Float32Array(task.layout.size);
    task.init(key(1), params);
    const loss = task.objective().lossAndGradient(params, key(2), params.slice());
    expect(loss).toBeGreaterThan(0);
    task.close?.();
  });

  it("draw as many examples as they say", async () => {
    const [few, many] = await Promise.all(
      [8, 64].map((batch) => loadTask(`synthetic-digits@8/mlp:batch=${batch}`)),
    );
    const params = new Float32Array(few!.layout.size);
    few!.init(key(1), params);
    const spread = (task: Task): number => {
      const losses = Array.from({ length: 200 }, (_, i) => task.objective().loss(params, key(i)));
      const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
      return losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / losses.length;
    };
    // the variance of a mean of 64 is an eighth of that of 8; the ratio of two estimates from 200 draws scatters by 14 %
    const ratio = spread(few!) / spread(many!);
    expect(ratio).toBeGreaterThan(8 * 0.5);
    expect(ratio).toBeLessThan(8 * 2);
  });

  it.each([
    ["synthetic-digits@0/mlp", /is no dataset; write its name/],
    ["synthetic-digits@29/mlp", /cannot be made 29×29; give a size from 1 to 28/],
    ["synthetic-digits@8/cnn", /conv2d: a 5×5 kernel does not fit/],
    ["synthetic-digits/mlp:hiden=3", /unknown setting/],
    ["synthetic-digits/mlp:hidden=0", /hidden of model mlp must be/],
    ["synthetic-digits/mlp:init=zero", /init of model mlp must be/],
  ])("refuse %s", async (name, message) => {
    await expect(loadTask(name)).rejects.toThrow(message);
  });
});

describe("loadFamily", () => {
  it("draws tasks from a task name and its augmentations", async () => {
    const family = await loadFamily(
      "synthetic-digits@8/mlp-relu:hidden=32,batch=64+reparam:low=0.001,high=1e+3",
    );
    const [a, b] = [family.sample(key(0)), family.sample(key(1))];
    expect(a.layout.size).toBe(64 * 32 + 32 + 330);
    const [v, w] = [new Float32Array(a.layout.size), new Float32Array(b.layout.size)];
    a.init(key(1), v);
    b.init(key(1), w);
    expect(v[0]).not.toBe(w[0]);
    family.close();
  });

  it("takes a task as a family of one, and modules with tasks or families", async () => {
    const alone = await loadFamily("synthetic-digits@8/mlp");
    expect(alone.sample(key(0)).layout).toEqual(alone.sample(key(1)).layout);
    alone.close();
    const bowl = (name: string, size: string) =>
      `({ name: ${name}, layout: { size: ${size}, slots: [] }, init(_k, w) { w.fill(1); }, objective: () => ({}), fixedObjective: () => ({}), evaluate: () => ({ loss: 0, count: 1 }) })`;
    const task = module("family-task.mjs", `export default ${bowl('"one"', "1")}`);
    const scaled = (await loadFamily(`${task}+initial-scale:low=2,high=2`)).sample(key(0));
    const params = new Float32Array(1);
    scaled.init(key(1), params);
    expect(params[0]).toBe(2);
    const folder = join(tmpdir(), "a+b");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "plus.mjs"), `export default ${bowl('"plus"', "1")}`);
    expect((await loadTask(join(folder, "plus.mjs"))).name).toBe("plus");
    expect((await loadFamily(`${join(folder, "plus.mjs")}+reparam+initial-scale:low=1`)).name).toMatch(
      /reparam/,
    );
    rmSync(folder, { recursive: true });
    const many = module(
      "family.mjs",
      `export default { name: "many", sample: (key) => ${bowl('"of many"', "1 + (key.lo % 3)")} }`,
    );
    const family = await loadFamily(many);
    expect([0, 1, 2].map((i) => family.sample(key(i)).layout.size)).toEqual([1, 2, 3]);
    await expect(loadTask(many)).rejects.toThrow(/is a family of tasks.*name a module that exports a task/);
    await expect(loadFamily(`${many}+reparam`)).rejects.toThrow(/exports a family; augmentations go with/);
    await expect(loadFamily(`${task}+batch-size`)).rejects.toThrow(/batch-size changes how a task on images/);
  });

  it.each([
    ["synthetic-digits/mlp+reparm", /unknown augmentation "reparm"; did you mean "reparam"/],
    ["synthetic-digits/mlp+reparam:low=2,high=1", /reparam has low=2 above high=1/],
    ["synthetic-digits/cnn+network-size", /needs a model with a width/],
    ["synthetic-digits/mlp+label-noise:high=2", /high of augmentation label-noise must be/],
  ])("refuses %s", async (name, message) => {
    await expect(loadFamily(name)).rejects.toMatchObject({
      code: "E_CONFIG",
      message: expect.stringMatching(message),
    });
  });

  it("is not what loadTask gives", async () => {
    await expect(loadTask("synthetic-digits/mlp+reparam")).rejects.toThrow(
      /is a family of tasks, one task is wanted here; leave out \+reparam/,
    );
  });
});

describe("data of a task", () => {
  it("come from the folder it is loaded from, whatever was loaded before", async () => {
    const loss = async (fill: number): Promise<number> => {
      const task = await loadTask("mnist/mlp", { dataDir: smallMnist(fill), env });
      const params = new Float32Array(task.layout.size);
      task.init(key(1), params);
      return task.evaluate(params, "test").loss;
    };
    const [dark, light] = [await loss(0), await loss(200)];
    expect(dark).not.toBe(light);
    expect(await loss(0)).toBe(dark);
  });
});

describe("describeTasks", () => {
  it("lists every task with its number of parameters", () => {
    const described = describeTasks({ dataDir: folder, env });
    expect(described.map(({ name }) => name)).toEqual(TASK_NAMES);
    const find = (name: string) => described.find((task) => task.name === name);
    expect(find("mnist/mlp")).toMatchObject({ parameters: 15_910, data: "mnist", available: false });
    expect(find("synthetic-digits/mlp-relu")).toMatchObject({ parameters: 15_910, available: true });
  });
});

describe("defineTask", () => {
  it("makes a task of a plain function", () => {
    const bowl = defineTask({
      name: "bowl",
      layout: 2,
      lossAndGradient(w, _batch, g) {
        g[0] = w[0]!;
        g[1] = 10 * w[1]!;
        return 0.5 * (w[0]! ** 2 + 10 * w[1]! ** 2);
      },
    });
    const params = new Float32Array(2);
    bowl.init(key(1), params);
    expect(params[0]).not.toBe(0);
    params.set([1, 2]);
    expect(bowl.evaluate(params, "test")).toEqual({ loss: 20.5, count: 1, metrics: {} });
    expect(params).toEqual(Float32Array.of(1, 2));
    expect(bowl.layout.slots.map(({ name }) => name)).toEqual(["w"]);
  });

  it("is not asked again for a loss that is known", () => {
    let calls = 0;
    const counted = defineTask({
      name: "counted",
      layout: 1,
      lossAndGradient(w, _batch, g) {
        calls++;
        g[0] = w[0]!;
        return 0.5 * w[0]! ** 2;
      },
    }).objective();
    const w = Float64Array.of(2);
    const gradient = new Float64Array(1);
    const loss = counted.lossAndGradient(w, key(0), gradient);
    expect(counted.loss(w, key(0), { loss, gradient })).toBe(2);
    expect(calls).toBe(1);
    expect(counted.loss(w, key(0))).toBe(2);
    expect(calls).toBe(2);
  });

  it("has the splits it names, and tells the loss which is asked for", () => {
    const near = defineTask({
      name: "near",
      layout: 1,
      splits: ["here", "far"],
      metrics: [{ name: "distance", label: "distance", better: "lower", compare: "ratio", format: "number" }],
      lossAndGradient(w, _batch, g, split) {
        const error = w[0]! - (split === "far" ? 3 : 1);
        g[0] = error;
        return 0.5 * error * error;
      },
      evaluate(w, split) {
        const distance = Math.abs(w[0]! - (split === "far" ? 3 : 1));
        return { loss: 0.5 * distance ** 2, count: 1, metrics: { distance } };
      },
    });
    checkTask(near);
    const zero = new Float64Array(1);
    expect(near.objective().loss(zero, key(0))).toBe(0.5);
    expect(near.objective("far").loss(zero, key(0))).toBe(4.5);
    expect(near.fixedObjective({ split: "far" }).loss(zero, key(0))).toBe(4.5);
    expect(near.evaluate(zero, "far").metrics).toEqual({ distance: 3 });
    expect(() => near.objective("test")).toThrow('unknown split of task near "test"; valid: here, far');
    expect(() => near.evaluate(zero, "test")).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });

  it("fixes the batch of the Hessian-vector product with that of the loss", () => {
    const noisy = defineTask({
      name: "noisy",
      layout: 1,
      lossAndGradient(_w, batch, g) {
        g[0] = batch.lo;
        return 0;
      },
      hessianVectorProduct(_w, batch, v, product) {
        product[0] = batch.lo * v[0]!;
      },
    });
    const fixed = noisy.fixedObjective();
    const at = (batch: Key) => {
      const [gradient, product] = [new Float32Array(1), new Float32Array(1)];
      fixed.lossAndGradient(new Float32Array(1), batch, gradient);
      fixed.hessianVectorProduct!(new Float32Array(1), batch, Float32Array.of(1), product);
      return [gradient[0], product[0]];
    };
    expect(at(key(1))).toEqual(at(key(2)));
    expect(at(key(1))[0]).toBe(at(key(1))[1]);
  });
});
