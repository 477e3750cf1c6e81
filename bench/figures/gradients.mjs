// 1: loss and gradient of one minibatch.
import { hold } from "../lib/contest.mjs";
import { BATCH, KEYS } from "../lib/inputs.mjs";
import { loadTask, openArena, random } from "../lib/lowland.mjs";

export const title = "Gradient of one minibatch";

export async function measure(context) {
  const rows = [];
  for (const model of ["mlp", "mlp-relu", "cnn"]) {
    if (context.inputs.arrays[`params.${model}`] === undefined) continue;
    const task = await loadTask(`${context.dataset}/${model}`);
    const arena = openArena();
    const params = arena.float32(task.layout.size);
    const gradient = arena.float32(task.layout.size);
    params.set(context.inputs.arrays[`params.${model}`].data);
    const objective = task.objective("train");
    const batch = random.foldIn(KEYS.batches, 0);
    rows.push(
      await hold(
        {
          name: `${context.dataset}/${model}, batch ${BATCH}`,
          unit: "ms",
          run(iterations) {
            for (let i = 0; i < iterations; i++) objective.lossAndGradient(params, batch, gradient);
          },
          outputs() {
            const loss = objective.lossAndGradient(params, batch, gradient);
            return { loss: [loss], gradient: gradient.slice() };
          },
          tolerances: { loss: 1e-5, gradient: 1e-4 },
          peer: { figure: "gradient", args: { model } },
        },
        context,
      ),
    );
    task.close?.();
    arena.close();
  }
  return { rows };
}
