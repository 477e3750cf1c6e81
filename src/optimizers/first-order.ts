import { LowlandError } from "../errors.ts";
import type { Arena } from "../kernels/memory.ts";
import { kernels, openArena } from "../kernels/module.ts";
import type { Layout, Vector } from "../kernels/types.ts";
import { inKernelMemory } from "../kernels/vector.ts";
import { type Settings, settle } from "../spec.ts";
import {
  adamParameters,
  adamwParameters,
  momentumParameters,
  rmspropParameters,
  sgdParameters,
} from "./parameters.ts";
import * as reference from "./reference.ts";
import type { Optimizer, OptimizerState } from "./types.ts";

/** Fresh state: `names` vectors of zeros, as long as the parameters. */
export function zeros(layout: Layout, names: readonly string[], arena: Arena = openArena()): OptimizerState {
  return {
    step: 0,
    vectors: Object.fromEntries(names.map((name) => [name, arena.float32(layout.size)])),
  };
}

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
  return {
    name,
    settings,
    init: (layout, arena) => zeros(layout, momentum === 0 ? [] : ["velocity"], arena),
    step(params, gradient, state) {
      state.step++;
      const velocity = state.vectors.velocity;
      if (velocity === undefined) {
        if (onKernels(name, params, gradient)) {
          kernels().wasm.addScaled(
            params.byteOffset,
            -lr,
            gradient.byteOffset,
            params.byteOffset,
            params.length,
          );
        } else reference.sgdStep(params, gradient, lr);
      } else if (onKernels(name, params, gradient, velocity)) {
        kernels().wasm.momentumStep(
          params.byteOffset,
          gradient.byteOffset,
          velocity.byteOffset,
          params.length,
          lr,
          momentum,
          nesterov,
        );
      } else reference.momentumStep(params, gradient, velocity, lr, momentum, nesterov);
    },
  };
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
  return {
    name: "rmsprop",
    settings: { lr, decay, eps },
    init: (layout, arena) => zeros(layout, ["square"], arena),
    step(params, gradient, state) {
      state.step++;
      const square = state.vectors.square!;
      if (onKernels("rmsprop", params, gradient, square)) {
        kernels().wasm.rmspropStep(
          params.byteOffset,
          gradient.byteOffset,
          square.byteOffset,
          params.length,
          lr,
          decay,
          eps,
        );
      } else reference.rmspropStep(params, gradient, square, lr, decay, eps);
    },
  };
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
  return adamFamily("adam", settle("optimizer adam", adamParameters, options), 0);
}

/**
 * AdamW: Adam with decoupled weight decay, w ← w·(1 − lr·decay) − lr·m̂/(√v̂ + ε). (Loshchilov & Hutter, 2019.)
 */
export function adamw(options: Partial<Settings<typeof adamwParameters>> = {}): Optimizer {
  const settings = settle("optimizer adamw", adamwParameters, options);
  return adamFamily("adamw", settings, settings.decay);
}

function adamFamily(
  name: string,
  settings: { lr: number; b1: number; b2: number; eps: number; decay?: number },
  decay: number,
): Optimizer {
  const { lr, b1, b2, eps } = settings;
  const shrink = lr * decay;
  return {
    name,
    settings,
    init: (layout, arena) => zeros(layout, ["mu", "nu"], arena),
    step(params, gradient, state) {
      state.step++;
      const mu = state.vectors.mu!;
      const nu = state.vectors.nu!;
      const c1 = 1 - reference.power(b1, state.step);
      const c2 = 1 - reference.power(b2, state.step);
      if (onKernels(name, params, gradient, mu, nu)) {
        kernels().wasm.adamStep(
          params.byteOffset,
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
          shrink,
        );
      } else reference.adamStep(params, gradient, mu, nu, { lr, b1, b2, eps, c1, c2, shrink });
    },
  };
}
