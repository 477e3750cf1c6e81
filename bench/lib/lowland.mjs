// The built library, module by module: the benchmark reaches below the public door.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = new URL("../../", import.meta.url);
export const dist = new URL("dist/", root);

if (!existsSync(fileURLToPath(new URL("kernels/module.js", dist)))) {
  console.error("dist/ is missing; run npm run build first");
  process.exit(2);
}

// Several meta-trainings with stored activations stay open in this thread; pages never touched cost nothing.
process.env.LOWLAND_MEMORY_MIB ??= "4096";

const load = (path) => import(new URL(path, dist).href);

// native kernels, threads, settings from the environment
await load("kernels/node.js");

export const [
  { kernels, openArena, openKernels },
  { kernelOps },
  { layoutOf },
  random,
  { splitIndices },
  { openDataset },
  { loadTask },
  { lstm },
  { resolveMetaConfig },
  { buildMetaTraining },
  { initialState, metaTrain },
  { openExecutor },
  { adam, sgd },
  { makeRegularizer },
  { pga },
] = await Promise.all(
  [
    "kernels/module.js",
    "kernels/ops.js",
    "kernels/types.js",
    "random/key.js",
    "data/splits.js",
    "data/cache.js",
    "tasks/load.js",
    "learned/lstm.js",
    "meta/config.js",
    "meta/build.js",
    "meta/outer-loop.js",
    "meta/threads.js",
    "optimizers/first-order.js",
    "regularizers/registry.js",
    "sharpness/pga.js",
  ].map(load),
);

/** The LSTM optimizer with meta-parameters φ, its vectors in an arena. */
export function lstmOptimizer(phi, arena = openArena()) {
  const optimizer = lstm().open(arena);
  optimizer.load(phi);
  return optimizer;
}
