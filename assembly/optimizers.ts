// Updates of the hand-designed optimizers, one pass over all vectors each.

// @ts-ignore: decorator
@inline
function at(p: usize, end: usize): v128 {
  return p + 16 <= end ? v128.load(p) : v128.load32_zero(p);
}

// @ts-ignore: decorator
@inline
function put(p: usize, whole: bool, v: v128): void {
  if (whole) v128.store(p, v);
  else v128.store_lane<f32>(p, v, 0);
}

/** v ← μ·v + g; w ← w − lr·v, or w ← w − lr·(g + μ·v) for Nesterov */
export function momentumStep(w: usize, g: usize, v: usize, n: i32, lr: f32, mu: f32, nesterov: bool): void {
  const vlr = f32x4.splat(lr);
  const vmu = f32x4.splat(mu);
  const end = w + (<usize>n << 2);
  while (w < end) {
    const whole = w + 16 <= end;
    const grad = whole ? v128.load(g) : v128.load32_zero(g);
    const velocity = f32x4.add(f32x4.mul(vmu, whole ? v128.load(v) : v128.load32_zero(v)), grad);
    const direction = nesterov ? f32x4.add(grad, f32x4.mul(vmu, velocity)) : velocity;
    put(v, whole, velocity);
    put(w, whole, f32x4.sub(at(w, end), f32x4.mul(vlr, direction)));
    const step: usize = whole ? 16 : 4;
    w += step;
    g += step;
    v += step;
  }
}

/** s ← d·s + (1−d)·g²; w ← w − lr·g/(√s + ε) */
export function rmspropStep(w: usize, g: usize, s: usize, n: i32, lr: f32, decay: f32, eps: f32): void {
  const vlr = f32x4.splat(lr);
  const vd = f32x4.splat(decay);
  const ve = f32x4.splat(eps);
  const rest = f32x4.splat(1 - decay);
  const end = w + (<usize>n << 2);
  while (w < end) {
    const whole = w + 16 <= end;
    const grad = whole ? v128.load(g) : v128.load32_zero(g);
    const second = whole ? v128.load(s) : v128.load32_zero(s);
    const square = f32x4.add(f32x4.mul(vd, second), f32x4.mul(rest, f32x4.mul(grad, grad)));
    put(s, whole, square);
    const update = f32x4.div(f32x4.mul(vlr, grad), f32x4.add(f32x4.sqrt(square), ve));
    put(w, whole, f32x4.sub(at(w, end), update));
    const step: usize = whole ? 16 : 4;
    w += step;
    g += step;
    s += step;
  }
}

/**
 * m ← b1·m + (1−b1)·g; v ← b2·v + (1−b2)·g²;
 * w ← w·(1 − shrink) − lr·(m/c1)/(√(v/c2) + ε), c1 = 1 − b1^t, c2 = 1 − b2^t
 */
export function adamStep(
  w: usize, g: usize, m: usize, v: usize, n: i32,
  lr: f32, b1: f32, b2: f32, eps: f32, c1: f32, c2: f32, shrink: f32,
): void {
  const vb1 = f32x4.splat(b1);
  const vb2 = f32x4.splat(b2);
  const r1 = f32x4.splat(1 - b1);
  const r2 = f32x4.splat(1 - b2);
  const vlr = f32x4.splat(lr);
  const ve = f32x4.splat(eps);
  const vc1 = f32x4.splat(c1);
  const vc2 = f32x4.splat(c2);
  const keep = f32x4.splat(1 - shrink);
  const end = w + (<usize>n << 2);
  while (w < end) {
    const whole = w + 16 <= end;
    const grad = whole ? v128.load(g) : v128.load32_zero(g);
    const m0 = whole ? v128.load(m) : v128.load32_zero(m);
    const v0 = whole ? v128.load(v) : v128.load32_zero(v);
    const first = f32x4.add(f32x4.mul(vb1, m0), f32x4.mul(r1, grad));
    const second = f32x4.add(f32x4.mul(vb2, v0), f32x4.mul(r2, f32x4.mul(grad, grad)));
    put(m, whole, first);
    put(v, whole, second);
    const step = f32x4.div(f32x4.div(first, vc1), f32x4.add(f32x4.sqrt(f32x4.div(second, vc2)), ve));
    put(w, whole, f32x4.sub(f32x4.mul(at(w, end), keep), f32x4.mul(vlr, step)));
    const bytes: usize = whole ? 16 : 4;
    w += bytes;
    g += bytes;
    m += bytes;
    v += bytes;
  }
}
