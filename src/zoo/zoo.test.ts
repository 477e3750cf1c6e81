import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadLearned, loadMethod } from "../evaluation/optimizers.ts";
import { layoutOf } from "../kernels/types.ts";
import { resolveMetaConfig } from "../meta/config.ts";
import type { Optimizer } from "../optimizers/types.ts";
import { describeZoo, loadZoo, ZOO_DIRECTORY, zooCard, zooNames, zooPath } from "./zoo.ts";

/** Where three steps of an optimizer lead. */
function walk(optimizer: Optimizer): Float32Array {
  const params = Float32Array.from({ length: 21 }, (_, i) => Math.fround(i / 7 - 1));
  const state = optimizer.init(layoutOf([{ name: "w", shape: [params.length] }]));
  for (let step = 0; step < 3; step++) {
    optimizer.step(
      params,
      params.map((w) => 2 * w + 0.1),
      state,
    );
  }
  return params;
}

describe("the zoo", () => {
  it("has optimizers, a card for each, and nothing else", () => {
    const names = zooNames();
    expect(names).toEqual(expect.arrayContaining(["lstm-mnist", "lstm-sam-mnist"]));
    const files = names.flatMap((name) => [`${name}.md`, `${name}.safetensors`]);
    expect(readdirSync(ZOO_DIRECTORY).sort()).toEqual(files.sort());
  });

  it.each(zooNames())("%s says how it was trained, in its file and on its card", (name) => {
    const { config, outerStep, path, bytes } = describeZoo(name);
    expect(bytes).toBe(readFileSync(path).length);
    expect(outerStep).toBeGreaterThan(0);
    expect(outerStep).toBeLessThanOrEqual(config.outerSteps);
    const card = zooCard(name);
    expect(card).toContain(`# ${name}\n`);
    // as written by the version that made it
    const [, written] = /```json\n([\s\S]*?)```/.exec(card)!;
    expect(resolveMetaConfig(JSON.parse(written!))).toEqual(config);
    expect(card).toContain(`those of outer step ${outerStep},`);
    for (const section of ["How it was trained", "Figures", "Limits"])
      expect(card).toContain(`## ${section}\n`);
  });

  it.each(zooNames())("%s takes the steps of its file", async (name) => {
    const steps = walk(loadLearned(zooPath(name)));
    expect(steps).not.toEqual(walk(loadLearned(zooPath(zooNames().find((other) => other !== name)!))));
    expect(walk(loadZoo(name))).toEqual(steps);
    const method = await loadMethod(`zoo:${name}`);
    expect(method.group).toBe("learned");
    expect(walk(method.optimizer)).toEqual(steps);
    expect((await loadMethod(`zoo:${name}+sam:rho=0.05`)).regularizer.name).toBe("sam");
  });

  it.each(["lstm-smm-mnist", "../zoo/lstm-mnist", ""])("refuses %j with the list", (name) => {
    const list = `valid: ${zooNames().join(", ")}`;
    expect(() => loadZoo(name)).toThrow(list);
  });
});
