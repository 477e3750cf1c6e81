// A process that meta-trains in one thread and watches its resident memory. Arguments: dataset, activations, outer steps.
import { metaConfig, openData } from "./inputs.mjs";
import { initialState, lstm, metaTrain, openExecutor } from "./lowland.mjs";

const MIB = 2 ** 20;
const [, , dataset, activations, count] = process.argv;
const outerSteps = Number(count);
const { task } = await openData();
task.close?.();
const beforeMiB = process.memoryUsage().rss / MIB;
const config = { ...metaConfig(dataset, { activations }), outerSteps, validationSeeds: 1 };
const executor = await openExecutor(config);
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
