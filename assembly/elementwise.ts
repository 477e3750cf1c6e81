// Elementwise functions over contiguous float32 vectors. A tail shorter than four lanes goes through the same
// lane arithmetic, so a value never depends on where in its vector it stands.
import { exp4, log4, sigmoid4, tanh4 } from "./math";

// @ts-ignore: decorator
@inline
function lane(p: usize): v128 {
  return v128.load32_zero(p);
}

// @ts-ignore: decorator
@inline
function put(p: usize, v: v128): void {
  v128.store_lane<f32>(p, v, 0);
}

/** y ← σ(x) */
export function sigmoid(x: usize, y: usize, n: i32): void {
  const end = x + (<usize>n << 2);
  for (; x + 16 <= end; x += 16, y += 16) v128.store(y, sigmoid4(v128.load(x)));
  for (; x < end; x += 4, y += 4) put(y, sigmoid4(lane(x)));
}

/** d ← d·y·(1−y), y = σ(x) */
export function sigmoidBackward(y: usize, d: usize, n: i32): void {
  const one = f32x4.splat(1);
  const end = y + (<usize>n << 2);
  for (; y + 16 <= end; y += 16, d += 16) {
    const v = v128.load(y);
    v128.store(d, f32x4.mul(v128.load(d), f32x4.mul(v, f32x4.sub(one, v))));
  }
  for (; y < end; y += 4, d += 4) {
    const v = lane(y);
    put(d, f32x4.mul(lane(d), f32x4.mul(v, f32x4.sub(one, v))));
  }
}

/** y ← tanh(x) */
export function tanh(x: usize, y: usize, n: i32): void {
  const end = x + (<usize>n << 2);
  for (; x + 16 <= end; x += 16, y += 16) v128.store(y, tanh4(v128.load(x)));
  for (; x < end; x += 4, y += 4) put(y, tanh4(lane(x)));
}

/** d ← d·(1−y²), y = tanh(x) */
export function tanhBackward(y: usize, d: usize, n: i32): void {
  const one = f32x4.splat(1);
  const end = y + (<usize>n << 2);
  for (; y + 16 <= end; y += 16, d += 16) {
    const v = v128.load(y);
    v128.store(d, f32x4.mul(v128.load(d), f32x4.sub(one, f32x4.mul(v, v))));
  }
  for (; y < end; y += 4, d += 4) {
    const v = lane(y);
    put(d, f32x4.mul(lane(d), f32x4.sub(one, f32x4.mul(v, v))));
  }
}

/** y ← max(x, 0); a NaN stays a NaN. */
export function relu(x: usize, y: usize, n: i32): void {
  const zero = f32x4.splat(0);
  const end = x + (<usize>n << 2);
  for (; x + 16 <= end; x += 16, y += 16) v128.store(y, f32x4.max(v128.load(x), zero));
  for (; x < end; x += 4, y += 4) put(y, f32x4.max(lane(x), zero));
}

/** d ← d where y > 0, else 0 */
export function reluBackward(y: usize, d: usize, n: i32): void {
  const zero = f32x4.splat(0);
  const end = y + (<usize>n << 2);
  for (; y + 16 <= end; y += 16, d += 16) {
    v128.store(d, v128.and(v128.load(d), f32x4.gt(v128.load(y), zero)));
  }
  for (; y < end; y += 4, d += 4) put(d, v128.and(lane(d), f32x4.gt(lane(y), zero)));
}

/** y ← e^x */
export function exp(x: usize, y: usize, n: i32): void {
  const end = x + (<usize>n << 2);
  for (; x + 16 <= end; x += 16, y += 16) v128.store(y, exp4(v128.load(x)));
  for (; x < end; x += 4, y += 4) put(y, exp4(lane(x)));
}

/** y ← ln x, x positive and normal */
export function log(x: usize, y: usize, n: i32): void {
  const end = x + (<usize>n << 2);
  for (; x + 16 <= end; x += 16, y += 16) v128.store(y, log4(v128.load(x)));
  for (; x < end; x += 4, y += 4) put(y, log4(lane(x)));
}
