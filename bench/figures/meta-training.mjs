// 3: meta-training, gradients of the optimizee, backpropagation and the outer Adam included.
import { hold } from "../lib/contest.mjs";
import { metaTraining, RHO, WINDOW } from "../lib/inputs.mjs";
import { initialState, metaTrain, openExecutor } from "../lib/lowland.mjs";

export const title = `Meta-training, window ${WINDOW}`;

/** Runs outer steps, going on where the last call stopped. */
export function outerSteps(training, executor) {
  let state = initialState(training);
  return async (count) => {
    const done = new AbortController();
    const last = state.outerStep + count;
    state = await metaTrain(training, executor, state, {
      signal: done.signal,
      onStep: (record) => record.outerStep === last && done.abort(),
    });
  };
}

/** Meta-gradient of the first window. */
async function firstWindow(training, executor) {
  const { metaParams, instances, schedule } = initialState(training);
  const [{ gradient }] = await executor.estimates(metaParams, instances, schedule);
  return { metaGradient: gradient };
}

export async function measure(context) {
  const rows = [];
  for (const regularizer of ["none", `sam:rho=${RHO}`]) {
    const label = regularizer === "none" ? "plain" : "SAM";
    const single = await metaTraining(context.dataset, { regularizer });
    const inline = await openExecutor(single);
    const contest = {
      unit: "inner steps/s",
      steps: WINDOW,
      outputs: () => firstWindow(single, inline),
      tolerances: { metaGradient: 1e-3 },
    };
    const args = { regularizer: label === "plain" ? "none" : "sam" };
    rows.push(
      await hold(
        {
          ...contest,
          name: `${label}, one thread`,
          threads: 1,
          run: outerSteps(single, inline),
          peer: { figure: "meta", args: { ...args, threads: 1 }, only: ["torch"] },
        },
        context,
      ),
    );
    const pair = await metaTraining(context.dataset, { regularizer, instances: 2 });
    const threads = await openExecutor(pair, { threads: 2 });
    rows.push(
      await hold(
        {
          ...contest,
          name: `${label}, two threads`,
          threads: 2,
          units: 2,
          run: outerSteps(pair, threads),
          peer: { figure: "meta", args },
        },
        context,
      ),
    );
    await threads.close();
    await inline.close();
    pair.close();
    single.close();
    const [one, two] = rows.slice(-2);
    two.timesOneThread = {
      best: one.seconds.min / two.seconds.min,
      median: one.seconds.median / two.seconds.median,
    };
  }
  return { rows };
}
