// jax-js on its Wasm backend: the gradients, compiled by jit.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { blockUntilReady, defaultDevice, init, jit, lax, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import { firstBatch, serve } from "./protocol.mjs";

await init("wasm");
defaultDevice("wasm");

const MLP_SHAPES = [[20, 784], [20], [10, 20], [10]];

function mlp(activation, [w1, b1, w2, b2], x) {
  const hidden = activation(np.matmul(x, w1.transpose()).add(b1));
  return np.matmul(hidden, w2.transpose()).add(b2);
}

/** Images as [batch, channels, height, width], the order jax-js convolves; Lowland has channels last. */
function cnn([w1, b1, w2, b2, w3, b3], x) {
  const layer = (input, w, b, filters) => {
    const kernel = w.transpose([0, 3, 1, 2]);
    const y = lax.conv(input, kernel, [1, 1], "VALID").add(b.reshape([filters, 1, 1]));
    // where images are blank y is exactly 0, where nn.relu has a slope and all others have none
    const active = np.where(np.greater(y.ref, 0), y, 0);
    return lax.reduceWindow(active, np.max, [2, 2], [2, 2]);
  };
  const rows = x.shape[0];
  const images = x.reshape([rows, 1, 28, 28]);
  const features = layer(layer(images, w1, b1, 16), w2, b2, 32)
    .transpose([0, 2, 3, 1])
    .reshape([rows, -1]);
  return np.matmul(features, w3.transpose()).add(b3);
}

function gradient(inputs, { model }) {
  const flat = inputs.arrays[`params.${model}`];
  const batch = firstBatch(inputs);
  const { batch: rows, inputSize } = inputs.settings;
  const x = np.array(batch.x).reshape([rows, inputSize]);
  const labels = nn.oneHot(np.array(batch.y, { dtype: np.int32 }), 10);
  let offset = 0;
  const params = (model === "cnn" ? inputs.settings.cnnShapes : MLP_SHAPES).map((shape) => {
    const size = shape.reduce((a, b) => a * b);
    offset += size;
    return np.array(flat.slice(offset - size, offset)).reshape(shape);
  });
  const logits = (w, images) =>
    model === "cnn" ? cnn(w, images) : mlp(model === "mlp" ? nn.sigmoid : nn.relu, w, images);
  const loss = (w, images, targets) =>
    nn
      .logSoftmax(logits(w, images))
      .mul(targets)
      .sum()
      .mul(-1 / rows);
  const compiled = jit(valueAndGrad(loss));
  const evaluate = () =>
    compiled(
      params.map((p) => p.ref),
      x.ref,
      labels.ref,
    );
  return {
    async check() {
      const [value, grads] = evaluate();
      const parts = [];
      for (const part of grads) parts.push(...(await part.data()));
      return { loss: await value.data(), gradient: parts };
    },
    async run(iterations) {
      for (let i = 0; i < iterations; i++) {
        const [value, grads] = evaluate();
        await blockUntilReady([value, grads]);
        value.dispose();
        for (const part of grads) part.dispose();
      }
    },
  };
}

const manifest = join(dirname(fileURLToPath(import.meta.resolve("@jax-js/jax"))), "../package.json");
serve(
  {
    name: "jax-js",
    versions: { "jax-js": JSON.parse(readFileSync(manifest, "utf8")).version, node: process.versions.node },
    threads: 1,
    variants: { gradient: ["jit"] },
  },
  (inputs, _figure, _variant, args) => gradient(inputs, args),
);
