import { LowlandError } from "../errors.ts";
import { withScratch } from "../kernels/scratch.ts";
import { unknown } from "../spec.ts";
import { type Evaluation, type Objective, SPLITS, type Split, type Task } from "./types.ts";

/** An objective as a user may write it: the loss alone may be missing. */
export type ObjectiveDefinition = Omit<Objective, "loss"> & Partial<Pick<Objective, "loss">>;

/**
 * A whole objective: where the loss alone is missing, it is that of `lossAndGradient`, its gradient thrown away.
 *
 * @param options `plain`: that it is no regularized one, so that a plain loss that is known is its loss
 */
export function completeObjective(
  objective: ObjectiveDefinition,
  options: { readonly plain?: boolean } = {},
): Objective {
  if (objective.loss !== undefined) return objective as Objective;
  const freeze = objective.freeze?.bind(objective);
  return {
    ...objective,
    lossAndGradient: objective.lossAndGradient.bind(objective),
    loss(params, batch, known) {
      if (options.plain && known !== undefined) return known.loss;
      return withScratch(params, 1, ([gradient]) =>
        objective.lossAndGradient(params, batch, gradient!, known),
      );
    },
    ...(objective.hessianVectorProduct && {
      hessianVectorProduct: objective.hessianVectorProduct.bind(objective),
    }),
    ...(freeze && { freeze: (params, batch) => completeObjective(freeze(params, batch), options) }),
  };
}

/** A task as a module of the user's own may write it: everything that has a default may be missing. */
export type TaskObject = Omit<Task, "splits" | "metrics" | "objective" | "fixedObjective" | "evaluate"> &
  Partial<Pick<Task, "splits" | "metrics">> & {
    objective(...given: Parameters<Task["objective"]>): ObjectiveDefinition;
    fixedObjective(...given: Parameters<Task["fixedObjective"]>): ObjectiveDefinition;
    evaluate(
      ...given: Parameters<Task["evaluate"]>
    ): Omit<Evaluation, "metrics"> & Partial<Pick<Evaluation, "metrics">>;
  };

/**
 * A whole task: the four well-known splits and no metrics where it says none, objectives completed. A split that it does
 * not have is refused; where none is asked for it is `train`, or the first.
 */
export function completeTask(task: TaskObject): Task {
  const { splits = SPLITS } = task;
  const known = (split: Split = splits.includes("train") ? "train" : splits[0]!): Split => {
    if (splits.includes(split)) return split;
    throw new LowlandError("E_CONFIG", unknown(`split of task ${task.name}`, split, splits));
  };
  return {
    name: task.name,
    layout: task.layout,
    splits,
    metrics: task.metrics ?? [],
    ...(task.lossBound !== undefined && { lossBound: task.lossBound }),
    ...(task.project && { project: (params) => task.project!(params) }),
    init: (key, params) => task.init(key, params),
    objective: (split) => completeObjective(task.objective(known(split)), { plain: true }),
    fixedObjective: (options) =>
      completeObjective(task.fixedObjective({ ...options, split: known(options?.split) }), { plain: true }),
    evaluate: (params, split) => ({ metrics: {}, ...task.evaluate(params, known(split)) }),
    ...(task.close && { close: () => task.close!() }),
  };
}
