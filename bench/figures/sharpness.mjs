// 5: projected gradient ascent of the loss in balls of four radii, one start each.
import { hold } from "../lib/contest.mjs";
import { KEYS, PGA_IMAGES, RADII } from "../lib/inputs.mjs";
import { loadTask, openArena, pga } from "../lib/lowland.mjs";

export const title = "Largest loss in balls of four radii by PGA, 20 steps each";

export async function measure(context) {
  const task = await loadTask(`${context.dataset}/mlp`);
  const arena = openArena();
  const params = arena.float32(task.layout.size);
  params.set(context.inputs.arrays["pga.params"].data);
  const objective = task.fixedObjective({ count: PGA_IMAGES, key: KEYS.subset });
  const maxima = () =>
    RADII.map((radius) => pga(objective, params, { quantity: "loss", radius, key: KEYS.pga, restarts: 1 }));
  const row = await hold(
    {
      name: `${context.dataset}/mlp, ${PGA_IMAGES.toLocaleString("en")} images`,
      unit: "ms",
      run(iterations) {
        for (let i = 0; i < iterations; i++) maxima();
      },
      outputs: () => ({ maxLoss: maxima() }),
      tolerances: { maxLoss: 1e-4 },
      peer: { figure: "pga", args: {} },
    },
    context,
  );
  task.close?.();
  arena.close();
  return { rows: [row] };
}
