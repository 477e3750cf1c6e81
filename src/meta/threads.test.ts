import { describe, expect, it } from "vitest";
import { kernels } from "../kernels/module.ts";
import { key } from "../random/key.ts";
import { buildMetaTraining } from "./build.ts";
import { resolveMetaConfig } from "./config.ts";
import { initialState } from "./outer-loop.ts";
import { openExecutor } from "./threads.ts";

describe("an executor in this thread", () => {
  it("frees all that it opened when it is closed, so that any number can follow one another", async () => {
    const config = resolveMetaConfig({ tasks: ["synthetic-digits/mlp"], regularizer: "sam:rho=0.05" });
    const training = await buildMetaTraining(config);
    const state = initialState(training);
    /** Bytes in use while one is open and after it was closed. */
    const use = async (): Promise<[during: number, after: number]> => {
      const executor = await openExecutor(training);
      await executor.estimates(state.metaParams, state.instances, state.schedule);
      await executor.validations(state.metaParams, [{ task: 0, key: key(1), steps: 3 }]);
      const during = kernels().memory.usedBytes;
      await executor.close();
      return [during, kernels().memory.usedBytes];
    };
    const [during, after] = await use(); // scratch of the regularizer stays
    expect(during).toBeGreaterThan(after);
    for (let again = 0; again < 2; again++) expect(await use()).toEqual([during, after]);
  });
});

describe("an executor on several threads", () => {
  it("rejects with what its workers cannot build, as what it is", async () => {
    const config = resolveMetaConfig({ tasks: ["synthetic-digits/mlp"] });
    const training = await buildMetaTraining(config);
    const broken = { ...training, config: { ...config, regularizer: "smm" } };
    await expect(openExecutor(broken, { threads: 2 })).rejects.toMatchObject({
      code: "E_CONFIG",
      message: expect.stringContaining('unknown regularizer "smm"; did you mean "sam"?'),
    });
  });
});
