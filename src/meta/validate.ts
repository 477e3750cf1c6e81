import { openArena } from "../kernels/module.ts";
import type { Key } from "../random/key.ts";
import { normalized } from "./objective.ts";
import { type InnerProblem, openRollout, type Samples } from "./rollout.ts";

/** A validation run to do. */
export interface ValidationRequest {
  readonly task: number;
  readonly key: Key;
  readonly steps: number;
}

/** Losses of one validation run. */
export interface ValidationResult {
  /** Mean training minibatch loss along the run. */
  readonly meanLoss: number;
  /** Loss on the meta-validation split at the end, normalized as the meta-objective is. */
  readonly loss: number;
  /** The task's metrics there. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Trains from scratch with the optimizer φ for `steps` steps and evaluates on the meta-validation split. */
export function validate(
  problem: InnerProblem,
  samples: Samples,
  metaParams: Float32Array,
  { task, key, steps }: ValidationRequest,
): ValidationResult {
  const arena = openArena();
  try {
    const optimizer = problem.learned.open(arena);
    optimizer.load(metaParams);
    const rollout = openRollout({ ...problem, teacher: undefined }, samples, arena);
    const draw = { task, key, horizon: steps, start: 0 };
    rollout.start(draw, optimizer);
    let sum = 0;
    for (let step = 0; step < steps; step++) {
      sum += rollout.evaluate();
      rollout.advance(optimizer);
    }
    const sample = samples.of(draw).task;
    const { loss, metrics } = sample.evaluate(rollout.params, "meta-validation");
    const { value } = normalized(loss, sample.lossBound, problem.objective.normalize);
    return { meanLoss: sum / steps, loss: value, metrics };
  } finally {
    arena.close();
  }
}
