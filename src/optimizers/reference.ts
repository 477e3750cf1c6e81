// The updates in plain TypeScript: what the kernels are held against, and what runs on vectors outside kernel
// memory. In float32 every operation rounds as the kernels' do, so both give the same bits.
import type { Vector } from "../kernels/types.ts";
import { addScaled, roundingOf } from "../kernels/vector.ts";

/** base^exponent by repeated squaring: the same bits in every engine, unlike Math.pow. */
export function power(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}

export function sgdStep(w: Vector, g: Vector, lr: number): void {
  addScaled(w, -lr, g, w);
}

export function momentumStep(
  w: Vector,
  g: Vector,
  v: Vector,
  lr: number,
  mu: number,
  nesterov: boolean,
): void {
  const r = roundingOf(w);
  const [rate, keep] = [r(lr), r(mu)];
  for (let i = 0; i < w.length; i++) {
    const velocity = r(r(keep * v[i]!) + g[i]!);
    v[i] = velocity;
    const direction = nesterov ? r(g[i]! + r(keep * velocity)) : velocity;
    w[i] = w[i]! - r(rate * direction);
  }
}

export function rmspropStep(w: Vector, g: Vector, s: Vector, lr: number, decay: number, eps: number): void {
  const r = roundingOf(w);
  const [rate, keep, small] = [r(lr), r(decay), r(eps)];
  const rest = r(1 - keep);
  for (let i = 0; i < w.length; i++) {
    const square = r(r(keep * s[i]!) + r(rest * r(g[i]! * g[i]!)));
    s[i] = square;
    w[i] = w[i]! - r(r(rate * g[i]!) / r(r(Math.sqrt(square)) + small));
  }
}

export function adamStep(
  w: Vector,
  g: Vector,
  m: Vector,
  v: Vector,
  options: { lr: number; b1: number; b2: number; eps: number; c1: number; c2: number; shrink: number },
): void {
  const r = roundingOf(w);
  const b1 = r(options.b1);
  const b2 = r(options.b2);
  const eps = r(options.eps);
  const rate = r(r(options.lr) / r(options.c1));
  const root = r(1 / r(Math.sqrt(r(options.c2))));
  const rest1 = r(1 - b1);
  const rest2 = r(1 - b2);
  const shrink = r(options.shrink);
  for (let i = 0; i < w.length; i++) {
    const first = r(r(b1 * m[i]!) + r(rest1 * g[i]!));
    const second = r(r(b2 * v[i]!) + r(rest2 * r(g[i]! * g[i]!)));
    m[i] = first;
    v[i] = second;
    const direction = r(r(rate * first) / r(r(r(Math.sqrt(second)) * root) + eps));
    w[i] = w[i]! + r(-direction - r(shrink * w[i]!));
  }
}
