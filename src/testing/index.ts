// lowland/testing: one conformance check for each interface, for implementations of your own.
export { checkEstimator } from "./check-estimator.ts";
export { checkFamily } from "./check-family.ts";
export { checkLearnedOptimizer } from "./check-learned-optimizer.ts";
export { checkOptimizer } from "./check-optimizer.ts";
export { checkRegularizer } from "./check-regularizer.ts";
export { checkTask } from "./check-task.ts";
