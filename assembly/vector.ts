// Operations on whole parameter vectors. Sums accumulate in float64, in a fixed order.

// @ts-ignore: decorator
@inline
function high(v: v128): v128 {
  return v128.shuffle<i32>(v, v, 2, 3, 2, 3);
}

/** Σ x_i·y_i in float64 */
export function dot(x: usize, y: usize, n: i32): f64 {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  let s2 = f64x2.splat(0);
  let s3 = f64x2.splat(0);
  const end = x + (<usize>n << 2);
  for (; x + 32 <= end; x += 32, y += 32) {
    const a = v128.load(x);
    const b = v128.load(y);
    const c = v128.load(x, 16);
    const d = v128.load(y, 16);
    s0 = f64x2.add(s0, f64x2.mul(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(b)));
    s1 = f64x2.add(s1, f64x2.mul(f64x2.promote_low_f32x4(high(a)), f64x2.promote_low_f32x4(high(b))));
    s2 = f64x2.add(s2, f64x2.mul(f64x2.promote_low_f32x4(c), f64x2.promote_low_f32x4(d)));
    s3 = f64x2.add(s3, f64x2.mul(f64x2.promote_low_f32x4(high(c)), f64x2.promote_low_f32x4(high(d))));
  }
  const s = f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3));
  let sum = f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
  for (; x < end; x += 4, y += 4) sum += <f64>load<f32>(x) * <f64>load<f32>(y);
  return sum;
}

/** out ← x + a·y; out may be x or y */
export function addScaled(x: usize, a: f32, y: usize, out: usize, n: i32): void {
  const va = f32x4.splat(a);
  const end = x + (<usize>n << 2);
  for (; x + 16 <= end; x += 16, y += 16, out += 16) {
    v128.store(out, f32x4.add(v128.load(x), f32x4.mul(va, v128.load(y))));
  }
  for (; x < end; x += 4, y += 4, out += 4) store<f32>(out, load<f32>(x) + a * load<f32>(y));
}

/** x ← a·x */
export function scale(a: f32, x: usize, n: i32): void {
  const va = f32x4.splat(a);
  const end = x + (<usize>n << 2);
  for (; x + 16 <= end; x += 16) v128.store(x, f32x4.mul(va, v128.load(x)));
  for (; x < end; x += 4) store<f32>(x, a * load<f32>(x));
}

/** out ← pixels / 255 */
export function unpackPixels(pixels: usize, n: i32, out: usize): void {
  const scale = f32x4.splat(255);
  let p = pixels;
  const end = p + <usize>n;
  for (; p + 16 <= end; p += 16, out += 64) {
    const v = v128.load(p);
    const low = i16x8.extend_low_i8x16_u(v);
    const high = i16x8.extend_high_i8x16_u(v);
    v128.store(out, f32x4.div(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(low)), scale));
    v128.store(out, f32x4.div(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(low)), scale), 16);
    v128.store(out, f32x4.div(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(high)), scale), 32);
    v128.store(out, f32x4.div(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(high)), scale), 48);
  }
  for (; p < end; p++, out += 4) store<f32>(out, <f32>load<u8>(p) / 255);
}
