import { LowlandError } from "../errors.ts";
import { kernels } from "../kernels/module.ts";
import type { Vector } from "../kernels/types.ts";
import { axpy, inKernelMemory } from "../kernels/vector.ts";
import { type Settings, settle } from "../spec.ts";
import { defineOptimizer, zeros } from "./define.ts";
import {
  adamParameters,
  adamwParameters,
  momentumParameters,
  rmspropParameters,
  sgdParameters,
} from "./parameters.ts";
import * as reference from "./reference.ts";
import type { Optimizer, OptimizerState } from "./types.ts";

/** Whether a step can run on the kernels; throws where lengths differ. */
function onKernels(name: string, params: Vector, gradient: Vector, ...state: Vector[]): boolean {
  for (const vector of [gradient, ...state]) {
    if (vector.length !== params.length) {
      throw new LowlandError(
        "E_SHAPE",
        `${name}: params have ${params.length} entries, but gradient or state has ${vector.length}; call init with the layout of these params`,
      );
    }
  }
  return [params, gradient, ...state].every(inKernelMemory);
}

/**
 * Stochastic gradient descent: w ← w − lr·g.
 *
 * @param lr learning rate
 */
export function sgd(options: Partial<Settings<typeof sgdParameters>> = {}): Optimizer {
  const { lr } = settle("optimizer sgd", sgdParameters, options);
  return momentumFamily("sgd", { lr }, { lr, momentum: 0, nesterov: false });
}

/**
 * Heavy-ball momentum: v ← μ·v + g; w ← w − lr·v. (Polyak, 1964; PyTorch's convention.)
 *
 * @param lr learning rate
 * @param momentum μ
 */
export function momentum(options: Partial<Settings<typeof momentumParameters>> = {}): Optimizer {
  const { lr, momentum } = settle("optimizer momentum", momentumParameters, options);
  return momentumFamily("momentum", { lr, momentum }, { lr, momentum, nesterov: false });
}

/**
 * Nesterov momentum: v ← μ·v + g; w ← w − lr·(g + μ·v). (Sutskever et al., 2013; PyTorch's convention.)
 *
 * @param lr learning rate
 * @param momentum μ
 */
export function nesterov(options: Partial<Settings<typeof momentumParameters>> = {}): Optimizer {
  const { lr, momentum } = settle("optimizer nesterov", momentumParameters, options);
  return momentumFamily("nesterov", { lr, momentum }, { lr, momentum, nesterov: true });
}

function momentumFamily(
  name: string,
  settings: Record<string, number>,
  { lr, momentum, nesterov }: { lr: number; momentum: number; nesterov: boolean },
): Optimizer {
  return inPlace({
    name,
    settings,
    vectors: momentum === 0 ? [] : ["velocity"],
    step(params, gradient, { vectors: { velocity } }) {
      const { calls } = kernels();
      if (velocity === undefined) {
        if (onKernels(name, params, gradient)) {
          calls.addScaled(params.byteOffset, -lr, gradient.byteOffset, params.byteOffset, params.length);
        } else reference.sgdStep(params, gradient, lr);
      } else if (onKernels(name, params, gradient, velocity)) {
        calls.momentumStep(
          params.byteOffset,
          0,
          gradient.byteOffset,
          velocity.byteOffset,
          params.length,
          lr,
          momentum,
          nesterov,
        );
      } else reference.momentumStep(params, gradient, velocity, lr, momentum, nesterov);
    },
  });
}

/** An optimizer whose step does not depend on the parameters: at w = 0 the step is the update. */
function inPlace({
  name,
  settings,
  vectors,
  step,
}: Pick<Optimizer, "name" | "settings"> & {
  readonly vectors: readonly string[];
  /** w ← w + u, after the counter of the state was raised. */
  readonly step: (params: Vector, gradient: Vector, state: OptimizerState) => void;
}): Optimizer {
  return defineOptimizer({
    name,
    settings,
    init: (layout, start) => zeros(layout, vectors, start),
    update(gradient, state, _context, update) {
      state.step++;
      update.fill(0);
      step(update, gradient, state);
    },
    step(params, gradient, state) {
      state.step++;
      step(params, gradient, state);
    },
  });
}

/**
 * RMSProp: s ← d·s + (1−d)·g²; w ← w − lr·g/(√s + ε). (Tieleman & Hinton, 2012.)
 *
 * @param lr learning rate
 * @param decay d
 * @param eps ε
 */
export function rmsprop(options: Partial<Settings<typeof rmspropParameters>> = {}): Optimizer {
  const { lr, decay, eps } = settle("optimizer rmsprop", rmspropParameters, options);
  return inPlace({
    name: "rmsprop",
    settings: { lr, decay, eps },
    vectors: ["square"],
    step(params, gradient, { vectors }) {
      const square = vectors.square!;
      if (onKernels("rmsprop", params, gradient, square)) {
        kernels().calls.rmspropStep(
          params.byteOffset,
          0,
          gradient.byteOffset,
          square.byteOffset,
          params.length,
          lr,
          decay,
          eps,
        );
      } else reference.rmspropStep(params, gradient, square, lr, decay, eps);
    },
  });
}

/** Settings of Adam: `lr`, `b1`, `b2`, `eps`. */
export type AdamOptions = Partial<Settings<typeof adamParameters>>;

/**
 * Adam: m ← b1·m + (1−b1)·g; v ← b2·v + (1−b2)·g²; w ← w − lr·m̂/(√v̂ + ε), m̂ = m/(1−b1^t), v̂ = v/(1−b2^t).
 * (Kingma & Ba, 2015.)
 *
 * @example
 * const optimizer = adam({ lr: 0.01 });
 * const state = optimizer.init(layout);
 * optimizer.step(params, gradient, state); // params changes in place
 */
export function adam(options: AdamOptions = {}): Optimizer {
  return adamFamily("adam", settle("optimizer adam", adamParameters, options));
}

/**
 * AdamW: Adam with decoupled weight decay, w ← w − lr·m̂/(√v̂ + ε) − lr·decay·w. (Loshchilov & Hutter, 2019.)
 */
export function adamw(options: Partial<Settings<typeof adamwParameters>> = {}): Optimizer {
  const settings = settle("optimizer adamw", adamwParameters, options);
  const inner = adamFamily("adamw", settings);
  return defineOptimizer({
    ...inner,
    reads: { params: true },
    update(gradient, state, context, update) {
      inner.update(gradient, state, context, update);
      axpy(-settings.lr * settings.decay, context.params, update);
    },
    step: undefined,
  });
}

function adamFamily(
  name: string,
  settings: { lr: number; b1: number; b2: number; eps: number; decay?: number },
): Optimizer {
  const { lr, b1, b2, eps } = settings;
  return inPlace({
    name,
    settings,
    vectors: ["mu", "nu"],
    step(params, gradient, state) {
      const mu = state.vectors.mu!;
      const nu = state.vectors.nu!;
      const c1 = 1 - reference.power(b1, state.step);
      const c2 = 1 - reference.power(b2, state.step);
      if (onKernels(name, params, gradient, mu, nu)) {
        kernels().calls.adamStep(
          params.byteOffset,
          0,
          gradient.byteOffset,
          mu.byteOffset,
          nu.byteOffset,
          params.length,
          lr,
          b1,
          b2,
          eps,
          c1,
          c2,
          0,
        );
      } else reference.adamStep(params, gradient, mu, nu, { lr, b1, b2, eps, c1, c2, shrink: 0 });
    },
  });
}
