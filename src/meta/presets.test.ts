import { describe, expect, it } from "vitest";
import { DATASET_NAMES } from "../data/datasets.ts";
import { loadArchitecture } from "../learned/load.ts";
import { optimizers } from "../optimizers/registry.ts";
import { buildSpec } from "../spec.ts";
import { parseTaskName } from "../tasks/names.ts";
import { resolveMetaConfig, withOverrides } from "./config.ts";
import { estimators } from "./estimators/registry.ts";
import { metaObjectives } from "./objective.ts";
import { outerOptimizerOf } from "./outer-optimizer.ts";
import { presetFields, presets, requireNeeds } from "./presets.ts";
import { buildSchedule } from "./schedules/registry.ts";

describe("presets", () => {
  it.each(Object.keys(presets))("%s names nothing that there is not", async (name) => {
    const config = resolveMetaConfig(presetFields(name));
    for (const task of config.tasks) parseTaskName(task, DATASET_NAMES);
    buildSpec(config.estimator, "estimator", estimators);
    buildSpec(config.objective, "objective", metaObjectives);
    buildSchedule(config.schedule);
    outerOptimizerOf(config);
    await loadArchitecture(config.learned);
    if (config.imitation !== "none") buildSpec(config.imitation, "teacher", optimizers);
  });

  it("celo2 is of the published length: 320 million inner steps", () => {
    const { outerSteps, instances, estimator } = resolveMetaConfig(presetFields("celo2"));
    const { window } = buildSpec(estimator, "estimator", estimators);
    expect(outerSteps * instances * 2 * window!).toBe(320e6);
  });

  it("give way to what is given", () => {
    const merged = withOverrides(presetFields("lstm-curriculum"), {
      horizon: 40,
      truncation: 10,
      learned: "rnnprop",
    });
    expect(resolveMetaConfig(merged)).toMatchObject({
      schedule: "constant:40",
      estimator: "bptt:truncation=10",
      learned: "rnnprop",
      imitation: "adam:lr=0.01",
    });
  });

  it("celo-schedule goes on from weights of the first phase", () => {
    const fields = presetFields("celo-schedule");
    expect(() => requireNeeds("celo-schedule", fields)).toThrow(/goes on from weights; give init/);
    requireNeeds("celo-schedule", { ...fields, init: "runs/rule" });
    requireNeeds("celo-rule", presetFields("celo-rule"));
  });

  it("of an unknown name are refused with a suggestion", () => {
    expect(() => presetFields("cello2")).toThrow(/unknown preset "cello2"; did you mean "celo2"/);
  });
});
