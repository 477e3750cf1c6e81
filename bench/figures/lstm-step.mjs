// 2: one step of the LSTM optimizer, forward only.
import { hold } from "../lib/contest.mjs";
import { layoutOf, lstmOptimizer, openArena } from "../lib/lowland.mjs";

export const title = "One step of the LSTM optimizer";

export const SIZES = [15_910, 100_000];

/** An optimizer over `n` coordinates and its vectors in kernel memory. */
export function openStep(n, { arrays, phi }) {
  const arena = openArena();
  const optimizer = lstmOptimizer(phi, arena);
  const params = arena.float32(n);
  const gradient = arena.float32(n);
  gradient.set(arrays["lstm.gradient"].data.subarray(0, n));
  const state = optimizer.init(layoutOf([{ name: "w", shape: [n] }]), { arena });
  const start = arrays["lstm.params"].data.subarray(0, n);
  params.set(start);
  return {
    run(iterations) {
      for (let i = 0; i < iterations; i++) optimizer.step(params, gradient, state);
    },
    /** The update of three steps from a fresh state. */
    update() {
      params.set(start);
      for (const vector of Object.values(state.vectors)) vector.fill(0);
      state.step = 0;
      for (let i = 0; i < 3; i++) optimizer.step(params, gradient, state);
      return params.map((w, i) => w - start[i]);
    },
    close: () => arena.close(),
  };
}

export async function measure(context) {
  const rows = [];
  for (const n of SIZES) {
    const step = openStep(n, context.inputs);
    rows.push(
      await hold(
        {
          name: `${n.toLocaleString("en")} coordinates`,
          unit: "ms",
          run: step.run,
          outputs: () => ({ update: step.update() }),
          tolerances: { update: 1e-4 },
          peer: { figure: "lstm-step", args: { n } },
        },
        context,
      ),
    );
    step.close();
  }
  return { rows };
}
