import { describe, expect, it } from "vitest";
import { celoTheta } from "../../test/learned/golden.ts";
import { kernels } from "../kernels/module.ts";
import { layoutOf } from "../kernels/types.ts";
import { key, normal } from "../random/key.ts";
import { celo, celoFromPublished, celoLayout } from "./celo.ts";
import { celoScheduleReference } from "./celo-reference.ts";
import { celoSchedule } from "./celo-schedule.ts";
import { optimizerOf } from "./types.ts";

/** Tensors as the authors' file names them, each with numbers that say where they come from. */
function published(): Map<string, { data: Float32Array }> {
  const sizes: Record<string, number> = {
    ...Object.fromEntries(
      [1, 1, 1, 3, 1, 3, 1, 3, 1, 3, 3, 3, 3, 3].map((inputs, i) => [`ff_mod_stack.~.w0__${i}`, 4 * inputs]),
    ),
    ...{ "ff_mod_stack.~.b0": 4, "ff_mod_stack.~.w1": 16, "ff_mod_stack.~.b1": 4 },
    ...{ "ff_mod_stack.~.w2": 12, "ff_mod_stack.~.b2": 3 },
    ...{ "lstm_init_state.hidden": 64, "lstm_init_state.cell": 64 },
    ...{ "rnn_params.linear.w": 18 * 64, "rnn_params.linear_1.w": 18 * 64, "rnn_params.linear_2.w": 18 * 64 },
    ...{ "rnn_params.linear.b": 64, "rnn_params.linear_1.b": 64, "rnn_params.linear_2.b": 64 },
    ...{ "rnn_params.rnn/linear.w": 128 * 256, "rnn_params.rnn/linear.b": 256 },
    ...{ "rnn_params.step_size.w": 64, "rnn_params.step_size.b": 1 },
  };
  return new Map(
    Object.entries(sizes).map(([name, size], i) => [name, { data: new Float32Array(size).fill(1 + i) }]),
  );
}

describe("celo's weights as published", () => {
  it("find their places by name: fourteen blocks of inputs one after another, layers by what they do", () => {
    const tensors = published();
    const metaParams = celoFromPublished(tensors);
    const of = (slot: string): number[] => {
      const { offset, size } = celoLayout.slots.find(({ name }) => name === slot)!;
      return [...new Set(metaParams.subarray(offset, offset + size))];
    };
    const value = (name: string): number => tensors.get(name)!.data[0]!;
    expect(of("mlp.0.w")).toEqual(Array.from({ length: 14 }, (_, i) => value(`ff_mod_stack.~.w0__${i}`)));
    expect(of("mlp.2.b")).toEqual([value("ff_mod_stack.~.b2")]);
    expect(of("schedule.cell")).toEqual([value("lstm_init_state.cell")]);
    expect(of("schedule.skip.w")).toEqual([value("rnn_params.linear_2.w")]);
    expect(of("schedule.relu.b")).toEqual([value("rnn_params.linear_1.b")]);
    expect(of("schedule.lstm.w")).toEqual([value("rnn_params.rnn/linear.w")]);
    expect(of("schedule.rate.b")).toEqual([value("rnn_params.step_size.b")]);
  });

  it("are refused where one is missing or of another size", () => {
    const missing = published();
    missing.delete("rnn_params.step_size.w");
    expect(() => celoFromPublished(missing)).toThrow(/"rnn_params.step_size.w" of Celo is missing/);
    const short = published();
    short.set("lstm_init_state.cell", { data: new Float32Array(63) });
    expect(() => celoFromPublished(short)).toThrow(/schedule.cell of Celo has 63 numbers, not 64/);
  });
});

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
