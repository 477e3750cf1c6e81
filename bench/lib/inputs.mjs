// The work that Lowland and its peers share: data, minibatches, weights and gradients, made by Lowland.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  adam,
  buildMetaTraining,
  initialState,
  loadTask,
  lstm,
  openArena,
  openDataset,
  random,
  resolveMetaConfig,
  splitIndices,
} from "./lowland.mjs";

const { foldIn, key, normal, permutation, randomIntegers, split } = random;

export const BATCH = 128;
export const WINDOW = 20;
export const HORIZON = 100;
export const RHO = 0.05;
export const RADII = [0.001, 0.005, 0.05, 0.1];
export const PGA_IMAGES = 5000;
export const BATCHES = 20;
export const KEYS = { init: key(1), batches: key(2), lstm: key(3), subset: key(4), pga: key(5) };

/** MNIST if its files are at hand, else digits that the program draws: the same shapes. */
export async function openData() {
  process.env.LOWLAND_OFFLINE = "1";
  for (const dataset of ["mnist", "synthetic-digits"]) {
    try {
      return { dataset, task: await loadTask(`${dataset}/mlp`) };
    } catch (error) {
      if (error.code !== "E_DATA") throw error;
    }
  }
}

/** The meta-training that is timed. */
export function metaTraining(dataset, settings = {}) {
  const config = resolveMetaConfig({
    tasks: [`${dataset}/mlp`],
    schedule: `constant:${HORIZON}`,
    estimator: `bptt:truncation=${WINDOW}`,
    instances: 1,
    outerSteps: 1e9,
    checkpointEvery: 1e9,
    // what the peers have
    outerOptimizer: "adam",
    outerLearningRate: 1e-3,
    clipNorm: 0,
    seed: 0,
    ...settings,
  });
  return buildMetaTraining(config);
}

/** Everything the figures start from. */
export async function makeInputs({ dataset, task }, { sizes }) {
  const { train } = await openDataset(dataset);
  const indices = splitIndices(train.count).train;
  /** Examples of the minibatches with these keys, as rows of the training set. */
  const draw = (keys) => {
    const drawn = new Uint32Array(BATCH);
    return Int32Array.from(
      keys.flatMap((batch) => {
        randomIntegers(batch, drawn, indices.length);
        return Array.from(drawn, (i) => indices[i]);
      }),
    );
  };
  const steps = (parent, count) => Array.from({ length: count }, (_, step) => foldIn(parent, step));

  const training = await metaTraining(dataset);
  const state = initialState(training);
  const [, init, batches] = split(state.instances[0].draw.key, 4);
  const metaInit = new Float32Array(task.layout.size);
  task.init(init, metaInit);
  training.close();

  const lstmSize = Math.max(...sizes);
  const lstmParams = normalVector(foldIn(KEYS.lstm, 0), lstmSize, 0.01);
  const lstmGradient = normalVector(foldIn(KEYS.lstm, 1), lstmSize, 0.01);

  const order = permutation(KEYS.subset, indices.length).subarray(0, PGA_IMAGES);
  const arrays = {
    images: { data: train.images, shape: [train.count, train.height * train.width * train.channels] },
    labels: { data: train.labels },
    batches: { data: draw(steps(KEYS.batches, BATCHES)), shape: [BATCHES, BATCH] },
    "meta.batches": { data: draw(steps(batches, HORIZON + 1)), shape: [HORIZON + 1, BATCH] },
    "meta.params": { data: metaInit },
    phi: { data: state.metaParams },
    "lstm.params": { data: lstmParams },
    "lstm.gradient": { data: lstmGradient },
    "pga.images": { data: Int32Array.from(order, (i) => indices[i]) },
    "pga.params": { data: trained(task) },
    "pga.direction": { data: normalVector(foldIn(KEYS.pga, 0), task.layout.size, 1) },
  };
  const settings = {
    batch: BATCH,
    inputSize: arrays.images.shape[1],
    window: WINDOW,
    horizon: HORIZON,
    rho: RHO,
    radii: RADII,
    k: lstm().settings.k,
  };
  for (const model of ["mlp", "mlp-relu", "cnn"]) {
    const opened = await loadTask(`${dataset}/${model}`).catch(() => undefined);
    if (opened === undefined) continue;
    const params = new Float32Array(opened.layout.size);
    opened.init(KEYS.init, params);
    arrays[`params.${model}`] = { data: params };
    if (model === "cnn") settings.cnnShapes = opened.layout.slots.map(({ shape }) => shape);
    opened.close?.();
  }
  return { arrays, settings, phi: state.metaParams };
}

function normalVector(from, size, stddev) {
  const vector = new Float32Array(size);
  normal(from, vector, { stddev });
  return vector;
}

/** A point after a hundred steps of Adam, where a landscape has something to climb. */
function trained(task) {
  const arena = openArena();
  const params = arena.float32(task.layout.size);
  const gradient = arena.float32(task.layout.size);
  task.init(KEYS.init, params);
  const objective = task.objective("train");
  const optimizer = adam({ lr: 0.01 });
  const state = optimizer.init(task.layout, { arena });
  for (let step = 0; step < 100; step++) {
    objective.lossAndGradient(params, foldIn(KEYS.batches, step), gradient);
    optimizer.step(params, gradient, state);
  }
  const result = params.slice();
  arena.close();
  return result;
}

/** Writes the inputs where the peers read them: manifest.json and a raw little-endian file for each array. */
export function writeInputs({ arrays, settings }) {
  const folder = mkdtempSync(join(tmpdir(), "lowland-bench-"));
  const dtypeOf = (data) =>
    data instanceof Float32Array ? "<f4" : data instanceof Int32Array ? "<i4" : "|u1";
  const entries = Object.entries(arrays).map(([name, { data, shape = [data.length] }], i) => {
    const file = `${i}.bin`;
    writeFileSync(join(folder, file), new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return [name, { file, dtype: dtypeOf(data), shape }];
  });
  writeFileSync(
    join(folder, "manifest.json"),
    JSON.stringify({ settings, arrays: Object.fromEntries(entries) }),
  );
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
