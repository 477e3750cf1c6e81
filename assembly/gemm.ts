// Matrix products. One micro-tile everywhere: 2 rows × 4 vectors of accumulators, k-unroll 1, 14 live vector
// registers: V8 hoists all loads of a basic block, so anything larger spills.
import { madd, sum4 } from "./math";

/**
 * C[m][n] = (bias[n] or 0) + Σ_k A[m][k]·B[n][k]: lanes run along k, which both operands hold contiguously.
 * lda, ldb, ldc: row strides in floats.
 */
export function gemmDot(
  M: i32, N: i32, K: i32,
  A: usize, lda: i32, B: usize, ldb: i32, C: usize, ldc: i32, bias: usize,
): void {
  const sa = <usize>lda << 2;
  const sb = <usize>ldb << 2;
  const sc = <usize>ldc << 2;
  const vectorBytes = <usize>(K & ~3) << 2;
  let m = 0;
  for (; m + 2 <= M; m += 2) {
    const a = A + <usize>m * sa;
    const c = C + <usize>m * sc;
    let n = 0;
    for (; n + 4 <= N; n += 4) {
      dotTile(a, a + sa, B + <usize>n * sb, sb, vectorBytes, K, c + (<usize>n << 2), sc, bias ? bias + (<usize>n << 2) : 0);
    }
    for (; n < N; n++) {
      const start: f32 = bias ? load<f32>(bias + (<usize>n << 2)) : 0;
      dotRow(a, B + <usize>n * sb, vectorBytes, K, c + (<usize>n << 2), start);
      dotRow(a + sa, B + <usize>n * sb, vectorBytes, K, c + sc + (<usize>n << 2), start);
    }
  }
  for (; m < M; m++) {
    const a = A + <usize>m * sa;
    const c = C + <usize>m * sc;
    for (let n = 0; n < N; n++) {
      const start: f32 = bias ? load<f32>(bias + (<usize>n << 2)) : 0;
      dotRow(a, B + <usize>n * sb, vectorBytes, K, c + (<usize>n << 2), start);
    }
  }
}

function dotTile(
  a0: usize, a1: usize, b0: usize, sb: usize, vectorBytes: usize, K: i32, c: usize, sc: usize, bias: usize,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c02 = f32x4.splat(0);
  let c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c12 = f32x4.splat(0);
  let c13 = f32x4.splat(0);
  let p0 = a0;
  let p1 = a1;
  let q0 = b0;
  let q1 = b0 + sb;
  let q2 = q1 + sb;
  let q3 = q2 + sb;
  const end = a0 + vectorBytes;
  while (p0 < end) {
    const x0 = v128.load(p0);
    const x1 = v128.load(p1);
    let y = v128.load(q0);
    c00 = madd(x0, y, c00);
    c10 = madd(x1, y, c10);
    y = v128.load(q1);
    c01 = madd(x0, y, c01);
    c11 = madd(x1, y, c11);
    y = v128.load(q2);
    c02 = madd(x0, y, c02);
    c12 = madd(x1, y, c12);
    y = v128.load(q3);
    c03 = madd(x0, y, c03);
    c13 = madd(x1, y, c13);
    p0 += 16;
    p1 += 16;
    q0 += 16;
    q1 += 16;
    q2 += 16;
    q3 += 16;
  }
  let r0 = lanes(c00, c01, c02, c03);
  let r1 = lanes(c10, c11, c12, c13);
  const stop = a0 + (<usize>K << 2);
  for (; p0 < stop; p0 += 4, p1 += 4, q0 += 4, q1 += 4, q2 += 4, q3 += 4) {
    const y = f32x4(load<f32>(q0), load<f32>(q1), load<f32>(q2), load<f32>(q3));
    r0 = f32x4.add(r0, f32x4.mul(v128.load32_splat(p0), y));
    r1 = f32x4.add(r1, f32x4.mul(v128.load32_splat(p1), y));
  }
  if (bias) {
    const b = v128.load(bias);
    r0 = f32x4.add(r0, b);
    r1 = f32x4.add(r1, b);
  }
  v128.store(c, r0);
  v128.store(c + sc, r1);
}

function dotRow(a: usize, b: usize, vectorBytes: usize, K: i32, c: usize, start: f32): void {
  let sum = f32x4.splat(0);
  const end = a + vectorBytes;
  for (; a < end; a += 16, b += 16) sum = madd(v128.load(a), v128.load(b), sum);
  let total = sum4(sum);
  for (let k = K & 3; k > 0; k--, a += 4, b += 4) total += load<f32>(a) * load<f32>(b);
  store<f32>(c, total + start);
}

/** [Σ a, Σ b, Σ c, Σ d] by a 4×4 transpose. */
// @ts-ignore: decorator
@inline
function lanes(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  const r0 = v128.shuffle<i64>(ab0, cd0, 0, 2);
  const r1 = v128.shuffle<i64>(ab0, cd0, 1, 3);
  const r2 = v128.shuffle<i64>(ab1, cd1, 0, 2);
  const r3 = v128.shuffle<i64>(ab1, cd1, 1, 3);
  return f32x4.add(f32x4.add(r0, r1), f32x4.add(r2, r3));
}

/**
 * C[m][n] (+)= Σ_k A(m,k)·B[k][n], A(m,k) at A + (m·am + k·ak) floats: lanes run along n. A row-major is
 * am = lda, ak = 1; A transposed is am = 1, ak = lda.
 */
export function gemmLanes(
  M: i32, N: i32, K: i32,
  A: usize, am: i32, ak: i32, B: usize, ldb: i32, C: usize, ldc: i32, accumulate: bool,
): void {
  const rowA = <usize>am << 2;
  const stepA = <usize>ak << 2;
  const sb = <usize>ldb << 2;
  const sc = <usize>ldc << 2;
  const wide = N & ~15;
  // columns outside, so that a panel of B (K rows × 64 bytes) stays in the first-level cache over all rows of A
  for (let n = 0; n < wide; n += 16) {
    const b = B + (<usize>n << 2);
    const c = C + (<usize>n << 2);
    let m = 0;
    for (; m + 2 <= M; m += 2) {
      const a = A + <usize>m * rowA;
      lanesTile2(a, a + rowA, stepA, b, sb, K, c + <usize>m * sc, sc, accumulate);
    }
    if (m < M) lanesTile1(A + <usize>m * rowA, stepA, b, sb, K, c + <usize>m * sc, accumulate);
  }
  if (wide == N) return;
  for (let m = 0; m < M; m++) {
    const a = A + <usize>m * rowA;
    const c = C + <usize>m * sc;
    let n = wide;
    for (; n + 4 <= N; n += 4) {
      const at = c + (<usize>n << 2);
      let sum = accumulate ? v128.load(at) : f32x4.splat(0);
      let p = a;
      let q = B + (<usize>n << 2);
      for (let k = 0; k < K; k++, p += stepA, q += sb) sum = madd(v128.load32_splat(p), v128.load(q), sum);
      v128.store(at, sum);
    }
    for (; n < N; n++) {
      const at = c + (<usize>n << 2);
      let sum = accumulate ? v128.load32_zero(at) : f32x4.splat(0);
      let p = a;
      let q = B + (<usize>n << 2);
      for (let k = 0; k < K; k++, p += stepA, q += sb) sum = madd(v128.load32_zero(p), v128.load32_zero(q), sum);
      v128.store_lane<f32>(at, sum, 0);
    }
  }
}

function lanesTile2(
  p0: usize, p1: usize, stepA: usize, q: usize, sb: usize, K: i32, c: usize, sc: usize, accumulate: bool,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c02 = f32x4.splat(0);
  let c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c12 = f32x4.splat(0);
  let c13 = f32x4.splat(0);
  const d = c + sc;
  if (accumulate) {
    c00 = v128.load(c);
    c01 = v128.load(c, 16);
    c02 = v128.load(c, 32);
    c03 = v128.load(c, 48);
    c10 = v128.load(d);
    c11 = v128.load(d, 16);
    c12 = v128.load(d, 32);
    c13 = v128.load(d, 48);
  }
  for (let k = K; k > 0; k--) {
    const x0 = v128.load32_splat(p0);
    const x1 = v128.load32_splat(p1);
    let y = v128.load(q);
    c00 = madd(x0, y, c00);
    c10 = madd(x1, y, c10);
    y = v128.load(q, 16);
    c01 = madd(x0, y, c01);
    c11 = madd(x1, y, c11);
    y = v128.load(q, 32);
    c02 = madd(x0, y, c02);
    c12 = madd(x1, y, c12);
    y = v128.load(q, 48);
    c03 = madd(x0, y, c03);
    c13 = madd(x1, y, c13);
    p0 += stepA;
    p1 += stepA;
    q += sb;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c02, 32);
  v128.store(c, c03, 48);
  v128.store(d, c10);
  v128.store(d, c11, 16);
  v128.store(d, c12, 32);
  v128.store(d, c13, 48);
}

function lanesTile1(
  p0: usize, stepA: usize, q: usize, sb: usize, K: i32, c: usize, accumulate: bool,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c02 = f32x4.splat(0);
  let c03 = f32x4.splat(0);
  if (accumulate) {
    c00 = v128.load(c);
    c01 = v128.load(c, 16);
    c02 = v128.load(c, 32);
    c03 = v128.load(c, 48);
  }
  for (let k = K; k > 0; k--) {
    const x0 = v128.load32_splat(p0);
    c00 = madd(x0, v128.load(q), c00);
    c01 = madd(x0, v128.load(q, 16), c01);
    c02 = madd(x0, v128.load(q, 32), c02);
    c03 = madd(x0, v128.load(q, 48), c03);
    p0 += stepA;
    q += sb;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c02, 32);
  v128.store(c, c03, 48);
}

/** out[n] (+)= Σ_m A[m][n] */
export function columnSums(M: i32, N: i32, A: usize, lda: i32, out: usize, accumulate: bool): void {
  const sa = <usize>lda << 2;
  let n = 0;
  for (; n + 4 <= N; n += 4) {
    const at = out + (<usize>n << 2);
    let sum = accumulate ? v128.load(at) : f32x4.splat(0);
    let a = A + (<usize>n << 2);
    for (let m = 0; m < M; m++, a += sa) sum = f32x4.add(sum, v128.load(a));
    v128.store(at, sum);
  }
  for (; n < N; n++) {
    const at = out + (<usize>n << 2);
    let sum: f32 = accumulate ? load<f32>(at) : 0;
    let a = A + (<usize>n << 2);
    for (let m = 0; m < M; m++, a += sa) sum += load<f32>(a);
    store<f32>(at, sum);
  }
}
