import { type Settings, settle } from "../spec.ts";
import { elementwise } from "./elementwise.ts";
import {
  adamParameters,
  adamwParameters,
  lionParameters,
  momentumParameters,
  rmspropParameters,
  sgdParameters,
} from "./parameters.ts";
import { adamUpdate, gradientUpdate, lionUpdate, momentumUpdate, power, rmspropUpdate } from "./reference.ts";
import type { Optimizer } from "./types.ts";

/**
 * Stochastic gradient descent: w ← w − lr·g.
 *
 * @param options `lr` learning rate
 */
export function sgd(options: Partial<Settings<typeof sgdParameters>> = {}): Optimizer {
  const settings = settle("optimizer sgd", sgdParameters, options);
  const { lr } = settings;
  return elementwise({
    name: "sgd",
    settings,
    vectors: [],
    kernel: (calls, { w, u, g }, n) => calls.gradientStep(w, u, g, n, lr),
    plain: ({ u, g }) => gradientUpdate(u, g, lr),
  });
}

/**
 * Heavy-ball momentum: v ← μ·v + g; w ← w − lr·v. (Polyak, 1964; PyTorch's convention.)
 *
 * @param options `lr` learning rate, `momentum` μ
 */
export function momentum(options: Partial<Settings<typeof momentumParameters>> = {}): Optimizer {
  return withVelocity("momentum", settle("optimizer momentum", momentumParameters, options), false);
}

/**
 * Nesterov momentum: v ← μ·v + g; w ← w − lr·(g + μ·v). (Sutskever et al., 2013; PyTorch's convention.)
 *
 * @param options `lr` learning rate, `momentum` μ
 */
export function nesterov(options: Partial<Settings<typeof momentumParameters>> = {}): Optimizer {
  return withVelocity("nesterov", settle("optimizer nesterov", momentumParameters, options), true);
}

function withVelocity(
  name: string,
  settings: Settings<typeof momentumParameters>,
  nesterov: boolean,
): Optimizer {
  const { lr, momentum } = settings;
  return elementwise({
    name,
    settings,
    vectors: ["velocity"],
    kernel: (calls, { w, u, g, velocity }, n) =>
      calls.momentumStep(w, u, g, velocity, n, lr, momentum, nesterov),
    plain: ({ u, g, velocity }) => momentumUpdate(u, g, velocity, { ...settings, nesterov }),
  });
}

/**
 * RMSProp: s ← d·s + (1−d)·g²; w ← w − lr·g/(√s + ε). (Tieleman & Hinton, 2012.)
 *
 * @param options `lr` learning rate, `decay` d, `eps` ε
 */
export function rmsprop(options: Partial<Settings<typeof rmspropParameters>> = {}): Optimizer {
  const settings = settle("optimizer rmsprop", rmspropParameters, options);
  const { lr, decay, eps } = settings;
  return elementwise({
    name: "rmsprop",
    settings,
    vectors: ["square"],
    kernel: (calls, { w, u, g, square }, n) => calls.rmspropStep(w, u, g, square, n, lr, decay, eps),
    plain: ({ u, g, square }) => rmspropUpdate(u, g, square, settings),
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
  return withMoments("adam", settle("optimizer adam", adamParameters, options), 0);
}

/**
 * AdamW: Adam with decoupled weight decay, w ← w − lr·m̂/(√v̂ + ε) − lr·decay·w. (Loshchilov & Hutter, 2019.)
 */
export function adamw(options: Partial<Settings<typeof adamwParameters>> = {}): Optimizer {
  const settings = settle("optimizer adamw", adamwParameters, options);
  return withMoments("adamw", settings, settings.lr * settings.decay);
}

function withMoments(name: string, settings: Settings<typeof adamParameters>, shrink: number): Optimizer {
  const { lr, b1, b2, eps } = settings;
  const corrections = (step: number) => ({ c1: 1 - power(b1, step), c2: 1 - power(b2, step) });
  return elementwise({
    name,
    settings,
    reads: { params: shrink > 0 },
    vectors: ["mu", "nu"],
    kernel(calls, { w, u, g, mu, nu }, n, step) {
      const { c1, c2 } = corrections(step);
      calls.adamStep(w, u, g, mu, nu, n, lr, b1, b2, eps, c1, c2, shrink);
    },
    plain({ w, u, g, mu, nu }, step) {
      adamUpdate(u, g, w, mu, nu, { lr, b1, b2, eps, ...corrections(step), shrink });
    },
  });
}

/**
 * Lion: w ← w − lr·(sign(b1·m + (1−b1)·g) + decay·w); m ← b2·m + (1−b2)·g. (Chen et al., 2023, algorithm 2.)
 *
 * Every entry moves by the same length: learning rates are three to ten times smaller than Adam's, decays as much larger.
 */
export function lion(options: Partial<Settings<typeof lionParameters>> = {}): Optimizer {
  const settings = settle("optimizer lion", lionParameters, options);
  const { lr, b1, b2, decay } = settings;
  const shrink = lr * decay;
  return elementwise({
    name: "lion",
    settings,
    reads: { params: shrink > 0 },
    vectors: ["mu"],
    kernel: (calls, { w, u, g, mu }, n) => calls.lionStep(w, u, g, mu, n, lr, b1, b2, shrink),
    plain: ({ w, u, g, mu }) => lionUpdate(u, g, w, mu, { lr, b1, b2, shrink }),
  });
}
