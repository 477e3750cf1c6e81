// 4: one training step, minibatch included: the overhead of an optimizer.
import { hold } from "../lib/contest.mjs";
import { BATCHES, KEYS, RHO } from "../lib/inputs.mjs";
import { adam, loadTask, lstmOptimizer, makeRegularizer, openArena, random, sgd } from "../lib/lowland.mjs";

export const title = "One training step, minibatch included";

export async function measure(context) {
  const task = await loadTask(`${context.dataset}/mlp`);
  const contenders = {
    adam: { name: "Adam", optimizer: adam({ lr: 0.01 }) },
    "sgd-sam": { name: "SGD + SAM", optimizer: sgd({ lr: 0.1 }), regularizer: `sam:rho=${RHO}` },
    lstm: { name: "LSTM optimizer", optimizer: lstmOptimizer(context.inputs.phi) },
  };
  const rows = [];
  for (const [id, { name, optimizer, regularizer = "none" }] of Object.entries(contenders)) {
    const arena = openArena();
    const plain = task.objective("train");
    const objective = makeRegularizer(regularizer).apply(plain);
    const params = arena.float32(task.layout.size);
    const gradient = arena.float32(task.layout.size);
    const known = arena.float32(task.layout.size);
    const state = optimizer.init(task.layout, { arena });
    let count = 0;
    const reset = () => {
      params.set(context.inputs.arrays["params.mlp"].data);
      for (const vector of Object.values(state.vectors)) vector.fill(0);
      state.step = 0;
      count = 0;
    };
    const step = () => {
      const batch = random.foldIn(KEYS.batches, count++ % BATCHES);
      let loss;
      if (objective === plain) loss = plain.lossAndGradient(params, batch, gradient);
      else {
        loss = plain.lossAndGradient(params, batch, known);
        objective.lossAndGradient(params, batch, gradient, { loss, gradient: known });
      }
      optimizer.step(params, gradient, state);
      return loss;
    };
    reset();
    rows.push(
      await hold(
        {
          name,
          unit: "ms",
          run(iterations) {
            for (let i = 0; i < iterations; i++) step();
          },
          outputs() {
            reset();
            return { losses: Array.from({ length: BATCHES }, step) };
          },
          tolerances: { losses: 1e-3 },
          peer: { figure: "train", args: { optimizer: id } },
        },
        context,
      ),
    );
    arena.close();
  }
  task.close?.();
  return { rows };
}
