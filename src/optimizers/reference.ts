// The updates in plain TypeScript: what the kernels are held against, and what runs on vectors outside kernel
// memory. In float32 every operation rounds as the kernels' do, so both give the same bits. All write u; w ← w + u is the
// caller's.
import type { Vector } from "../kernels/types.ts";
import { roundingOf } from "../kernels/vector.ts";

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

/** Sizes below which moments count as zero: of gradients, and of their squares. */
export const LEAST_MOMENT: number = Math.fround(1e-17);
export const LEAST_SQUARE: number = 2 ** -120;

/** x, or 0 below the limit: subnormal numbers, into which the moments of dead units would fall, are very slow. */
export function settled(x: number, limit: number): number {
  return Math.abs(x) < limit ? 0 : x;
}

export function gradientUpdate(u: Vector, g: Vector, lr: number): void {
  const rate = roundingOf(u)(lr);
  for (let i = 0; i < u.length; i++) u[i] = -rate * g[i]!;
}

export function momentumUpdate(
  u: Vector,
  g: Vector,
  v: Vector,
  { lr, momentum, nesterov }: { lr: number; momentum: number; nesterov: boolean },
): void {
  const r = roundingOf(u);
  const [rate, keep] = [r(lr), r(momentum)];
  for (let i = 0; i < u.length; i++) {
    const velocity = settled(r(r(keep * v[i]!) + g[i]!), LEAST_MOMENT);
    v[i] = velocity;
    const direction = nesterov ? r(g[i]! + r(keep * velocity)) : velocity;
    u[i] = -rate * direction;
  }
}

export function rmspropUpdate(
  u: Vector,
  g: Vector,
  s: Vector,
  { lr, decay, eps }: { lr: number; decay: number; eps: number },
): void {
  const r = roundingOf(u);
  const [rate, keep, small] = [r(lr), r(decay), r(eps)];
  const rest = r(1 - keep);
  for (let i = 0; i < u.length; i++) {
    const square = settled(r(r(keep * s[i]!) + r(rest * r(g[i]! * g[i]!))), LEAST_SQUARE);
    s[i] = square;
    u[i] = -(r(rate * g[i]!) / r(r(Math.sqrt(square)) + small));
  }
}

/** Adam with c1 = 1 − b1^t and c2 = 1 − b2^t; `shrink` is the share of w that decays. */
export function adamUpdate(
  u: Vector,
  g: Vector,
  w: Vector,
  m: Vector,
  v: Vector,
  options: { lr: number; b1: number; b2: number; eps: number; c1: number; c2: number; shrink: number },
): void {
  const r = roundingOf(u);
  const b1 = r(options.b1);
  const b2 = r(options.b2);
  const eps = r(options.eps);
  const rate = r(r(options.lr) / r(options.c1));
  const root = r(1 / r(Math.sqrt(r(options.c2))));
  const rest1 = r(1 - b1);
  const rest2 = r(1 - b2);
  const shrink = r(options.shrink);
  for (let i = 0; i < u.length; i++) {
    const first = settled(r(r(b1 * m[i]!) + r(rest1 * g[i]!)), LEAST_MOMENT);
    const second = settled(r(r(b2 * v[i]!) + r(rest2 * r(g[i]! * g[i]!))), LEAST_SQUARE);
    m[i] = first;
    v[i] = second;
    const direction = r(r(rate * first) / r(r(r(Math.sqrt(second)) * root) + eps));
    u[i] = -direction - r(shrink * w[i]!);
  }
}

/** Lion; `shrink` is the share of w that decays. */
export function lionUpdate(
  u: Vector,
  g: Vector,
  w: Vector,
  m: Vector,
  options: { lr: number; b1: number; b2: number; shrink: number },
): void {
  const r = roundingOf(u);
  const [rate, b1, b2, shrink] = [r(options.lr), r(options.b1), r(options.b2), r(options.shrink)];
  const [rest1, rest2] = [r(1 - b1), r(1 - b2)];
  for (let i = 0; i < u.length; i++) {
    const direction = Math.sign(r(r(b1 * m[i]!) + r(rest1 * g[i]!)));
    m[i] = settled(r(r(b2 * m[i]!) + r(rest2 * g[i]!)), LEAST_MOMENT);
    u[i] = r(-rate * direction) - r(shrink * w[i]!);
  }
}
