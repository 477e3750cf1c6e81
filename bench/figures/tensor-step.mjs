// 10: one step of the per-tensor learned optimizers, all tensors of a network.
import { hold } from "../lib/contest.mjs";
import { dist, layoutOf, openArena, random } from "../lib/lowland.mjs";

const { adafacMlp } = await import(new URL("learned/adafac-mlp.js", dist).href);
const { celo2, celo2Base } = await import(new URL("learned/celo2.js", dist).href);

export const title = "One step of the per-tensor learned optimizers";

/** Dense networks of 2,410, 15,910 and 99,843 parameters. */
export const NETWORKS = [
  [64, 32, 10],
  [784, 20, 10],
  [784, 120, 43, 10],
];

const OPTIMIZERS = [celo2Base(), celo2(), adafacMlp()];

function layoutOfNetwork(sizes) {
  return layoutOf(
    sizes.slice(1).flatMap((outputs, i) => [
      { name: `dense${i}.w`, shape: [outputs, sizes[i]] },
      { name: `dense${i}.b`, shape: [outputs], kind: "bias" },
    ]),
  );
}

/** A learned optimizer on a network, its vectors in kernel memory. */
export function openStep(learned, sizes, { arrays }) {
  const arena = openArena();
  const layout = layoutOfNetwork(sizes);
  const phi = arena.float32(learned.layout.size);
  random.normal(random.key(1), phi, { stddev: 0.3 });
  // learned decays stay decays
  for (const { name, offset, size } of learned.layout.slots) {
    if (name.startsWith("decays.")) phi.fill(0, offset, offset + size);
  }
  const optimizer = learned.open(arena);
  optimizer.load(phi);
  const params = arena.float32(layout.size);
  const gradient = arena.float32(layout.size);
  gradient.set(arrays["lstm.gradient"].data.subarray(0, layout.size));
  const start = arrays["lstm.params"].data.subarray(0, layout.size);
  const state = optimizer.init(layout, { arena });
  params.set(start);
  return {
    phi: Array.from(phi),
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
  for (const learned of OPTIMIZERS) {
    for (const sizes of NETWORKS) {
      const step = openStep(learned, sizes, context.inputs);
      rows.push(
        await hold(
          {
            name: `${learned.name}, ${layoutOfNetwork(sizes).size.toLocaleString("en")} parameters`,
            unit: "ms",
            run: step.run,
            outputs: () => ({ update: step.update() }),
            // two thousandths of a parameter, of whose rounding little is left
            tolerances: { update: 1e-3 },
            peer: { figure: "tensor-step", args: { learned: learned.name, sizes, phi: step.phi } },
          },
          context,
        ),
      );
      step.close();
    }
  }
  return { rows };
}
