// 3: meta-training, gradients of the optimizee, backpropagation and the outer Adam included.
import { hold } from "../lib/contest.mjs";
import { metaConfig, RHO, WINDOW } from "../lib/inputs.mjs";
import { initialState, lstm, metaTrain, openExecutor } from "../lib/lowland.mjs";

export const title = `Meta-training, window ${WINDOW}`;

/** Runs outer steps, going on where the last call stopped. */
function outerSteps(config, executor) {
  let state = initialState(config, lstm());
  return async (count) => {
    const done = new AbortController();
    const last = state.outerStep + count;
    state = await metaTrain(config, executor, state, {
      signal: done.signal,
      onStep: (record) => record.outerStep === last && done.abort(),
    });
  };
}

/** Losses and meta-gradient of the first window, and the losses of the next one, after Adam. */
async function firstWindows(config, executor) {
  const start = initialState(config, lstm());
  const [first] = await executor.windows(start.metaParams, start.instances);
  const next = await metaTrain(
    { ...config, outerSteps: 1, validationSeeds: 1, horizon: WINDOW * 2 },
    executor,
    start,
  );
  const [second] = await executor.windows(next.metaParams, next.instances);
  return {
    losses: first.losses,
    metaLosses: first.metaLosses,
    metaGradient: first.metaGradient,
    nextLosses: second.losses,
  };
}

export async function measure(context) {
  const rows = [];
  for (const regularizer of ["none", `sam:rho=${RHO}`]) {
    const label = regularizer === "none" ? "plain" : "SAM";
    const single = metaConfig(context.dataset, { regularizer });
    const inline = await openExecutor(single);
    const contest = {
      unit: "inner steps/s",
      steps: WINDOW,
      outputs: () => firstWindows(single, inline),
      tolerances: { losses: 1e-4, metaLosses: 1e-4, metaGradient: 1e-3, nextLosses: 1e-3 },
    };
    const args = { regularizer: label === "plain" ? "none" : "sam" };
    rows.push(
      await hold(
        {
          ...contest,
          name: `${label}, one thread`,
          run: outerSteps(single, inline),
          peer: { figure: "meta", args: { ...args, threads: 1 }, only: ["torch"] },
        },
        context,
      ),
    );
    const pair = metaConfig(context.dataset, { regularizer, instances: 2 });
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
    const [one, two] = rows.slice(-2);
    two.timesOneThread = {
      best: one.seconds.min / two.seconds.min,
      median: one.seconds.median / two.seconds.median,
    };
  }
  return { rows };
}
