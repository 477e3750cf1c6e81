import { defaultDevice, grad, init, nn, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, it } from "vitest";
import { openArena } from "../kernels/module.ts";
import { kernelOps } from "../kernels/ops.ts";
import { key, normal, randomIntegers, uniform } from "../random/key.ts";
import { dense, type Layer, relu, sigmoid } from "./layers.ts";
import { sequential } from "./sequential.ts";

const BATCH = 16;
const arena = openArena();

beforeAll(async () => {
  await init("wasm");
  defaultDevice("wasm");
});

type Array2 = ReturnType<typeof np.array>;

describe("the gradient of the 784-20-10 network", () => {
  it.each([
    ["sigmoid", sigmoid(), (x: Array2) => nn.sigmoid(x)],
    ["relu", relu(), (x: Array2) => nn.relu(x)],
  ] as [string, Layer, (x: Array2) => Array2][])(
    "with %s is that of jax-js",
    async (_name, layer, activation) => {
      const network = sequential([784], [dense(20), layer, dense(10)], { kind: "normal", stddev: 0.1 });
      const params = arena.float32(network.layout.size);
      normal(key(1), params, { stddev: 0.1 });
      const pixels = new Float32Array(BATCH * 784);
      uniform(key(2), pixels);
      const labels = new Int32Array(BATCH);
      randomIntegers(key(3), labels, 10);

      const opened = network.open(kernelOps(arena), BATCH);
      opened.input.set(pixels);
      const gradient = arena.float32(network.layout.size);
      opened.run(params, Uint8Array.from(labels), BATCH, { gradient, scale: 1 / BATCH });

      const arrays = network.layout.slots.map(({ shape, offset, size }) =>
        np.array(params.slice(offset, offset + size)).reshape([...shape]),
      );
      const x = np.array(pixels).reshape([BATCH, 784]);
      const targets = nn.oneHot(np.array(labels, { dtype: np.int32 }), 10);
      const loss = ([w1, b1, w2, b2]: Array2[]): Array2 => {
        const hidden = activation(np.matmul(x.ref, w1!.transpose()).add(b1!));
        const logits = np.matmul(hidden, w2!.transpose()).add(b2!);
        return nn
          .logSoftmax(logits)
          .mul(targets.ref)
          .sum()
          .mul(-1 / BATCH);
      };
      const theirs: number[] = [];
      for (const part of grad(loss)(arrays) as Array2[]) theirs.push(...(await part.data()));

      expect(theirs).toHaveLength(network.layout.size);
      const largest = Math.max(...theirs.map(Math.abs));
      expect(largest).toBeGreaterThan(0.01);
      const worst = theirs.reduce((most, value, i) => Math.max(most, Math.abs(value - gradient[i]!)), 0);
      // two float32 computations that sum 784 products in different orders
      expect(worst / largest).toBeLessThan(5e-6);
    },
  );
});
