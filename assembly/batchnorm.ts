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

/** Sums of x − centre, or of its squares, over `count` rows, for four channels or one. */
// @ts-ignore: decorator
@inline
function blockSum(p: usize, stride: usize, count: i32, centre: v128, squared: bool, whole: bool): v128 {
  let even = f32x4.splat(0);
  let odd = f32x4.splat(0);
  for (; count >= 2; count -= 2, p += 2 * stride) {
    const a = f32x4.sub(at(p, whole), centre);
    const b = f32x4.sub(at(p + stride, whole), centre);
    even = f32x4.add(even, squared ? f32x4.mul(a, a) : a);
    odd = f32x4.add(odd, squared ? f32x4.mul(b, b) : b);
  }
  if (count > 0) {
    const a = f32x4.sub(at(p, whole), centre);
    even = f32x4.add(even, squared ? f32x4.mul(a, a) : a);
  }
  return f32x4.add(even, odd);
}

/** out[c] = mean over the rows of x, or of (x − centre[c])². */
// @ts-ignore: decorator
@inline
function columnMeans(rows: i32, C: i32, x: usize, centre: usize, squared: bool, out: usize, scratch: usize): void {
  const stride = <usize>C << 2;
  const wide = <usize>(C & ~3) << 2;
  memory.fill(scratch, 0, <usize>C << 3);
  for (let first = 0; first < rows; first += BLOCK) {
    const count = min(BLOCK, rows - first);
    const p = x + <usize>first * stride;
    let c: usize = 0;
    for (; c < wide; c += 16) {
      const middle = squared ? v128.load(centre + c) : f32x4.splat(0);
      addTo(scratch + 2 * c, true, blockSum(p + c, stride, count, middle, squared, true));
    }
    for (; c < stride; c += 4) {
      const middle = squared ? v128.load32_zero(centre + c) : f32x4.splat(0);
      addTo(scratch + 2 * c, false, blockSum(p + c, stride, count, middle, squared, false));
    }
  }
  for (let c: usize = 0; c < stride; c += 4) {
    store<f32>(out + c, <f32>(load<f64>(scratch + 2 * c) / <f64>rows));
  }
}

/** mean[c] and variance[c] (biased) of x[r][c] over r; scratch: C float64. */
export function batchNormStatistics(rows: i32, C: i32, x: usize, mean: usize, variance: usize, scratch: usize): void {
  columnMeans(rows, C, x, 0, false, mean, scratch);
  columnMeans(rows, C, x, mean, true, variance, scratch);
}

/** y = (x − mean)·γ/√(variance + ε) + β; scratch: C floats. */
export function batchNormForward(
  rows: i32, C: i32, x: usize, gamma: usize, beta: usize, mean: usize, variance: usize, eps: f32, y: usize,
  scratch: usize,
): void {
  const stride = <usize>C << 2;
  const wide = <usize>(C & ~3) << 2;
  for (let c: usize = 0; c < stride; c += 4) {
    store<f32>(scratch + c, load<f32>(gamma + c) / sqrt<f32>(load<f32>(variance + c) + eps));
  }
  for (; rows > 0; rows--, x += stride, y += stride) {
    let c: usize = 0;
    for (; c < wide; c += 16) normalize(x + c, mean + c, scratch + c, beta + c, y + c, true);
    for (; c < stride; c += 4) normalize(x + c, mean + c, scratch + c, beta + c, y + c, false);
  }
}

// @ts-ignore: decorator
@inline
function normalize(x: usize, mean: usize, factor: usize, shift: usize, y: usize, whole: bool): void {
  const centred = f32x4.sub(at(x, whole), at(mean, whole));
  put(y, whole, f32x4.add(f32x4.mul(centred, at(factor, whole)), at(shift, whole)));
}

// @ts-ignore: decorator
@inline
function gradientSums(
  x: usize, dy: usize, stride: usize, count: i32, mean: usize, sums: usize, products: usize, whole: bool,
): void {
  const centre = at(mean, whole);
  let sum = f32x4.splat(0);
  let product = f32x4.splat(0);
  for (; count > 0; count--, x += stride, dy += stride) {
    const d = at(dy, whole);
    sum = f32x4.add(sum, d);
    product = f32x4.add(product, f32x4.mul(d, f32x4.sub(at(x, whole), centre)));
  }
  addTo(sums, whole, sum);
  addTo(products, whole, product);
}

// @ts-ignore: decorator
@inline
function inputGradient(
  x: usize, dy: usize, mean: usize, factor: usize, shift: usize, slope: usize, dx: usize, whole: bool,
): void {
  const through = f32x4.mul(f32x4.sub(at(x, whole), at(mean, whole)), at(slope, whole));
  const d = f32x4.sub(f32x4.sub(at(dy, whole), at(shift, whole)), through);
  put(dx, whole, f32x4.mul(d, at(factor, whole)));
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
  const wide = <usize>(C & ~3) << 2;
  const sums = scratch;
  const products = sums + 2 * stride;
  const factors = products + 2 * stride;
  const shifts = factors + stride;
  const slopes = shifts + stride;
  memory.fill(scratch, 0, 4 * stride);
  for (let first = 0; first < rows; first += BLOCK) {
    const count = min(BLOCK, rows - first);
    const p = x + <usize>first * stride;
    const d = dy + <usize>first * stride;
    let c: usize = 0;
    for (; c < wide; c += 16) {
      gradientSums(p + c, d + c, stride, count, mean + c, sums + 2 * c, products + 2 * c, true);
    }
    for (; c < stride; c += 4) {
      gradientSums(p + c, d + c, stride, count, mean + c, sums + 2 * c, products + 2 * c, false);
    }
  }
  for (let c: usize = 0; c < stride; c += 4) {
    const inverse: f64 = 1 / sqrt<f64>(<f64>load<f32>(variance + c) + <f64>eps);
    const sum = load<f64>(sums + 2 * c);
    const product = load<f64>(products + 2 * c);
    store<f32>(dbeta + c, load<f32>(dbeta + c) + <f32>sum);
    store<f32>(dgamma + c, load<f32>(dgamma + c) + <f32>(product * inverse));
    store<f32>(factors + c, <f32>(<f64>load<f32>(gamma + c) * inverse));
    store<f32>(shifts + c, frozen ? 0 : <f32>(sum / <f64>rows));
    store<f32>(slopes + c, frozen ? 0 : <f32>((product * inverse * inverse) / <f64>rows));
  }
  if (!dx) return;
  for (; rows > 0; rows--, x += stride, dy += stride, dx += stride) {
    let c: usize = 0;
    for (; c < wide; c += 16) {
      inputGradient(x + c, dy + c, mean + c, factors + c, shifts + c, slopes + c, dx + c, true);
    }
    for (; c < stride; c += 4) {
      inputGradient(x + c, dy + c, mean + c, factors + c, shifts + c, slopes + c, dx + c, false);
    }
  }
}
