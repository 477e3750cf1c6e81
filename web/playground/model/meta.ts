import {
  architectureSpec,
  assembleMetaTraining,
  buildSchedule,
  buildSpec,
  classificationFamily,
  encodeWeights,
  estimators,
  foldIn,
  initialState,
  inlineExecutor,
  key,
  type LearnedOptimizer,
  layoutOf,
  learnedOptimizers,
  type MetaTraining,
  metaObjectives,
  metaTrain,
  noRegularizer,
  openArena,
  optimizerOf,
  outerOptimizerOf,
  parseModel,
  resolveMetaConfig,
  type TaskFamily,
} from "../../../src/core.ts";
import type { MetaNews, MetaOrder } from "../protocol.ts";
import { toyData } from "./data.ts";

/** Inner trainings: so many steps on a small network, with parameters rescaled at random, of these sets of points. */
const HORIZON = 60;
const MODEL = "mlp-relu:hidden=8,batch=32,init=he+reparam:low=0.5,high=2";
const SETS = 4;
/** Gradients of the curve that shows the update rule: both signs, and how often one was seen before. */
const CURVE = { side: 12, largest: 1, smallest: 1e-3, repeats: 5 } as const;

/** The meta-training that an order stands for. */
export function metaTrainingOf({ architecture, estimator, data, seed, outerSteps }: MetaOrder): MetaTraining {
  const config = resolveMetaConfig({
    tasks: Array.from({ length: SETS }, () => `${data}/${MODEL}`),
    learned: architecture,
    estimator: estimator === "pes" ? "pes:truncation=20,sigma=0.01" : "bptt:truncation=20",
    schedule: `constant:${HORIZON}`,
    objective: "train",
    outerOptimizer: "adam",
    outerLearningRate: estimator === "pes" ? 0.01 : 0.003,
    outerSteps,
    instances: 4,
    clipNorm: 1,
    checkpointEvery: outerSteps,
    validationSeeds: 1,
    seed,
  });
  const families = Array.from(
    { length: SETS },
    (_, set): TaskFamily =>
      classificationFamily(`${data}-${set}`, toyData(data, foldIn(key(seed), set)), parseModel(MODEL)),
  );
  return assembleMetaTraining(
    config,
    {
      learned: buildSpec(config.learned, "learned optimizer", learnedOptimizers),
      estimator: buildSpec(config.estimator, "estimator", estimators),
      regularizer: noRegularizer,
      schedule: buildSchedule(config.schedule),
      objective: buildSpec(config.objective, "objective", metaObjectives),
      teacher: undefined,
      outerOptimizer: outerOptimizerOf(config),
    },
    families,
  );
}

/** Meta-trains, and tells of it after every `every` outer steps. */
export async function runMetaTraining(
  order: MetaOrder,
  tell: (news: MetaNews) => void,
  { every = 5, signal }: { every?: number; signal?: AbortSignal } = {},
): Promise<void> {
  const training = metaTrainingOf(order);
  const { learned } = training.problem;
  const executor = inlineExecutor(training);
  let sum = 0;
  let summed = 0;
  await metaTrain(training, executor, initialState(training), {
    ...(signal && { signal }),
    onStep({ outerStep, metaLoss }, { metaParams }) {
      if (Number.isFinite(metaLoss)) {
        sum += metaLoss;
        summed++;
      }
      const done = outerStep === order.outerSteps;
      if (outerStep % every !== 0 && !done) return;
      tell({
        outerStep,
        metaLoss: sum / summed,
        ...updateRule(learned, metaParams),
        weights: encodeWeights(architectureSpec(order.architecture, learned), learned.layout, metaParams, {
          config: JSON.stringify(training.config),
          outerStep: String(outerStep),
        }),
        done,
      });
      sum = 0;
      summed = 0;
    },
  });
  await executor.close();
}

/** Updates for gradients that were the same for some steps: the rule, with its memory warm. */
export function updateRule(
  learned: LearnedOptimizer,
  metaParams: Float32Array,
): Pick<MetaNews, "gradients" | "updates"> {
  const { side, largest, smallest, repeats } = CURVE;
  const sizes = Array.from({ length: side }, (_, i) => smallest * (largest / smallest) ** ((i + 1) / side));
  const gradients = [...sizes.map((size) => -size).reverse(), 0, ...sizes];
  const arena = openArena();
  try {
    const optimizer = optimizerOf(learned, metaParams, arena);
    const layout = layoutOf([{ name: "w", shape: [gradients.length] }]);
    const state = optimizer.init(layout, { horizon: HORIZON, arena });
    const [w, g, u] = [0, 1, 2].map(() => arena.float32(gradients.length)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    g.set(gradients);
    for (let i = 0; i < repeats; i++) optimizer.update(g, state, { params: w, loss: 0.5 }, u);
    return { gradients, updates: [...u] };
  } finally {
    arena.close();
  }
}
