// lowland/core: everything that runs anywhere, in a browser as on Node: no file, no thread, no clock, no environment.
export { checkDataset, type Dataset } from "./data/dataset.ts";
export { resized } from "./data/resize.ts";
export { syntheticDigits } from "./data/synthetic-digits.ts";
export { syntheticTextures } from "./data/synthetic-textures.ts";
export { type ErrorCode, LowlandError } from "./errors.ts";
export {
  type Milestone,
  type Selection,
  type Trainer,
  type TrainingRun,
  trainRun,
} from "./evaluation/train.ts";
export type { Arena } from "./kernels/memory.ts";
export {
  type BackendName,
  type KernelOptions,
  type KernelVariant,
  kernels,
  openArena,
  openKernels,
  useKernels,
  useKernelVariant,
} from "./kernels/module.ts";
export { type Layout, layoutOf, type Slot, type Vector } from "./kernels/types.ts";
export { addScaled, axpy, dot, norm, scale } from "./kernels/vector.ts";
export { adafacMlp } from "./learned/adafac-mlp.ts";
export { celo } from "./learned/celo.ts";
export { celo2, celo2Base } from "./learned/celo2.ts";
export { lstm } from "./learned/lstm.ts";
export { mlp } from "./learned/mlp.ts";
export { type Imported, importPublished, type PublishedTensor } from "./learned/published.ts";
export { learnedOptimizers } from "./learned/registry.ts";
export { rnnprop } from "./learned/rnnprop.ts";
export {
  type Activations,
  type BackpropagatingOptimizer,
  type LearnedOptimizer,
  type OpenLearnedOptimizer,
  optimizerOf,
  type Unroll,
} from "./learned/types.ts";
export {
  architectureSpec,
  decodeWeights,
  encodeWeights,
  type Weights,
} from "./learned/weights.ts";
export { assembleMetaTraining, type MetaParts } from "./meta/assemble.ts";
export { type MetaConfig, type MetaConfigInput, resolveMetaConfig } from "./meta/config.ts";
export { bptt } from "./meta/estimators/bptt.ts";
export { es } from "./meta/estimators/es.ts";
export { fullBptt } from "./meta/estimators/full-bptt.ts";
export { nres } from "./meta/estimators/nres.ts";
export { pes } from "./meta/estimators/pes.ts";
export { estimators } from "./meta/estimators/registry.ts";
export {
  answerMeta,
  type Executor,
  inlineExecutor,
  type MetaRequest,
  type MetaResult,
  type MetaWork,
  type MetaWorker,
  metaBuffers,
  openMetaWorker,
  poolExecutor,
} from "./meta/executor.ts";
export type { MetaObjective } from "./meta/objective.ts";
export { metaObjectives } from "./meta/objective.ts";
export {
  initialState,
  type MetaTraining,
  metaTrain,
  type OuterStepRecord,
  type TrainerState,
} from "./meta/outer-loop.ts";
export { outerOptimizerOf } from "./meta/outer-optimizer.ts";
export { buildRegularization, checkRegularization, regularizations } from "./meta/regularization/registry.ts";
export type {
  InForce,
  Moment,
  Regularization,
  RegularizationState,
  Shown,
} from "./meta/regularization/types.ts";
export type { ChangingRegularizer, InnerProblem } from "./meta/rollout.ts";
export { openRollout, openSamples, type Rollout } from "./meta/rollout.ts";
export { constant } from "./meta/schedules/constant.ts";
export { curriculum } from "./meta/schedules/curriculum.ts";
export { logUniform } from "./meta/schedules/log-uniform.ts";
export { buildSchedule } from "./meta/schedules/registry.ts";
export type {
  Draw,
  Estimate as MetaEstimate,
  Estimator,
  InnerState,
  Instance,
  OpenEstimator,
  Schedule,
  ScheduleState,
} from "./meta/types.ts";
export type { ValidationRequest, ValidationResult } from "./meta/validate.ts";
export { batchNorm, conv2d, maxPool } from "./nn/conv.ts";
export { type Head, type OpenHead, softmaxCrossEntropy, squaredError } from "./nn/heads.ts";
export { dense, type Layer, type OpenLayer, relu, type Shape, sigmoid, tanh } from "./nn/layers.ts";
export type { OpenNetwork } from "./nn/open-network.ts";
export { residual } from "./nn/residual.ts";
export { type Initialization, type Network, sequential } from "./nn/sequential.ts";
export { clip } from "./optimizers/combinators/clip.ts";
export { type Combinator, combine } from "./optimizers/combinators/combinator.ts";
export { decay } from "./optimizers/combinators/decay.ts";
export { mask } from "./optimizers/combinators/mask.ts";
export { project } from "./optimizers/combinators/project.ts";
export { cosine, linear, scaleBy, warmup } from "./optimizers/combinators/schedules.ts";
export { copyState, defineOptimizer, zeros } from "./optimizers/define.ts";
export {
  type AdamOptions,
  adam,
  adamw,
  lion,
  momentum,
  nesterov,
  rmsprop,
  sgd,
} from "./optimizers/first-order.ts";
export { formatMethod, type MethodSpec, makeOptimizer, parseMethod } from "./optimizers/method.ts";
export { type MuonOptions, muon } from "./optimizers/muon.ts";
export { optimizers } from "./optimizers/registry.ts";
export { type SoapOptions, soap } from "./optimizers/soap.ts";
export type {
  Optimizer,
  OptimizerReads,
  OptimizerStart,
  OptimizerState,
  StepContext,
} from "./optimizers/types.ts";
export {
  bits,
  foldIn,
  type Key,
  key,
  keyFromString,
  keyToString,
  normal,
  permutation,
  rademacher,
  randomIntegers,
  split,
  truncatedNormal,
  uniform,
} from "./random/key.ts";
export { asam } from "./regularizers/asam.ts";
export { type CountedObjective, countGradients } from "./regularizers/count.ts";
export { eigenvalue } from "./regularizers/eigenvalue.ts";
export { gam } from "./regularizers/gam.ts";
export { gamFd } from "./regularizers/gam-fd.ts";
export { gradientNorm } from "./regularizers/gradient-norm.ts";
export { gsam, gsamRho } from "./regularizers/gsam.ts";
export { type HessianVectorProduct, hessianVectorProducts } from "./regularizers/hvp.ts";
export { maxLoss } from "./regularizers/max-loss.ts";
export { noise } from "./regularizers/noise.ts";
export { defineRegularizer, makeRegularizer, noRegularizer, regularizers } from "./regularizers/registry.ts";
export { sam } from "./regularizers/sam.ts";
export type { Cost, LoweredMeasure, Regularizer, RegularizerFunction } from "./regularizers/types.ts";
export { type Observer, weighted } from "./regularizers/weighted.ts";
export { decodeSafetensors, encodeSafetensors, type Safetensors, type Tensor } from "./runs/safetensors.ts";
export {
  type EigenvaluesOptions,
  type HessianEigenvalues,
  hessianEigenvalues,
} from "./sharpness/eigenvalues.ts";
export {
  filterNormalizedDirection,
  type Landscape,
  type LandscapeOptions,
  landscape,
} from "./sharpness/landscape.ts";
export {
  measureSharpness,
  type RadiusSharpness,
  type Sharpness,
  type SharpnessOptions,
  type SharpnessProgress,
} from "./sharpness/measure.ts";
export { type AscentOptions, type PgaOptions, type PgaQuantity, pga } from "./sharpness/pga.ts";
export { measurePoint, type PointMeasures, type PointSharpness } from "./sharpness/point.ts";
export { type TopEigenvalue, type TopEigenvalueOptions, topEigenvalue } from "./sharpness/spectrum.ts";
export { hessianTrace, type TraceEstimate, type TraceOptions } from "./sharpness/trace.ts";
export { buildSpec, parseSpec, type Settings, type SpecRegistry, specEntry } from "./spec.ts";
export { augmentations } from "./tasks/augmentations.ts";
export { type ClassificationOptions, classificationTask } from "./tasks/classification.ts";
export { completeObjective, completeTask } from "./tasks/complete.ts";
export { defineTask, type TaskDefinition } from "./tasks/define.ts";
export { classificationFamily, familyOf, type TaskFamily } from "./tasks/family.ts";
export { models, networkOf } from "./tasks/models.ts";
export { parseModel } from "./tasks/names.ts";
export { reparametrized } from "./tasks/reparametrize.ts";
export {
  type Evaluation,
  frozenAt,
  type Known,
  type Metric,
  type Objective,
  type Split,
  type Task,
} from "./tasks/types.ts";
export type { Pool } from "./threads/seats.ts";
export { openWebPool, serveWeb } from "./threads/web-pool.ts";
export type { Work } from "./threads/work.ts";
export { LOWLAND_VERSION } from "./version.ts";
