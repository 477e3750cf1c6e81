// A process that meta-trains and watches its resident memory. Arguments: dataset, activations, outer steps, threads.
import { metaConfig, openData } from "./inputs.mjs";
import { initialState, lstm, metaTrain, openExecutor } from "./lowland.mjs";

const MIB = 2 ** 20;
const [, , dataset, activations, count, threadCount] = process.argv;
const threads = Number(threadCount);
const outerSteps = Number(count);
const { task } = await openData();
task.close?.();
const beforeMiB = process.memoryUsage().rss / MIB;
const config = {
  ...metaConfig(dataset, { activations, instances: threads }),
  outerSteps,
  validationSeeds: 1,
};
const executor = await openExecutor(config, { threads });
const samplesMiB = [];
const every = Math.max(1, Math.floor(outerSteps / 10));
await metaTrain(config, executor, initialState(config, lstm()), {
  onStep({ outerStep }) {
    if (outerStep % every === 0) samplesMiB.push(process.memoryUsage().rss / MIB);
  },
});
await executor.close();
const peakMiB = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ beforeMiB, peakMiB, samplesMiB }));
