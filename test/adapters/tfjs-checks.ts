import * as tf from "@tensorflow/tfjs";
import { LowlandOptimizer, type OptimizerOrSpec } from "../../src/adapters/tfjs.ts";
import { layoutOf } from "../../src/kernels/types.ts";
import { makeOptimizer } from "../../src/optimizers/method.ts";
import { key, normal } from "../../src/random/key.ts";
import {
  CASES,
  firstDifference,
  joined,
  outputsFirst,
  type Recorded,
  SLOTS,
  STEPS,
  sameBits,
  type ZooBytes,
} from "./cases.ts";

type Gradients = Parameters<LowlandOptimizer["applyGradients"]>[0];

/** Keeps what every step was given and where it came, in Lowland's order. */
class Recorder extends LowlandOptimizer {
  readonly recorded: Recorded[] = [];
  #loss = 0;

  constructor(optimizer: OptimizerOrSpec) {
    super(optimizer, { horizon: STEPS });
  }

  override computeGradients(
    ...given: Parameters<LowlandOptimizer["computeGradients"]>
  ): ReturnType<LowlandOptimizer["computeGradients"]> {
    const computed = super.computeGradients(...given);
    [this.#loss] = computed.value.dataSync() as unknown as [number];
    return computed;
  }

  override applyGradients(gradients: Gradients): void {
    const named = Array.isArray(gradients)
      ? gradients
      : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
    const gradient = flat(named.map(({ tensor }) => tensor));
    super.applyGradients(gradients);
    const variables = named.map(({ name }) => tf.engine().registeredVariables[name]!);
    this.recorded.push({ gradient, loss: this.#loss, after: flat(variables) });
  }
}

function flat(tensors: readonly tf.Tensor[]): Float32Array {
  return joined(tensors.map((tensor) => inOurOrder(tensor)));
}

function inOurOrder(tensor: tf.Tensor): Float32Array {
  const data = tensor.dataSync() as Float32Array;
  return tensor.rank < 2 ? data.slice() : outputsFirst(data, tensor.shape.at(-1)!);
}

/** Draws from a key, as a tensor. */
function drawn(seed: number, shape: number[], stddev = 1): tf.Tensor {
  const data = new Float32Array(shape.reduce((size, extent) => size * extent, 1));
  normal(key(seed), data, { stddev });
  return tf.tensor(data, shape);
}

function network(): { variables: tf.Variable[]; loss: () => tf.Scalar } {
  const variables = [
    tf.variable(drawn(1, [3, 3, 2, 4], 0.2)),
    tf.variable(tf.zeros([4])),
    tf.variable(drawn(2, [144, 5], 0.1)),
    tf.variable(tf.zeros([5])),
  ];
  const [images, labels] = data(4);
  const loss = (): tf.Scalar => {
    const [w1, b1, w2, b2] = variables as unknown as [tf.Tensor4D, tf.Tensor1D, tf.Tensor2D, tf.Tensor1D];
    const features = tf.relu(tf.add(tf.conv2d(images as tf.Tensor4D, w1, 1, "valid"), b1));
    const logits = tf.add(tf.matMul(features.reshape([4, 144]) as tf.Tensor2D, w2), b2);
    return tf.losses.softmaxCrossEntropy(labels, logits) as tf.Scalar;
  };
  return { variables, loss };
}

function data(count = 16): [images: tf.Tensor, labels: tf.Tensor] {
  const labels = tf.oneHot(
    tf.tensor1d(
      Array.from({ length: count }, (_, i) => i % 5),
      "int32",
    ),
    5,
  );
  return [drawn(3, [count, 8, 8, 2]), labels.toFloat()];
}

/** By fact, what speaks against it; nothing where it holds. */
export async function checkTfjs(zoo: ZooBytes): Promise<Record<string, string | undefined>> {
  await tf.setBackend("cpu");
  const failures: Record<string, string | undefined> = {};
  const layout = layoutOf(SLOTS);
  for (const { name, make } of CASES) {
    const { variables, loss } = network();
    const optimizer = new Recorder(make(zoo));
    const start = flat(variables);
    for (let step = 0; step < STEPS; step++) optimizer.minimize(loss, false, variables);
    const differs = firstDifference(make(zoo), layout, start, optimizer.recorded);
    failures[`${name} takes ${STEPS} steps of minimize with Lowland's bits`] =
      differs === undefined ? moved(start, optimizer.recorded) : `differs at step ${differs}`;
    optimizer.dispose();
  }
  failures["fit takes Lowland's steps"] = await fits();
  failures["a state that was saved goes on with the same bits"] = await resumes(zoo);
  failures["a model saved with its optimizer goes on with the same bits"] = await saves();
  failures["sam around the loss function is the gradient one ascent step away"] = ascends();
  failures["no tensor is left behind by a step"] = keeps();
  return failures;
}

/** Equal bits would say nothing of parameters that stand still. */
function moved(start: Float32Array, recorded: readonly Recorded[]): string | undefined {
  const { after } = recorded.at(-1)!;
  return recorded.length === STEPS && !sameBits(start, after) && after.every(Number.isFinite)
    ? undefined
    : "the parameters did not move";
}

function model(optimizer: tf.Optimizer): tf.Sequential {
  const made = tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [8, 8, 2], filters: 4, kernelSize: 3, activation: "relu" }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 5 }),
    ],
  });
  const weights = made.getWeights().map(({ shape }, i) => drawn(10 + i, shape, 0.1));
  made.setWeights(weights);
  made.compile({ optimizer, loss: "meanSquaredError" });
  return made;
}

const FIT = { epochs: 3, batchSize: 4, shuffle: false, verbose: 0 } as const;

async function fits(): Promise<string | undefined> {
  const optimizer = new Recorder(makeOptimizer("adam:lr=0.01"));
  const trained = model(optimizer);
  const start = flat(trained.getWeights());
  const { history } = await trained.fit(...data(), FIT);
  const losses = history.loss as number[];
  if (!(losses.at(-1)! < losses[0]!)) return `the loss went from ${losses[0]} to ${losses.at(-1)}`;
  const adam = makeOptimizer("adam:lr=0.01");
  const differs = firstDifference(adam, layoutOf(SLOTS), start, optimizer.recorded);
  if (optimizer.recorded.length !== 12) return `${optimizer.recorded.length} steps, not 12`;
  return differs === undefined ? undefined : `differs at step ${differs}`;
}

async function resumes(zoo: ZooBytes): Promise<string | undefined> {
  for (const { name, make } of CASES) {
    const whole = network();
    const straight = new LowlandOptimizer(make(zoo), { horizon: STEPS });
    const stopped = network();
    const before = new LowlandOptimizer(make(zoo), { horizon: STEPS });
    const after = new LowlandOptimizer(make(zoo), { horizon: STEPS });
    for (let step = 0; step < 20; step++) straight.minimize(whole.loss, false, whole.variables);
    for (let step = 0; step < 10; step++) before.minimize(stopped.loss, false, stopped.variables);
    await after.setWeights(await before.getWeights());
    for (let step = 0; step < 10; step++) after.minimize(stopped.loss, false, stopped.variables);
    if (after.iterations !== 20) return `${name} counts ${after.iterations} steps`;
    if (!sameBits(flat(whole.variables), flat(stopped.variables))) return `${name} differs`;
    for (const optimizer of [straight, before, after]) optimizer.dispose();
  }
  return undefined;
}

async function saves(): Promise<string | undefined> {
  const spec = "adamw:lr=0.01+cosine:steps=24";
  const straight = model(new LowlandOptimizer(spec));
  const stopped = model(new LowlandOptimizer(spec));
  await straight.fit(...data(), { ...FIT, epochs: 6 });
  await stopped.fit(...data(), FIT);
  let artifacts: tf.io.ModelArtifacts | undefined;
  const keep = tf.io.withSaveHandler(async (given) => {
    artifacts = given;
    return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
  });
  await stopped.save(keep, { includeOptimizer: true });
  const loaded = await tf.loadLayersModel(tf.io.fromMemory(artifacts!));
  await loaded.fit(...data(), FIT);
  return sameBits(flat(straight.getWeights()), flat(loaded.getWeights())) ? undefined : "differs";
}

function ascends(): string | undefined {
  const { variables, loss } = network();
  const start = flat(variables);
  const optimizer = new LowlandOptimizer("sgd:lr=0.1+sam:rho=0.5");
  const { value, grads } = optimizer.computeGradients(loss, variables);
  if (!sameBits(start, flat(variables))) return "the variables were not put back";
  const wanted = tf.tidy(() => {
    const plain = tf.variableGrads(loss, variables).grads;
    const norm = Math.hypot(...flat(variables.map(({ name }) => plain[name]!)));
    for (const variable of variables) {
      variable.assign(tf.add(variable, tf.mul(plain[variable.name]!, 0.5 / norm)));
    }
    const there = tf.variableGrads(loss, variables);
    return {
      loss: there.value.dataSync()[0]!,
      gradient: flat(variables.map(({ name }) => there.grads[name]!)),
    };
  });
  const found = flat(variables.map(({ name }) => grads[name]!));
  const apart = Math.max(...found.map((entry, i) => Math.abs(entry - wanted.gradient[i]!)));
  // the point of ascent is rounded in another order: some 1e-7 of entries below 1
  if (!(apart < 1e-5)) return `the gradient is ${apart} off`;
  return Math.abs(value.dataSync()[0]! - wanted.loss) < 1e-5 ? undefined : "the loss is another";
}

function keeps(): string | undefined {
  const { variables, loss } = network();
  const optimizer = new LowlandOptimizer("adam:lr=0.01+sam:rho=0.1");
  optimizer.minimize(loss, false, variables);
  const before = tf.memory().numTensors;
  for (let step = 0; step < 5; step++) optimizer.minimize(loss, false, variables);
  const after = tf.memory().numTensors;
  return after === before ? undefined : `${after - before} tensors`;
}
