import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs code of a module that stands in the project, as a user's would that has installed it. */
function output(code: string): string {
  return execFileSync(process.execPath, ["--input-type=module", "--eval", code], {
    cwd: root,
    encoding: "utf8",
  });
}

describe("the package's adapters", () => {
  it("train a model of TensorFlow.js in five lines", () => {
    const text = output(`
      import * as tf from "@tensorflow/tfjs";
      import { loadZoo } from "lowland";
      import { LowlandOptimizer } from "lowland/tfjs";
      const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2], kernelInitializer: "zeros" })] });
      model.compile({ optimizer: new LowlandOptimizer(loadZoo("lstm-sam-mnist")), loss: "meanSquaredError" });
      const { history } = await model.fit(tf.ones([8, 2]), tf.ones([8, 1]), { epochs: 20, verbose: 0 });
      // on three parameters, steps that were learned on thousands soon go too far
      console.log(Math.min(...history.loss) < 0.1 * history.loss[0]);
    `);
    expect(text.trim().split("\n").at(-1)).toBe("true");
  });

  it("train a pytree of jax-js in five lines", () => {
    const text = output(`
      import { init, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
      import { loadZoo } from "lowland";
      import { gradientTransformation } from "lowland/jax-js";
      await init("cpu");
      const solver = gradientTransformation(loadZoo("lstm-sam-mnist"));
      let params = { w: np.array([1, 2]) };
      let state = solver.init(tree.ref(params));
      const losses = [];
      for (let step = 0; step < 20; step++) {
        const [loss, grads] = valueAndGrad(({ w }) => w.ref.mul(w).sum())(tree.ref(params));
        losses.push(loss.item());
        let updates;
        [updates, state] = solver.update(grads, state);
        params = tree.map((w, u) => w.add(u), params, updates);
      }
      console.log(losses.at(-1) < losses[0]);
    `);
    expect(text.trim().split("\n").at(-1)).toBe("true");
  });

  it.each([
    ["lowland/tfjs", "tfjs.js", "@tensorflow/tfjs"],
    ["lowland/jax-js", "jax-js.js", "@jax-js/jax"],
  ])("%s says in one line that its library is missing", (adapter, file, library) => {
    const folder = mkdtempSync(join(tmpdir(), "lowland-peer-"));
    try {
      cpSync(join(root, "dist"), join(folder, "dist"), { recursive: true });
      cpSync(join(root, "package.json"), join(folder, "package.json"));
      mkdirSync(join(folder, "node_modules"));
      const { stderr, status } = spawnSync(process.execPath, [join(folder, "dist/adapters", file)], {
        encoding: "utf8",
      });
      expect(status).toBe(1);
      expect(stderr).toContain(`LowlandError: ${adapter} needs ${library}, which cannot be loaded`);
      expect(stderr).toContain(`npm install ${library}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
