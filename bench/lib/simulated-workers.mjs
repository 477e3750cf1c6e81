// node simulated-workers.mjs '{url, experiment, workers, bytes, milliseconds}'
// Workers with the queues, signs of life and answers of real ones, which sleep instead of computing.

import { redisAddress } from "../../dist/cluster/address.js";
import { connect } from "../../dist/cluster/connection.js";
import { takeJobs } from "../../dist/cluster/station.js";

const { url, experiment, first, workers, bytes, milliseconds } = JSON.parse(process.argv[2]);
const result = Buffer.alloc(bytes, 7);
const perform = async () => {
  if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
  return { bytes: result, snapshots: [] };
};
const all = Array.from({ length: workers }, async (_, i) => {
  const connection = await connect(redisAddress(url));
  const id = `sim${first + i}`;
  await takeJobs(
    connection,
    experiment,
    { id, host: "simulated", pid: process.pid, threads: 1 },
    { perform },
  );
  connection.redis.disconnect();
});
await Promise.all(all);
