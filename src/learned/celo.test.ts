import { describe, expect, it } from "vitest";
import { celoTheta } from "../../test/learned/golden.ts";
import { kernels } from "../kernels/module.ts";
import { layoutOf } from "../kernels/types.ts";
import { key, normal } from "../random/key.ts";
import { celo, celoLayout } from "./celo.ts";
import { celoScheduleReference } from "./celo-reference.ts";
import { celoSchedule } from "./celo-schedule.ts";
import { optimizerOf } from "./types.ts";

describe("celo's schedule", () => {
  const layout = layoutOf([{ name: "w", shape: [3] }]);
  const metaParams = new Float32Array(celoLayout.size);

  it("needs the length of the training, and the loss at every step", () => {
    const optimizer = optimizerOf(celo(), metaParams);
    expect(() => optimizer.init(layout)).toThrow(/goes by the length of the training/);
    const state = optimizer.init(layout, { horizon: 10 });
    expect(() => optimizer.step(new Float32Array(3), new Float32Array(3), state)).toThrow(/reads the loss/);
  });

  it("gives the float64 reference's factors over a whole training", () => {
    const horizon = 400;
    const theta = celoTheta();
    for (const { name, offset } of celoLayout.slots) metaParams.set(theta[name]!, offset);
    const arena = kernels().arena();
    const opened = celoSchedule(celoLayout).open(arena);
    opened.load(metaParams);
    const state = optimizerOf(celo(), metaParams, arena).init(layout, { horizon, arena });
    const expected = celoScheduleReference(theta, horizon);
    const noise = new Float32Array(horizon);
    normal(key(1), noise, { stddev: 0.1 });
    for (let step = 0; step < horizon; step++) {
      const loss = 0.1 + 2 / (1 + 0.05 * step) + noise[step]! + (step === 200 ? 50 : 0);
      state.step = step;
      // means and minima are float32; the features divide their differences by small ranges
      expect(Math.abs(opened.rate(state, loss) / expected(loss, step) - 1), `step ${step}`).toBeLessThan(
        1e-3,
      );
    }
    arena.close();
  });

  it("is left out by a setting, and with it what it reads", () => {
    const arena = kernels().arena();
    const rule = optimizerOf(celo({ schedule: 0 }), metaParams, arena);
    expect(rule.reads.loss).toBeUndefined();
    rule.step(new Float32Array(3), new Float32Array(3), rule.init(layout, { arena }));
    arena.close();
  });
});
