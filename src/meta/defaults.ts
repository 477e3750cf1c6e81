import type { MetaConfig } from "./config.ts";

/** What a field of a meta-training configuration is where nothing is given; the command line's help says the same. */
export const META_DEFAULTS: Readonly<Omit<MetaConfig, "tasks" | "init">> = {
  learned: "lstm",
  regularizer: "none",
  outerSteps: 1000,
  horizon: 100,
  truncation: 20,
  instances: 2,
  metaLossBatch: "same",
  outerOptimizer: "soap:b2=0.98",
  outerLearningRate: 3e-3,
  outerDecay: 1,
  clipNorm: 0,
  checkpointEvery: 50,
  keepCheckpoints: 2,
  validationSeeds: 4,
  patience: 20,
  activations: "auto",
  seed: 0,
};
