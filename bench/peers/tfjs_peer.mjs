// TensorFlow.js on its Wasm backend: the gradient of the perceptrons.
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { firstBatch, serve } from "./protocol.mjs";

// the packages' ES modules cannot be loaded by Node, their CommonJS builds can
const require = createRequire(import.meta.url);
const tf = require("@tensorflow/tfjs");
const wasm = require("@tensorflow/tfjs-backend-wasm");
wasm.setWasmPaths(`${dirname(require.resolve("@tensorflow/tfjs-backend-wasm"))}/`);
await tf.setBackend("wasm");
await tf.ready();

const SHAPES = [[20, 784], [20], [10, 20], [10]];

function gradient(inputs, { model }) {
  const flat = inputs.arrays[`params.${model}`];
  const batch = firstBatch(inputs);
  const { batch: rows, inputSize } = inputs.settings;
  const x = tf.tensor2d(batch.x, [rows, inputSize]);
  const labels = tf.oneHot(tf.tensor1d(batch.y, "int32"), 10);
  let offset = 0;
  const params = SHAPES.map((shape) => {
    const size = shape.reduce((a, b) => a * b);
    offset += size;
    return tf.tensor(flat.slice(offset - size, offset), shape);
  });
  const activation = model === "mlp" ? tf.sigmoid : tf.relu;
  const loss = (w1, b1, w2, b2) => {
    const hidden = activation(tf.add(tf.matMul(x, w1, false, true), b1));
    const logits = tf.add(tf.matMul(hidden, w2, false, true), b2);
    const shifted = tf.sub(logits, tf.max(logits, 1, true));
    const logSum = tf.log(tf.sum(tf.exp(shifted), 1));
    return tf.mean(tf.sub(logSum, tf.sum(tf.mul(shifted, labels), 1)));
  };
  const valueAndGradients = tf.valueAndGrads(loss);
  /** Runs once and reads the last gradient, so that nothing is left undone. */
  const evaluate = (read) =>
    tf.tidy(() => {
      const { value, grads } = valueAndGradients(params);
      return read(value, grads);
    });
  return {
    check: () =>
      evaluate((value, grads) => ({
        loss: value.dataSync(),
        gradient: grads.flatMap((part) => [...part.dataSync()]),
      })),
    run(iterations) {
      for (let i = 0; i < iterations; i++) evaluate((_, grads) => void grads[0].dataSync());
    },
  };
}

serve(
  {
    name: "TensorFlow.js",
    versions: { tfjs: tf.version_core, backend: `wasm ${wasm.version_wasm}`, node: process.versions.node },
    threads: wasm.getThreadsCount(),
    variants: { gradient: ["wasm"] },
  },
  (inputs, _figure, _variant, args) => {
    if (args.model === "cnn") throw new Error("the Wasm backend has no gradient of convolutions");
    return gradient(inputs, args);
  },
);
