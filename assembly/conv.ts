// Valid convolution on NHWC images, without im2col: a row of a patch is kw·Ci contiguous floats, so a kernel row
// is a matrix product whose left operand has row stride Ci. Filters are stored [Co][kh][kw][Ci].
//
// The backward passes follow the nonzero entries of dy. Behind a 2×2 max-pooling at least three quarters of dy are
// zero; where none is, they still run at the speed of a matrix product.
import { madd } from "./math";

/** Panels of 16 filters, [k][16], then one of the remaining filters: what `convForward` reads. K = kh·kw·Ci. */
export function convPack(w: usize, Co: i32, K: i32, packed: usize): void {
  for (let first = 0; first < Co; first += 16) {
    const width = min(16, Co - first);
    for (let k = 0; k < K; k++) {
      let from = w + (<usize>(first * K + k) << 2);
      for (let o = 0; o < width; o++, from += <usize>K << 2, packed += 4) store<f32>(packed, load<f32>(from));
    }
  }
}

/** y[b][oy][ox][o] = bias[o] + Σ x[b][oy+ky][ox+kx][i]·w[o][ky][kx][i], lanes along o, for the first Ho × Wo outputs. */
export function convForward(
  batch: i32, H: i32, W: i32, Ci: i32, kh: i32, kw: i32, Ho: i32, Wo: i32, Co: i32,
  x: usize, packed: usize, bias: usize, y: usize,
): void {
  const pixel = <usize>Ci << 2;
  const row = <usize>W * pixel;
  const run = <usize>kw * pixel;
  const outPixel = <usize>Co << 2;
  const outImage = <usize>(Ho * Wo) * outPixel;
  const wide = Co & ~15;
  for (let o = 0; o < wide; o += 16) {
    const panel = packed + (<usize>(o * kh * kw * Ci) << 2);
    const offset = bias + (<usize>o << 2);
    for (let b = 0; b < batch; b++) {
      let to = y + <usize>b * outImage + (<usize>o << 2);
      for (let oy = 0; oy < Ho; oy++) {
        let from = x + <usize>(b * H + oy) * row;
        let ox = 0;
        for (; ox + 2 <= Wo; ox += 2, from += 2 * pixel, to += 2 * outPixel) {
          forwardTile2(from, pixel, row, run, kh, panel, offset, to, to + outPixel);
        }
        for (; ox < Wo; ox++, from += pixel, to += outPixel) forwardTile1(from, row, run, kh, panel, offset, to);
      }
    }
  }
  if (wide < Co) forwardRest(batch, H, W, Ci, kh, kw, Ho, Wo, Co, x, packed, bias, y);
}

function forwardTile2(
  p: usize, pixel: usize, row: usize, run: usize, kh: i32, q: usize, bias: usize, y0: usize, y1: usize,
): void {
  let c00 = v128.load(bias);
  let c01 = v128.load(bias, 16);
  let c02 = v128.load(bias, 32);
  let c03 = v128.load(bias, 48);
  let c10 = c00;
  let c11 = c01;
  let c12 = c02;
  let c13 = c03;
  for (; kh > 0; kh--) {
    const end = p + run;
    let p1 = p + pixel;
    for (let p0 = p; p0 < end; p0 += 4, p1 += 4, q += 64) {
      const x0 = v128.load32_splat(p0);
      const x1 = v128.load32_splat(p1);
      let w = v128.load(q);
      c00 = madd(x0, w, c00);
      c10 = madd(x1, w, c10);
      w = v128.load(q, 16);
      c01 = madd(x0, w, c01);
      c11 = madd(x1, w, c11);
      w = v128.load(q, 32);
      c02 = madd(x0, w, c02);
      c12 = madd(x1, w, c12);
      w = v128.load(q, 48);
      c03 = madd(x0, w, c03);
      c13 = madd(x1, w, c13);
    }
    p += row;
  }
  v128.store(y0, c00);
  v128.store(y0, c01, 16);
  v128.store(y0, c02, 32);
  v128.store(y0, c03, 48);
  v128.store(y1, c10);
  v128.store(y1, c11, 16);
  v128.store(y1, c12, 32);
  v128.store(y1, c13, 48);
}

function forwardTile1(p: usize, row: usize, run: usize, kh: i32, q: usize, bias: usize, y: usize): void {
  let c0 = v128.load(bias);
  let c1 = v128.load(bias, 16);
  let c2 = v128.load(bias, 32);
  let c3 = v128.load(bias, 48);
  for (; kh > 0; kh--) {
    const end = p + run;
    for (let p0 = p; p0 < end; p0 += 4, q += 64) {
      const x0 = v128.load32_splat(p0);
      c0 = madd(x0, v128.load(q), c0);
      c1 = madd(x0, v128.load(q, 16), c1);
      c2 = madd(x0, v128.load(q, 32), c2);
      c3 = madd(x0, v128.load(q, 48), c3);
    }
    p += row;
  }
  v128.store(y, c0);
  v128.store(y, c1, 16);
  v128.store(y, c2, 32);
  v128.store(y, c3, 48);
}

/** The last Co mod 16 channels, by fours and then one by one. */
function forwardRest(
  batch: i32, H: i32, W: i32, Ci: i32, kh: i32, kw: i32, Ho: i32, Wo: i32, Co: i32,
  x: usize, packed: usize, bias: usize, y: usize,
): void {
  const pixel = <usize>Ci << 2;
  const row = <usize>W * pixel;
  const run = <usize>kw * pixel;
  const wide = Co & ~15;
  const step = <usize>(Co - wide) << 2;
  const panel = packed + (<usize>(wide * kh * kw * Ci) << 2);
  for (let b = 0; b < batch; b++) {
    for (let oy = 0; oy < Ho; oy++) {
      for (let ox = 0; ox < Wo; ox++) {
        const from = x + <usize>(b * H + oy) * row + <usize>ox * pixel;
        const to = y + (<usize>(((b * Ho + oy) * Wo + ox) * Co) << 2);
        let o = wide;
        for (; o + 4 <= Co; o += 4) {
          let sum = v128.load(bias + (<usize>o << 2));
          let q = panel + (<usize>(o - wide) << 2);
          for (let ky = 0, p = from; ky < kh; ky++, p += row) {
            for (let at = p; at < p + run; at += 4, q += step) {
              sum = madd(v128.load32_splat(at), v128.load(q), sum);
            }
          }
          v128.store(to + (<usize>o << 2), sum);
        }
        for (; o < Co; o++) {
          let sum = v128.load32_zero(bias + (<usize>o << 2));
          let q = panel + (<usize>(o - wide) << 2);
          for (let ky = 0, p = from; ky < kh; ky++, p += row) {
            for (let at = p; at < p + run; at += 4, q += step) {
              sum = madd(v128.load32_zero(at), v128.load32_zero(q), sum);
            }
          }
          v128.store_lane<f32>(to + (<usize>o << 2), sum, 0);
        }
      }
    }
  }
}

// A list of nonzero entries: 8 bytes each, the byte offset of a row and the factor it is taken with.

/** c[0 … 4·width) += Σ value·row over the list; width ≤ 7, so that accumulators, loads and factor fit 15 registers. */
// @ts-ignore: decorator
@inline
function gatherTile(width: i32, c: usize, base: usize, list: usize, end: usize): void {
  let c0 = v128.load(c);
  let c1 = width > 1 ? v128.load(c, 16) : c0;
  let c2 = width > 2 ? v128.load(c, 32) : c0;
  let c3 = width > 3 ? v128.load(c, 48) : c0;
  let c4 = width > 4 ? v128.load(c, 64) : c0;
  let c5 = width > 5 ? v128.load(c, 80) : c0;
  let c6 = width > 6 ? v128.load(c, 96) : c0;
  for (; list < end; list += 8) {
    const p = base + <usize>load<i32>(list);
    const d = v128.load32_splat(list, 4);
    c0 = madd(d, v128.load(p), c0);
    if (width > 1) c1 = madd(d, v128.load(p, 16), c1);
    if (width > 2) c2 = madd(d, v128.load(p, 32), c2);
    if (width > 3) c3 = madd(d, v128.load(p, 48), c3);
    if (width > 4) c4 = madd(d, v128.load(p, 64), c4);
    if (width > 5) c5 = madd(d, v128.load(p, 80), c5);
    if (width > 6) c6 = madd(d, v128.load(p, 96), c6);
  }
  v128.store(c, c0);
  if (width > 1) v128.store(c, c1, 16);
  if (width > 2) v128.store(c, c2, 32);
  if (width > 3) v128.store(c, c3, 48);
  if (width > 4) v128.store(c, c4, 64);
  if (width > 5) v128.store(c, c5, 80);
  if (width > 6) v128.store(c, c6, 96);
}

function gather7(c: usize, base: usize, list: usize, end: usize): void {
  gatherTile(7, c, base, list, end);
}

/** c[0 … length) += Σ value·row over the list. */
function gather(c: usize, base: usize, length: i32, list: usize, end: usize): void {
  let vectors = length >> 2;
  for (; vectors >= 7; vectors -= 7, c += 112, base += 112) gather7(c, base, list, end);
  if (vectors == 6) gatherTile(6, c, base, list, end);
  else if (vectors == 5) gatherTile(5, c, base, list, end);
  else if (vectors == 4) gatherTile(4, c, base, list, end);
  else if (vectors == 3) gatherTile(3, c, base, list, end);
  else if (vectors == 2) gatherTile(2, c, base, list, end);
  else if (vectors == 1) gatherTile(1, c, base, list, end);
  c += <usize>vectors << 4;
  base += <usize>vectors << 4;
  for (let rest = length & 3; rest > 0; rest--, c += 4, base += 4) {
    let sum = load<f32>(c);
    for (let e = list; e < end; e += 8) sum += load<f32>(e, 4) * load<f32>(base + <usize>load<i32>(e));
    store<f32>(c, sum);
  }
}

/** Images whose entries are listed together: about a first-level cache of them. */
// @ts-ignore: decorator
@inline
function imagesPerBlock(H: i32, W: i32, Ci: i32): i32 {
  return max(1, 10240 / (H * W * Ci));
}

/** Bytes of scratch of the backward functions. */
export function convScratchBytes(H: i32, W: i32, Ci: i32, kh: i32, kw: i32, Ho: i32, Wo: i32, Co: i32): i32 {
  const lists = Co * (4 + 8 * imagesPerBlock(H, W, Ci) * Ho * Wo);
  return max(lists, 4 * kh * kw * Ci * Co);
}

/** dw[o][ky][kx][i] += Σ x[b][oy+ky][ox+kx][i]·dy[b][oy][ox][o] and dbias[o] += Σ dy[b][oy][ox][o]. */
export function convBackwardWeights(
  batch: i32, H: i32, W: i32, Ci: i32, kh: i32, kw: i32, Ho: i32, Wo: i32, Co: i32,
  x: usize, dy: usize, dw: usize, dbias: usize, scratch: usize,
): void {
  // rows of less than four vectors leave lanes empty: then they run along the filters
  if (kw * Ci < 16 && Co >= 4) weightsAlongFilters(batch, H, W, Ci, kh, kw, Ho, Wo, Co, x, dy, dw, dbias, scratch);
  else weightsAlongRows(batch, H, W, Ci, kh, kw, Ho, Wo, Co, x, dy, dw, dbias, scratch);
}

function weightsAlongRows(
  batch: i32, H: i32, W: i32, Ci: i32, kh: i32, kw: i32, Ho: i32, Wo: i32, Co: i32,
  x: usize, dy: usize, dw: usize, dbias: usize, scratch: usize,
): void {
  const pixel = <usize>Ci << 2;
  const row = <usize>W * pixel;
  const K = kw * Ci;
  const block = imagesPerBlock(H, W, Ci);
  const listBytes = <usize>(block * Ho * Wo) << 3;
  const ends = scratch;
  const lists = scratch + (<usize>Co << 2);
  for (let first = 0; first < batch; first += block) {
    const last = min(batch, first + block);
    for (let o = 0; o < Co; o++) store<i32>(ends + (<usize>o << 2), <i32>(lists + <usize>o * listBytes));
    for (let b = first; b < last; b++) {
      for (let oy = 0; oy < Ho; oy++) {
        let corner = <i32>(<usize>((b - first) * H + oy) * row);
        let d = dy + (<usize>((b * Ho + oy) * Wo * Co) << 2);
        for (let ox = 0; ox < Wo; ox++, corner += <i32>pixel) {
          for (let end = ends; end < lists; end += 4, d += 4) {
            const value = load<f32>(d);
            const at = <usize>load<i32>(end);
            store<i32>(at, corner);
            store<f32>(at, value, 4);
            store<i32>(end, <i32>at + (i32(value != 0) << 3));
          }
        }
      }
    }
    const images = x + <usize>first * <usize>H * row;
    for (let o = 0; o < Co; o++) {
      const list = lists + <usize>o * listBytes;
      const end = <usize>load<i32>(ends + (<usize>o << 2));
      for (let ky = 0; ky < kh; ky++) {
        gather(dw + (<usize>((o * kh + ky) * K) << 2), images + <usize>ky * row, K, list, end);
      }
      let sum: f32 = 0;
      for (let e = list; e < end; e += 8) sum += load<f32>(e, 4);
      const at = dbias + (<usize>o << 2);
      store<f32>(at, load<f32>(at) + sum);
    }
  }
}

function weightsAlongFilters(
  batch: i32, H: i32, W: i32, Ci: i32, kh: i32, kw: i32, Ho: i32, Wo: i32, Co: i32,
  x: usize, dy: usize, dw: usize, dbias: usize, scratch: usize,
): void {
  const pixel = <usize>Ci << 2;
  const row = <usize>W * pixel;
  const K = kw * Ci;
  const all = kh * K;
  const outPixel = <usize>Co << 2;
  const wide = Co & ~15;
  memory.fill(scratch, 0, <usize>(all * Co) << 2);
  for (let b = 0; b < batch; b++) {
    const image = x + <usize>(b * H) * row;
    const d = dy + <usize>(b * Ho * Wo) * outPixel;
    for (let o = 0; o < wide; o += 16) {
      const from = d + (<usize>o << 2);
      let k = 0;
      for (; k + 2 <= all; k += 2) {
        const p0 = image + <usize>(k / K) * row + (<usize>(k % K) << 2);
        const p1 = image + <usize>((k + 1) / K) * row + (<usize>((k + 1) % K) << 2);
        const c = scratch + (<usize>(k * Co + o) << 2);
        filtersTile2(p0, p1 - p0, pixel, row, Ho, Wo, from, outPixel, c, c + outPixel);
      }
      if (k < all) {
        const p = image + <usize>(k / K) * row + (<usize>(k % K) << 2);
        filtersTile1(p, pixel, row, Ho, Wo, from, outPixel, scratch + (<usize>(k * Co + o) << 2));
      }
    }
    for (let k = 0; k < all && wide < Co; k++) {
      const p = image + <usize>(k / K) * row + (<usize>(k % K) << 2);
      for (let o = wide; o < Co; ) {
        const whole = o + 4 <= Co;
        const at = scratch + (<usize>(k * Co + o) << 2);
        let sum = whole ? v128.load(at) : v128.load32_zero(at);
        let q = d + (<usize>o << 2);
        for (let oy = 0; oy < Ho; oy++) {
          let from = p + <usize>oy * row;
          for (let ox = 0; ox < Wo; ox++, from += pixel, q += outPixel) {
            sum = madd(v128.load32_splat(from), whole ? v128.load(q) : v128.load32_zero(q), sum);
          }
        }
        if (whole) v128.store(at, sum);
        else v128.store_lane<f32>(at, sum, 0);
        o += whole ? 4 : 1;
      }
    }
    addColumns(Ho * Wo, Co, d, dbias);
  }
  for (let o = 0; o < Co; o++) {
    for (let k = 0; k < all; k++) {
      const at = dw + (<usize>(o * all + k) << 2);
      store<f32>(at, load<f32>(at) + load<f32>(scratch + (<usize>(k * Co + o) << 2)));
    }
  }
}

function filtersTile2(
  p: usize, apart: usize, pixel: usize, row: usize, Ho: i32, Wo: i32, d: usize, outPixel: usize, c0: usize, c1: usize,
): void {
  let c00 = v128.load(c0);
  let c01 = v128.load(c0, 16);
  let c02 = v128.load(c0, 32);
  let c03 = v128.load(c0, 48);
  let c10 = v128.load(c1);
  let c11 = v128.load(c1, 16);
  let c12 = v128.load(c1, 32);
  let c13 = v128.load(c1, 48);
  for (; Ho > 0; Ho--) {
    let p0 = p;
    let p1 = p + apart;
    for (let ox = Wo; ox > 0; ox--) {
      const x0 = v128.load32_splat(p0);
      const x1 = v128.load32_splat(p1);
      let y = v128.load(d);
      c00 = madd(x0, y, c00);
      c10 = madd(x1, y, c10);
      y = v128.load(d, 16);
      c01 = madd(x0, y, c01);
      c11 = madd(x1, y, c11);
      y = v128.load(d, 32);
      c02 = madd(x0, y, c02);
      c12 = madd(x1, y, c12);
      y = v128.load(d, 48);
      c03 = madd(x0, y, c03);
      c13 = madd(x1, y, c13);
      p0 += pixel;
      p1 += pixel;
      d += outPixel;
    }
    p += row;
  }
  v128.store(c0, c00);
  v128.store(c0, c01, 16);
  v128.store(c0, c02, 32);
  v128.store(c0, c03, 48);
  v128.store(c1, c10);
  v128.store(c1, c11, 16);
  v128.store(c1, c12, 32);
  v128.store(c1, c13, 48);
}

function filtersTile1(
  p: usize, pixel: usize, row: usize, Ho: i32, Wo: i32, d: usize, outPixel: usize, c: usize,
): void {
  let c0 = v128.load(c);
  let c1 = v128.load(c, 16);
  let c2 = v128.load(c, 32);
  let c3 = v128.load(c, 48);
  for (; Ho > 0; Ho--) {
    let p0 = p;
    for (let ox = Wo; ox > 0; ox--, p0 += pixel, d += outPixel) {
      const x0 = v128.load32_splat(p0);
      c0 = madd(x0, v128.load(d), c0);
      c1 = madd(x0, v128.load(d, 16), c1);
      c2 = madd(x0, v128.load(d, 32), c2);
      c3 = madd(x0, v128.load(d, 48), c3);
    }
    p += row;
  }
  v128.store(c, c0);
  v128.store(c, c1, 16);
  v128.store(c, c2, 32);
  v128.store(c, c3, 48);
}

/** out[n] += Σ_m a[m][n], the sum over m first. */
function addColumns(M: i32, N: i32, a: usize, out: usize): void {
  const stride = <usize>N << 2;
  let n = 0;
  for (; n + 16 <= N; n += 16) {
    let p = a + (<usize>n << 2);
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    for (let m = 0; m < M; m++, p += stride) {
      s0 = f32x4.add(s0, v128.load(p));
      s1 = f32x4.add(s1, v128.load(p, 16));
      s2 = f32x4.add(s2, v128.load(p, 32));
      s3 = f32x4.add(s3, v128.load(p, 48));
    }
    const at = out + (<usize>n << 2);
    v128.store(at, f32x4.add(v128.load(at), s0));
    v128.store(at, f32x4.add(v128.load(at, 16), s1), 16);
    v128.store(at, f32x4.add(v128.load(at, 32), s2), 32);
    v128.store(at, f32x4.add(v128.load(at, 48), s3), 48);
  }
  for (; n < N; n++) {
    let p = a + (<usize>n << 2);
    let sum: f32 = 0;
    for (let m = 0; m < M; m++, p += stride) sum += load<f32>(p);
    const at = out + (<usize>n << 2);
    store<f32>(at, load<f32>(at) + sum);
  }
}

/** dx[b][oy+ky][ox+kx][i] = Σ dy[b][oy][ox][o]·w[o][ky][kx][i]. */
export function convBackwardInput(
  batch: i32, H: i32, W: i32, Ci: i32, kh: i32, kw: i32, Ho: i32, Wo: i32, Co: i32,
  dy: usize, w: usize, dx: usize, scratch: usize,
): void {
  const pixel = <usize>Ci << 2;
  const row = <usize>W * pixel;
  const K = kw * Ci;
  const run = <usize>K << 2;
  const filter = (kh * K) << 2;
  memory.fill(dx, 0, <usize>(batch * H) * row);
  let d = dy;
  for (let b = 0; b < batch; b++) {
    for (let oy = 0; oy < Ho; oy++) {
      let corner = dx + <usize>(b * H + oy) * row;
      for (let ox = 0; ox < Wo; ox++, corner += pixel) {
        let end = scratch;
        for (let o = 0, offset = 0; o < Co; o++, offset += filter, d += 4) {
          const value = load<f32>(d);
          store<i32>(end, offset);
          store<f32>(end, value, 4);
          end += usize(value != 0) << 3;
        }
        if (end == scratch) continue;
        let c = corner;
        let base = w;
        for (let ky = 0; ky < kh; ky++, c += row, base += run) gather(c, base, K, scratch, end);
      }
    }
  }
}

// Max-pooling 2×2 on NHWC; an odd last row or column is dropped.

// @ts-ignore: decorator
@inline
function read(p: usize, whole: bool): v128 {
  return whole ? v128.load(p) : v128.load32_zero(p);
}

// @ts-ignore: decorator
@inline
function write(p: usize, whole: bool, v: v128): void {
  if (whole) v128.store(p, v);
  else v128.store_lane<f32>(p, v, 0);
}

// @ts-ignore: decorator
@inline
function poolEntries(p: usize, pixel: usize, row: usize, y: usize, at: usize, whole: bool): void {
  const v0 = read(p, whole);
  const v1 = read(p + pixel, whole);
  const v2 = read(p + row, whole);
  const v3 = read(p + row + pixel, whole);
  let more = f32x4.gt(v1, v0);
  let best = v128.bitselect(v1, v0, more);
  let which = v128.and(more, i32x4.splat(1));
  more = f32x4.gt(v2, best);
  best = v128.bitselect(v2, best, more);
  which = v128.bitselect(i32x4.splat(2), which, more);
  more = f32x4.gt(v3, best);
  best = v128.bitselect(v3, best, more);
  which = v128.bitselect(i32x4.splat(3), which, more);
  const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(which, which), which);
  write(y, whole, best);
  if (whole) v128.store_lane<i32>(at, bytes, 0);
  else v128.store_lane<i8>(at, bytes, 0);
}

/** y = largest of the four, at = which of them: 2·(row) + (column), the first among equals. */
export function maxPool(batch: i32, H: i32, W: i32, C: i32, x: usize, y: usize, at: usize): void {
  const pixel = <usize>C << 2;
  const row = <usize>W * pixel;
  const whole = <usize>(C & ~3) << 2;
  for (let b = 0; b < batch; b++) {
    for (let oy = 0; oy < H >> 1; oy++) {
      let p = x + <usize>(b * H + 2 * oy) * row;
      for (let ox = 0; ox < W >> 1; ox++, p += 2 * pixel, y += pixel, at += <usize>C) {
        let c: usize = 0;
        for (; c < whole; c += 16) poolEntries(p + c, pixel, row, y + c, at + (c >> 2), true);
        for (; c < pixel; c += 4) poolEntries(p + c, pixel, row, y + c, at + (c >> 2), false);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function unpoolEntries(p: usize, pixel: usize, row: usize, dy: usize, at: usize, whole: bool): void {
  const d = read(dy, whole);
  const bytes = whole ? v128.load32_zero(at) : i32x4.splat(<i32>load<u8>(at));
  const which = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes));
  write(p, whole, v128.and(d, i32x4.eq(which, i32x4.splat(0))));
  write(p + pixel, whole, v128.and(d, i32x4.eq(which, i32x4.splat(1))));
  write(p + row, whole, v128.and(d, i32x4.eq(which, i32x4.splat(2))));
  write(p + row + pixel, whole, v128.and(d, i32x4.eq(which, i32x4.splat(3))));
}

/** dx = dy where `at` says the largest was, else 0. */
export function maxPoolBackward(batch: i32, H: i32, W: i32, C: i32, dy: usize, at: usize, dx: usize): void {
  const pixel = <usize>C << 2;
  const row = <usize>W * pixel;
  const whole = <usize>(C & ~3) << 2;
  for (let b = 0; b < batch; b++) {
    const image = dx + <usize>(b * H) * row;
    if (H & 1) memory.fill(image + <usize>(H - 1) * row, 0, row);
    for (let oy = 0; oy < H >> 1; oy++) {
      let p = image + <usize>(2 * oy) * row;
      for (let ox = 0; ox < W >> 1; ox++, p += 2 * pixel, dy += pixel, at += <usize>C) {
        let c: usize = 0;
        for (; c < whole; c += 16) unpoolEntries(p + c, pixel, row, dy + c, at + (c >> 2), true);
        for (; c < pixel; c += 4) unpoolEntries(p + c, pixel, row, dy + c, at + (c >> 2), false);
      }
      if (W & 1) {
        memory.fill(p, 0, pixel);
        memory.fill(p + row, 0, pixel);
      }
    }
  }
}
