// Batch normalization of rows of C channels. Sums run over blocks of rows in float32 and over the blocks in float64.

const BLOCK = 256; // rows: at 16 channels half a first-level cache

// @ts-ignore: decorator
@inline
function at(p: usize, whole: bool): v128 {
  return whole ? v128.load(p) : v128.load32_zero(p);
}

// @ts-ignore: decorator
@inline
function put(p: usize, whole: bool, v: v128): void {
  if (whole) v128.store(p, v);
  else v128.store_lane<f32>(p, v, 0);
}

/** sums[0 … 3] += v, in float64 */
// @ts-ignore: decorator
@inline
function addTo(sums: usize, whole: bool, v: v128): void {
  const low = f64x2.promote_low_f32x4(v);
  if (!whole) {
    store<f64>(sums, load<f64>(sums) + f64x2.extract_lane(low, 0));
    return;
  }
  v128.store(sums, f64x2.add(v128.load(sums), low));
  const high = f64x2.promote_low_f32x4(v128.shuffle<i32>(v, v, 2, 3, 2, 3));
  v128.store(sums, f64x2.add(v128.load(sums, 16), high), 16);
}

/** mean[c] and variance[c] (biased) of x[r][c] over r; scratch: C float64. */
export function batchNormStatistics(rows: i32, C: i32, x: usize, mean: usize, variance: usize, scratch: usize): void {
  const stride = <usize>C << 2;
  memory.fill(scratch, 0, <usize>C << 3);
  for (let first = 0; first < rows; first += BLOCK) {
    const count = min(BLOCK, rows - first);
    for (let c = 0; c < C; ) {
      const whole = c + 4 <= C;
      let p = x + <usize>first * stride + (<usize>c << 2);
      let even = f32x4.splat(0);
      let odd = f32x4.splat(0);
      let r = 0;
      for (; r + 2 <= count; r += 2, p += 2 * stride) {
        even = f32x4.add(even, at(p, whole));
        odd = f32x4.add(odd, at(p + stride, whole));
      }
      if (r < count) even = f32x4.add(even, at(p, whole));
      addTo(scratch + (<usize>c << 3), whole, f32x4.add(even, odd));
      c += whole ? 4 : 1;
    }
  }
  for (let c: usize = 0; c < <usize>C; c++) {
    store<f32>(mean + (c << 2), <f32>(load<f64>(scratch + (c << 3)) / <f64>rows));
  }
  memory.fill(scratch, 0, <usize>C << 3);
  for (let first = 0; first < rows; first += BLOCK) {
    const count = min(BLOCK, rows - first);
    for (let c = 0; c < C; ) {
      const whole = c + 4 <= C;
      const centre = at(mean + (<usize>c << 2), whole);
      let p = x + <usize>first * stride + (<usize>c << 2);
      let even = f32x4.splat(0);
      let odd = f32x4.splat(0);
      let r = 0;
      for (; r + 2 <= count; r += 2, p += 2 * stride) {
        const a = f32x4.sub(at(p, whole), centre);
        const b = f32x4.sub(at(p + stride, whole), centre);
        even = f32x4.add(even, f32x4.mul(a, a));
        odd = f32x4.add(odd, f32x4.mul(b, b));
      }
      if (r < count) {
        const a = f32x4.sub(at(p, whole), centre);
        even = f32x4.add(even, f32x4.mul(a, a));
      }
      addTo(scratch + (<usize>c << 3), whole, f32x4.add(even, odd));
      c += whole ? 4 : 1;
    }
  }
  for (let c: usize = 0; c < <usize>C; c++) {
    store<f32>(variance + (c << 2), <f32>(load<f64>(scratch + (c << 3)) / <f64>rows));
  }
}

/** y = (x − mean)·γ/√(variance + ε) + β; scratch: C floats. */
export function batchNormForward(
  rows: i32, C: i32, x: usize, gamma: usize, beta: usize, mean: usize, variance: usize, eps: f32, y: usize,
  scratch: usize,
): void {
  for (let c: usize = 0, end = <usize>C << 2; c < end; c += 4) {
    store<f32>(scratch + c, load<f32>(gamma + c) / sqrt<f32>(load<f32>(variance + c) + eps));
  }
  for (; rows > 0; rows--) {
    for (let c = 0; c < C; ) {
      const whole = c + 4 <= C;
      const o = <usize>c << 2;
      const centred = f32x4.sub(at(x, whole), at(mean + o, whole));
      put(y, whole, f32x4.add(f32x4.mul(centred, at(scratch + o, whole)), at(beta + o, whole)));
      c += whole ? 4 : 1;
      x += whole ? 16 : 4;
      y += whole ? 16 : 4;
    }
  }
}

/**
 * dβ += Σ dy, dγ += Σ dy·x̂ and, unless dx is 0, dx = γ/σ·(dy − Σdy/rows − x̂·Σ(dy·x̂)/rows), x̂ = (x − mean)/σ,
 * σ = √(variance + ε); with `frozen` statistics dx = γ/σ·dy. scratch: 28·C bytes.
 */
export function batchNormBackward(
  rows: i32, C: i32, x: usize, dy: usize, gamma: usize, mean: usize, variance: usize, eps: f32,
  dgamma: usize, dbeta: usize, dx: usize, frozen: bool, scratch: usize,
): void {
  const stride = <usize>C << 2;
  const sums = scratch;
  const products = sums + (<usize>C << 3);
  const factors = products + (<usize>C << 3);
  const shifts = factors + stride;
  const slopes = shifts + stride;
  memory.fill(scratch, 0, <usize>C << 4);
  for (let first = 0; first < rows; first += BLOCK) {
    const count = min(BLOCK, rows - first);
    for (let c = 0; c < C; ) {
      const whole = c + 4 <= C;
      const centre = at(mean + (<usize>c << 2), whole);
      let offset = <usize>first * stride + (<usize>c << 2);
      let sum = f32x4.splat(0);
      let product = f32x4.splat(0);
      for (let r = count; r > 0; r--, offset += stride) {
        const d = at(dy + offset, whole);
        sum = f32x4.add(sum, d);
        product = f32x4.add(product, f32x4.mul(d, f32x4.sub(at(x + offset, whole), centre)));
      }
      addTo(sums + (<usize>c << 3), whole, sum);
      addTo(products + (<usize>c << 3), whole, product);
      c += whole ? 4 : 1;
    }
  }
  for (let c: usize = 0; c < <usize>C; c++) {
    const o = c << 2;
    const inverse: f64 = 1 / sqrt<f64>(<f64>load<f32>(variance + o) + <f64>eps);
    const sum = load<f64>(sums + (c << 3));
    const product = load<f64>(products + (c << 3));
    store<f32>(dbeta + o, load<f32>(dbeta + o) + <f32>sum);
    store<f32>(dgamma + o, load<f32>(dgamma + o) + <f32>(product * inverse));
    store<f32>(factors + o, <f32>(<f64>load<f32>(gamma + o) * inverse));
    store<f32>(shifts + o, frozen ? 0 : <f32>(sum / <f64>rows));
    store<f32>(slopes + o, frozen ? 0 : <f32>((product * inverse * inverse) / <f64>rows));
  }
  if (!dx) return;
  for (; rows > 0; rows--) {
    for (let c = 0; c < C; ) {
      const whole = c + 4 <= C;
      const o = <usize>c << 2;
      const slope = f32x4.mul(f32x4.sub(at(x, whole), at(mean + o, whole)), at(slopes + o, whole));
      const d = f32x4.sub(f32x4.sub(at(dy, whole), at(shifts + o, whole)), slope);
      put(dx, whole, f32x4.mul(d, at(factors + o, whole)));
      c += whole ? 4 : 1;
      x += whole ? 16 : 4;
      dy += whole ? 16 : 4;
      dx += whole ? 16 : 4;
    }
  }
}
