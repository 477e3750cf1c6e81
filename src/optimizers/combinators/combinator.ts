import type { Layout, Vector } from "../../kernels/types.ts";
import type { SettingValue } from "../../spec.ts";
import { defineOptimizer } from "../define.ts";
import type { Optimizer, OptimizerReads, OptimizerStart, OptimizerState, StepContext } from "../types.ts";

/** Makes an optimizer of another one: a schedule, a limit, a constraint around any optimizer, learned ones included. */
export type Combinator = (optimizer: Optimizer) => Optimizer;

/**
 * Wraps combinators around an optimizer, the first innermost: gradients pass the last one first, updates the first.
 *
 * @example
 * const optimizer = combine(adamw({ lr: 0.003 }), clip({ norm: 1 }), cosine({ warmup: 50 }));
 * const state = optimizer.init(layout, { horizon: 1000 });
 */
export function combine(optimizer: Optimizer, ...combinators: readonly Combinator[]): Optimizer {
  return combinators.reduce((inner, combinator) => combinator(inner), optimizer);
}

/** What a combinator adds to the optimizer inside. */
export interface Addition {
  readonly name: string;
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly reads?: OptimizerReads;
  /** Refuses parameters or a training that it cannot serve. */
  readonly check?: (layout: Layout, start: OptimizerStart) => void;
  /** `inner.update` with something before or after; the step before it is `state.step`. */
  readonly update: (
    inner: Optimizer,
    gradient: Vector,
    state: OptimizerState,
    context: StepContext,
    update: Vector,
  ) => void;
}

/**
 * An optimizer with something around it. It keeps no state of its own: the state is that of the optimizer inside, under
 * its names, so that checkpoints hold the same tensors with and without it.
 */
export function around(inner: Optimizer, { name, settings, reads, check, update }: Addition): Optimizer {
  const prefixed = Object.entries(settings).map(([key, value]) => [`${name}.${key}`, value] as const);
  return defineOptimizer({
    name: `${inner.name}+${name}`,
    settings: { ...inner.settings, ...Object.fromEntries(prefixed) },
    reads: { ...inner.reads, ...reads },
    init(layout, start = {}) {
      check?.(layout, start);
      const state = inner.init(layout, start);
      const { horizon = state.horizon } = start;
      return horizon === state.horizon ? state : { ...state, ...(horizon !== undefined && { horizon }) };
    },
    update: (gradient, state, context, out) => update(inner, gradient, state, context, out),
  });
}
