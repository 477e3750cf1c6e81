// jax-js on its Wasm backend: the gradients, compiled by jit.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import { firstBatch, serve } from "./protocol.mjs";

await init("wasm");
defaultDevice("wasm");

const SHAPES = [[20, 784], [20], [10, 20], [10]];

function gradient(inputs, { model }) {
  const flat = inputs.arrays[`params.${model}`];
  const batch = firstBatch(inputs);
  const { batch: rows, inputSize } = inputs.settings;
  const x = np.array(batch.x).reshape([rows, inputSize]);
  const labels = nn.oneHot(np.array(batch.y, { dtype: np.int32 }), 10);
  let offset = 0;
  const params = SHAPES.map((shape) => {
    const size = shape.reduce((a, b) => a * b);
    offset += size;
    return np.array(flat.slice(offset - size, offset)).reshape(shape);
  });
  const activation = model === "mlp" ? nn.sigmoid : nn.relu;
  const loss = ([w1, b1, w2, b2], images, targets) => {
    const hidden = activation(np.matmul(images, w1.transpose()).add(b1));
    const logits = np.matmul(hidden, w2.transpose()).add(b2);
    return nn.logSoftmax(logits).mul(targets).sum().mul(-1 / rows);
  };
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
