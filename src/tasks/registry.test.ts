import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Key, key } from "../random/key.ts";
import { defineTask } from "./define.ts";
import { describeTasks, loadTask, TASK_NAMES } from "./registry.ts";

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
