import { madd } from "./math";

/** 8 independent multiply-add chains held in registers: 64 float operations an iteration. The bar for the benchmark. */
export function registerPeak(iterations: i32): f32 {
  const x = f32x4.splat(0.999);
  const y = f32x4.splat(1e-3);
  let a = f32x4.splat(1);
  let b = f32x4.splat(2);
  let c = f32x4.splat(3);
  let d = f32x4.splat(4);
  let e = f32x4.splat(5);
  let f = f32x4.splat(6);
  let g = f32x4.splat(7);
  let h = f32x4.splat(8);
  for (let i = 0; i < iterations; i++) {
    a = madd(a, x, y);
    b = madd(b, x, y);
    c = madd(c, x, y);
    d = madd(d, x, y);
    e = madd(e, x, y);
    f = madd(f, x, y);
    g = madd(g, x, y);
    h = madd(h, x, y);
  }
  const s = f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(f32x4.add(e, f), f32x4.add(g, h)));
  return f32x4.extract_lane(s, 0);
}
