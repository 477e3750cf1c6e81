// The coordinate-wise LSTM optimizer: LogAndSign → LSTM(H) → LSTM(H) → linear → × scale, for all coordinates
// of a parameter vector, forward and backward through a truncation window. H is a multiple of 4.
//
// Coordinates go in tiles of 16, four vectors wide; a row of a tile (one unit of 16 coordinates) is a cache line.
// State tile, rows:  x(2)  h1(H)  h2(H)  c1(H)  c2(H)
// so that [x, h1] and [h1, h2], the inputs of the two layers, are contiguous.
//
// Record of a tile over a window of T steps, rows as above and then the activated gates g1(4H) g2(4H), in
// the order i, j, f, o. Every row holds T+1 slots of 16 floats: slot t of x and g belongs to step t; slot t of
// h and c is the state before step t. A row is an odd number of cache lines long, so that the same slot of
// successive rows never falls into the same cache set.
import { log4, madd, sigmoid4, tanh4 } from "./math";

const LINE: usize = 64;

// @ts-ignore: decorator
@inline
function rowBytes(steps: i32): usize {
  return (<usize>(steps + 1) | 1) * LINE;
}

/** Floats in the state of one tile. */
export function lstmStateTile(H: i32): i32 {
  return (2 + 4 * H) * 16;
}

/** Floats in the record of one tile over `steps` steps. */
export function lstmRecordTile(H: i32, steps: i32): i32 {
  return (2 + 12 * H) * (<i32>rowBytes(steps) >> 2);
}

/** Floats of packed weights: two layers, row pairs interleaved for broadcasting, and the output layer. */
export function lstmPackedSize(H: i32): i32 {
  return 4 * H * (3 + H) + 4 * H * (2 * H + 1) + H + 4;
}

/** Floats of packed transposed weights, for the backward pass. */
export function lstmPackedTransposedSize(H: i32): i32 {
  return 4 * H * H + 4 * H * 2 * H;
}

/** Floats of scratch for one call: z(4H rows) + dx(3H rows) + dc(2H rows) + tanh(H rows) + 4 rows. */
export function lstmScratchSize(H: i32): i32 {
  return (10 * H + 4) * 16;
}

/** Floats of the gradient accumulators: four lanes for every weight. */
export function lstmAccumulatorSize(H: i32): i32 {
  return 4 * (4 * H * (2 + H + 1) + 4 * H * (2 * H + 1) + H + 1);
}

/**
 * Packs one layer: w[K][4H] (gate g of input k at w[k·4H + g]), b[4H] → per pair of gates: b, b', (w_k, w'_k)…
 * 1 is added to the biases of the forget gates (third quarter).
 */
function packLayer(w: usize, b: usize, K: i32, H: i32, out: usize): usize {
  const G = 4 * H;
  for (let g = 0; g < G; g += 2) {
    const forget: f32 = g >= 2 * H && g < 3 * H ? 1 : 0;
    store<f32>(out, load<f32>(b + (<usize>g << 2)) + forget);
    store<f32>(out, load<f32>(b + (<usize>(g + 1) << 2)) + forget, 4);
    out += 8;
    for (let k = 0; k < K; k++, out += 8) {
      const at = w + (<usize>(k * G + g) << 2);
      store<f32>(out, load<f32>(at));
      store<f32>(out, load<f32>(at, 4), 4);
    }
  }
  return out;
}

/** Packs the inputs k0 … k0+count−1 of one layer, transposed: per pair of inputs: (w_g, w'_g) for every gate g. */
function packTransposed(w: usize, k0: i32, count: i32, H: i32, out: usize): usize {
  const G = 4 * H;
  for (let k = k0; k < k0 + count; k += 2) {
    for (let g = 0; g < G; g++, out += 8) {
      store<f32>(out, load<f32>(w + (<usize>(k * G + g) << 2)));
      store<f32>(out, load<f32>(w + (<usize>((k + 1) * G + g) << 2)), 4);
    }
  }
  return out;
}

/** φ: w1[2+H][4H] b1[4H] w2[2H][4H] b2[4H] lw[H] lb[1] → packed, packedTransposed. */
export function lstmPack(phi: usize, H: i32, packed: usize, transposed: usize): void {
  const G = 4 * H;
  const w1 = phi;
  const b1 = w1 + (<usize>((2 + H) * G) << 2);
  const w2 = b1 + (<usize>G << 2);
  const b2 = w2 + (<usize>(2 * H * G) << 2);
  const linear = b2 + (<usize>G << 2);
  let p = packLayer(w1, b1, 2 + H, H, packed);
  p = packLayer(w2, b2, 2 * H, H, p);
  memory.copy(p, linear, <usize>(H + 1) << 2);
  const q = packTransposed(w1, 2, H, H, transposed);
  packTransposed(w2, 0, 2 * H, H, q);
}

/** z[g] = b[g] + Σ_k w[k][g]·in[k] for all 4H gates of one layer and 16 coordinates. Returns the end of its weights. */
function gates(z: usize, w: usize, input: usize, K: i32, H: i32): usize {
  const span = <usize>K * LINE;
  const zEnd = z + <usize>(4 * H) * LINE;
  for (; z < zEnd; z += 2 * LINE) {
    let a0 = v128.load32_splat(w);
    let b0 = v128.load32_splat(w, 4);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let b1 = b0;
    let b2 = b0;
    let b3 = b0;
    w += 8;
    let x = input;
    const end = input + span;
    do {
      const u = v128.load32_splat(w);
      const v = v128.load32_splat(w, 4);
      let y = v128.load(x);
      a0 = madd(u, y, a0);
      b0 = madd(v, y, b0);
      y = v128.load(x, 16);
      a1 = madd(u, y, a1);
      b1 = madd(v, y, b1);
      y = v128.load(x, 32);
      a2 = madd(u, y, a2);
      b2 = madd(v, y, b2);
      y = v128.load(x, 48);
      a3 = madd(u, y, a3);
      b3 = madd(v, y, b3);
      w += 8;
      x += LINE;
    } while (x < end);
    v128.store(z, a0);
    v128.store(z, a1, 16);
    v128.store(z, a2, 32);
    v128.store(z, a3, 48);
    v128.store(z, b0, 64);
    v128.store(z, b1, 80);
    v128.store(z, b2, 96);
    v128.store(z, b3, 112);
  }
  return w;
}

// @ts-ignore: decorator
@inline
function sigmoidRows(p: usize, rows: i32): void {
  const end = p + <usize>rows * LINE;
  for (; p < end; p += 32) {
    v128.store(p, sigmoid4(v128.load(p)));
    v128.store(p, sigmoid4(v128.load(p, 16)), 16);
  }
}

// @ts-ignore: decorator
@inline
function tanhRows(from: usize, to: usize, rows: i32): void {
  const end = from + <usize>rows * LINE;
  for (; from < end; from += 32, to += 32) {
    v128.store(to, tanh4(v128.load(from)));
    v128.store(to, tanh4(v128.load(from, 16)), 16);
  }
}

/** Activates z in place, then c ← f·c + i·j, h ← o·tanh(c). `t` is scratch of H rows. */
function cell(z: usize, h: usize, c: usize, t: usize, H: i32): void {
  const rows = <usize>H * LINE;
  const j = z + rows;
  const f = j + rows;
  const o = f + rows;
  sigmoidRows(z, H);
  tanhRows(j, j, H);
  sigmoidRows(f, 2 * H);
  for (let p: usize = 0; p < rows; p += 16) {
    const cell = f32x4.mul(v128.load(f + p), v128.load(c + p));
    v128.store(c + p, madd(v128.load(z + p), v128.load(j + p), cell));
  }
  tanhRows(c, t, H);
  for (let p: usize = 0; p < rows; p += 16) {
    v128.store(h + p, f32x4.mul(v128.load(o + p), v128.load(t + p)));
  }
}

/** LogAndSign of 16 gradients into two rows. expK = e^k, threshold = e^−k, inverse = 1/k. */
function features(g: usize, x: usize, expK: f32, threshold: f32, inverse: f32): void {
  const low = f32x4.splat(threshold);
  const one = f32x4.splat(1);
  const sign = i32x4.splat(<i32>0x80000000);
  for (let p: usize = 0; p < LINE; p += 16) {
    const v = v128.load(g + p);
    const magnitude = f32x4.abs(v);
    const large = f32x4.ge(magnitude, low);
    const logarithm = f32x4.mul(log4(f32x4.pmax(low, magnitude)), f32x4.splat(inverse));
    v128.store(x + p, v128.bitselect(logarithm, f32x4.splat(-1), large));
    v128.store(
      x + p,
      v128.bitselect(v128.or(v128.and(v, sign), one), f32x4.mul(v, f32x4.splat(expK)), large),
      64,
    );
  }
}

/** Copies `rows` compact rows into one slot of as many record rows. */
// @ts-ignore: decorator
@inline
function record(from: usize, to: usize, rows: i32, stride: usize): void {
  for (let r = 0; r < rows; r++, from += LINE, to += stride) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
    v128.store(to, v128.load(from, 32), 32);
    v128.store(to, v128.load(from, 48), 48);
  }
}

/**
 * One step of one tile: state ← LSTM(features, state); the 16 values of the linear layer go to scratch (`out`).
 * `rec`: 0, or the tile's record, of which slot t (gates, features) and t+1 (state) are written.
 */
function tileForward(
  state: usize, packed: usize, H: i32, scratch: usize, out: usize, rec: usize, t: i32, stride: usize,
): void {
  const rows = <usize>H * LINE;
  const h1 = state + 2 * LINE;
  const h2 = h1 + rows;
  const c1 = h2 + rows;
  const c2 = c1 + rows;
  const z = scratch;
  const tanhC = scratch + <usize>(9 * H) * LINE;
  const slot = rec + <usize>t * LINE;
  if (rec != 0) record(state, slot, 2, stride);
  let w = gates(z, packed, state, 2 + H, H);
  cell(z, h1, c1, tanhC, H);
  if (rec != 0) record(z, slot + <usize>(2 + 4 * H) * stride, 4 * H, stride);
  w = gates(z, w, h1, 2 * H, H);
  cell(z, h2, c2, tanhC, H);
  if (rec != 0) {
    record(z, slot + <usize>(2 + 8 * H) * stride, 4 * H, stride);
    record(h1, slot + LINE + 2 * stride, 4 * H, stride);
  }
  const bias = v128.load32_splat(w + (<usize>H << 2));
  let y0 = bias;
  let y1 = bias;
  let y2 = bias;
  let y3 = bias;
  for (let h = h2; h < c1; h += LINE, w += 4) {
    const v = v128.load32_splat(w);
    y0 = madd(v, v128.load(h), y0);
    y1 = madd(v, v128.load(h, 16), y1);
    y2 = madd(v, v128.load(h, 32), y2);
    y3 = madd(v, v128.load(h, 48), y3);
  }
  v128.store(out, y0);
  v128.store(out, y1, 16);
  v128.store(out, y2, 32);
  v128.store(out, y3, 48);
}

/**
 * One optimizer step for n coordinates: w ← w + scale·linear(h2).
 * `records`: 0, or the records of all tiles, `tileRecord` floats each; at t = 0 the state is recorded first.
 */
export function lstmForward(
  w: usize, g: usize, n: i32, state: usize, packed: usize, H: i32, scratch: usize,
  expK: f32, threshold: f32, inverse: f32, scale: f32, records: usize, t: i32, steps: i32,
): void {
  const stride = rowBytes(steps);
  const tileBytes = <usize>(2 + 12 * H) * stride;
  const stateBytes = <usize>(2 + 4 * H) * LINE;
  const out = scratch + <usize>(10 * H) * LINE;
  const tail = out + LINE;
  const factor = f32x4.splat(scale);
  let rec = records;
  for (let i = 0; i < n; i += 16, g += LINE, w += LINE, state += stateBytes) {
    const whole = i + 16 <= n;
    let source = g;
    if (!whole) {
      memory.fill(tail, 0, LINE);
      memory.copy(tail, g, <usize>(n - i) << 2);
      source = tail;
    }
    if (records != 0 && t == 0) record(state + 2 * LINE, rec + 2 * stride, 4 * H, stride);
    features(source, state, expK, threshold, inverse);
    tileForward(state, packed, H, scratch, out, rec, t, stride);
    let target = w;
    if (!whole) {
      memory.copy(tail, w, <usize>(n - i) << 2);
      target = tail;
    }
    for (let p: usize = 0; p < LINE; p += 16) {
      v128.store(target + p, f32x4.add(v128.load(target + p), f32x4.mul(factor, v128.load(out + p))));
    }
    if (!whole) memory.copy(w, tail, <usize>(n - i) << 2);
    if (records != 0) rec += tileBytes;
  }
}

/** dst[k] (+)= Σ_g w[k][g]·dz[g] for pairs of inputs k; dz rows are `stride` bytes apart. */
function inputGradient(dst: usize, count: i32, w: usize, dz: usize, stride: usize, H: i32, add: bool): usize {
  const dstEnd = dst + <usize>count * LINE;
  for (; dst < dstEnd; dst += 2 * LINE) {
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let b0 = a0;
    let b1 = a0;
    let b2 = a0;
    let b3 = a0;
    if (add) {
      a0 = v128.load(dst);
      a1 = v128.load(dst, 16);
      a2 = v128.load(dst, 32);
      a3 = v128.load(dst, 48);
      b0 = v128.load(dst, 64);
      b1 = v128.load(dst, 80);
      b2 = v128.load(dst, 96);
      b3 = v128.load(dst, 112);
    }
    let x = dz;
    const end = w + (<usize>(4 * H) << 3);
    do {
      const u = v128.load32_splat(w);
      const v = v128.load32_splat(w, 4);
      let y = v128.load(x);
      a0 = madd(u, y, a0);
      b0 = madd(v, y, b0);
      y = v128.load(x, 16);
      a1 = madd(u, y, a1);
      b1 = madd(v, y, b1);
      y = v128.load(x, 32);
      a2 = madd(u, y, a2);
      b2 = madd(v, y, b2);
      y = v128.load(x, 48);
      a3 = madd(u, y, a3);
      b3 = madd(v, y, b3);
      w += 8;
      x += stride;
    } while (w < end);
    v128.store(dst, a0);
    v128.store(dst, a1, 16);
    v128.store(dst, a2, 32);
    v128.store(dst, a3, 48);
    v128.store(dst, b0, 64);
    v128.store(dst, b1, 80);
    v128.store(dst, b2, 96);
    v128.store(dst, b3, 112);
  }
  return w;
}

/**
 * Through one cell at one step: the recorded gates (rows at `g`) are replaced by dz, and dc becomes the gradient
 * of the cell before the step. dh, dc, tanhC: compact rows; c: the cell before the step, in the record.
 */
function cellBackward(
  g: usize, c: usize, stride: usize, dh: usize, dc: usize, tanhC: usize, H: i32,
): void {
  const one = f32x4.splat(1);
  const quarter = <usize>H * stride;
  for (let u = 0; u < H; u++) {
    for (let p: usize = 0; p < LINE; p += 16) {
      const dhv = v128.load(dh + p);
      const tc = v128.load(tanhC + p);
      const at = g + p;
      const o = v128.load(at + 3 * quarter);
      v128.store(
        at + 3 * quarter,
        f32x4.mul(f32x4.mul(dhv, tc), f32x4.mul(o, f32x4.sub(one, o))),
      );
      const d = f32x4.add(
        v128.load(dc + p),
        f32x4.mul(f32x4.mul(dhv, o), f32x4.sub(one, f32x4.mul(tc, tc))),
      );
      const i = v128.load(at);
      const j = v128.load(at + quarter);
      const f = v128.load(at + 2 * quarter);
      v128.store(at, f32x4.mul(f32x4.mul(d, j), f32x4.mul(i, f32x4.sub(one, i))));
      v128.store(at + quarter, f32x4.mul(f32x4.mul(d, i), f32x4.sub(one, f32x4.mul(j, j))));
      v128.store(
        at + 2 * quarter,
        f32x4.mul(f32x4.mul(d, v128.load(c + p)), f32x4.mul(f, f32x4.sub(one, f))),
      );
      v128.store(dc + p, f32x4.mul(d, f));
    }
    g += stride;
    c += stride;
    dh += LINE;
    dc += LINE;
    tanhC += LINE;
  }
}

/** tanh of one slot of H record rows into compact rows. */
// @ts-ignore: decorator
@inline
function tanhSlot(from: usize, stride: usize, to: usize, H: i32): void {
  const end = to + <usize>H * LINE;
  for (; to < end; to += LINE, from += stride) {
    v128.store(to, tanh4(v128.load(from)));
    v128.store(to, tanh4(v128.load(from, 16)), 16);
    v128.store(to, tanh4(v128.load(from, 32)), 32);
    v128.store(to, tanh4(v128.load(from, 48)), 48);
  }
}

/**
 * acc[k][g] += Σ_t,lane in[k]·dz[g] for four inputs k and all gates g, in pairs; accumulators are vectors laid out
 * [k][4H], so that the four inputs of a tile lie `4H` vectors apart.
 */
function weightGradient4(acc: usize, input: usize, dz: usize, stride: usize, steps: i32, H: i32): void {
  const bytes = <usize>steps * LINE;
  const next = <usize>(4 * H) << 4;
  for (let g = 0; g < 4 * H; g += 2) {
    let a0 = v128.load(acc);
    let b0 = v128.load(acc, 16);
    let a1 = v128.load(acc + next);
    let b1 = v128.load(acc + next, 16);
    let a2 = v128.load(acc + 2 * next);
    let b2 = v128.load(acc + 2 * next, 16);
    let a3 = v128.load(acc + 3 * next);
    let b3 = v128.load(acc + 3 * next, 16);
    let u = dz;
    let v = dz + stride;
    let x0 = input;
    let x1 = x0 + stride;
    let x2 = x1 + stride;
    let x3 = x2 + stride;
    const end = u + bytes;
    do {
      const d = v128.load(u);
      const e = v128.load(v);
      let y = v128.load(x0);
      a0 = madd(d, y, a0);
      b0 = madd(e, y, b0);
      y = v128.load(x1);
      a1 = madd(d, y, a1);
      b1 = madd(e, y, b1);
      y = v128.load(x2);
      a2 = madd(d, y, a2);
      b2 = madd(e, y, b2);
      y = v128.load(x3);
      a3 = madd(d, y, a3);
      b3 = madd(e, y, b3);
      u += 16;
      v += 16;
      x0 += 16;
      x1 += 16;
      x2 += 16;
      x3 += 16;
    } while (u < end);
    v128.store(acc, a0);
    v128.store(acc, b0, 16);
    v128.store(acc + next, a1);
    v128.store(acc + next, b1, 16);
    v128.store(acc + 2 * next, a2);
    v128.store(acc + 2 * next, b2, 16);
    v128.store(acc + 3 * next, a3);
    v128.store(acc + 3 * next, b3, 16);
    acc += 32;
    dz += 2 * stride;
  }
}

/** The same for the two feature rows, four gates at a time. */
function weightGradient2(acc: usize, input: usize, dz: usize, stride: usize, steps: i32, H: i32): void {
  const bytes = <usize>steps * LINE;
  const next = <usize>(4 * H) << 4;
  for (let g = 0; g < 4 * H; g += 4) {
    let a0 = v128.load(acc);
    let b0 = v128.load(acc, 16);
    let c0 = v128.load(acc, 32);
    let d0 = v128.load(acc, 48);
    let a1 = v128.load(acc + next);
    let b1 = v128.load(acc + next, 16);
    let c1 = v128.load(acc + next, 32);
    let d1 = v128.load(acc + next, 48);
    let p = dz;
    let q = p + stride;
    let r = q + stride;
    let s = r + stride;
    let x0 = input;
    let x1 = x0 + stride;
    const end = p + bytes;
    do {
      const u = v128.load(x0);
      const v = v128.load(x1);
      let y = v128.load(p);
      a0 = madd(u, y, a0);
      a1 = madd(v, y, a1);
      y = v128.load(q);
      b0 = madd(u, y, b0);
      b1 = madd(v, y, b1);
      y = v128.load(r);
      c0 = madd(u, y, c0);
      c1 = madd(v, y, c1);
      y = v128.load(s);
      d0 = madd(u, y, d0);
      d1 = madd(v, y, d1);
      p += 16;
      q += 16;
      r += 16;
      s += 16;
      x0 += 16;
      x1 += 16;
    } while (p < end);
    v128.store(acc, a0);
    v128.store(acc, b0, 16);
    v128.store(acc, c0, 32);
    v128.store(acc, d0, 48);
    v128.store(acc + next, a1);
    v128.store(acc + next, b1, 16);
    v128.store(acc + next, c1, 32);
    v128.store(acc + next, d1, 48);
    acc += 64;
    dz += 4 * stride;
  }
}

/** acc[g] += Σ_t,lane dz[g] */
function biasGradient(acc: usize, dz: usize, stride: usize, steps: i32, H: i32): void {
  for (let g = 0; g < 4 * H; g++, acc += 16, dz += stride) {
    let s0 = v128.load(acc);
    let s1 = f32x4.splat(0);
    const end = dz + <usize>steps * LINE;
    for (let p = dz; p < end; p += 32) {
      s0 = f32x4.add(s0, v128.load(p));
      s1 = f32x4.add(s1, v128.load(p, 16));
    }
    v128.store(acc, f32x4.add(s0, s1));
  }
}

/** Backward through all steps of one recorded tile. cotangents: [t][.] rows of 16 floats, `cotangentStride` bytes apart. */
function tileBackward(
  rec: usize, steps: i32, stride: usize, cotangents: usize, cotangentStride: usize, lanes: i32,
  linear: usize, transposed: usize, H: i32, scratch: usize, scale: f32, acc: usize,
): void {
  const rows = <usize>H * LINE;
  const dh1 = scratch + 4 * rows;
  const dh2 = dh1 + rows;
  const dc1 = scratch + 7 * rows;
  const dc2 = dc1 + rows;
  const tanhC = scratch + 9 * rows;
  const dy = scratch + 10 * rows;
  const recH1 = rec + 2 * stride;
  const recH2 = recH1 + <usize>H * stride;
  const recC1 = recH2 + <usize>H * stride;
  const recC2 = recC1 + <usize>H * stride;
  const recG1 = recC2 + <usize>H * stride;
  const recG2 = recG1 + <usize>(4 * H) * stride;
  const accB1 = acc + (<usize>((2 + H) * 4 * H) << 4);
  const accW2 = accB1 + (<usize>(4 * H) << 4);
  const accB2 = accW2 + (<usize>(2 * H * 4 * H) << 4);
  const accL = accB2 + (<usize>(4 * H) << 4);
  const transposed2 = transposed + (<usize>(4 * H * H) << 2);
  const factor = f32x4.splat(scale);
  memory.fill(dh1, 0, 2 * rows);
  memory.fill(dc1, 0, 2 * rows);
  memory.fill(dy, 0, LINE);
  for (let t = steps - 1; t >= 0; t--) {
    const slot = <usize>t * LINE;
    // output layer
    memory.copy(dy, cotangents + <usize>t * cotangentStride, <usize>lanes << 2);
    let bias = v128.load(accL + (<usize>H << 4));
    for (let p: usize = 0; p < LINE; p += 16) {
      const d = f32x4.mul(factor, v128.load(dy + p));
      v128.store(dy + p, d);
      bias = f32x4.add(bias, d);
    }
    v128.store(accL + (<usize>H << 4), bias);
    const d0 = v128.load(dy);
    const d1 = v128.load(dy, 16);
    const d2 = v128.load(dy, 32);
    const d3 = v128.load(dy, 48);
    let h = recH2 + slot + LINE;
    let dh = dh2;
    for (let u = 0; u < H; u++, h += stride, dh += LINE) {
      const w = v128.load32_splat(linear + (<usize>u << 2));
      v128.store(dh, madd(w, d0, v128.load(dh)));
      v128.store(dh, madd(w, d1, v128.load(dh, 16)), 16);
      v128.store(dh, madd(w, d2, v128.load(dh, 32)), 32);
      v128.store(dh, madd(w, d3, v128.load(dh, 48)), 48);
      const at = accL + (<usize>u << 4);
      let sum = madd(d0, v128.load(h), v128.load(at));
      sum = madd(d1, v128.load(h, 16), sum);
      sum = madd(d2, v128.load(h, 32), sum);
      sum = madd(d3, v128.load(h, 48), sum);
      v128.store(at, sum);
    }
    // second layer: its input gradient goes to h1 of this step and h2 of the step before
    tanhSlot(recC2 + slot + LINE, stride, tanhC, H);
    cellBackward(recG2 + slot, recC2 + slot, stride, dh2, dc2, tanhC, H);
    const middle = inputGradient(dh1, H, transposed2, recG2 + slot, stride, H, true);
    inputGradient(dh2, H, middle, recG2 + slot, stride, H, false);
    // first layer: the features are constants
    tanhSlot(recC1 + slot + LINE, stride, tanhC, H);
    cellBackward(recG1 + slot, recC1 + slot, stride, dh1, dc1, tanhC, H);
    inputGradient(dh1, H, transposed, recG1 + slot, stride, H, false);
  }
  // weight gradients: one long dot product over all steps for every weight
  const inputs4 = (<usize>(4 * 4 * H)) << 4;
  weightGradient2(acc, rec, recG1, stride, steps, H);
  let at = acc + (<usize>(2 * 4 * H) << 4);
  for (let k = 0; k < H; k += 4, at += inputs4) {
    weightGradient4(at, recH1 + <usize>k * stride, recG1, stride, steps, H);
  }
  biasGradient(accB1, recG1, stride, steps, H);
  at = accW2;
  for (let k = 0; k < H; k += 4, at += inputs4) {
    weightGradient4(at, recH1 + LINE + <usize>k * stride, recG2, stride, steps, H);
  }
  for (let k = 0; k < H; k += 4, at += inputs4) {
    weightGradient4(at, recH2 + <usize>k * stride, recG2, stride, steps, H);
  }
  biasGradient(accB2, recG2, stride, steps, H);
}

/**
 * Backward through a window from stored records. cotangents[t][n]: ∂(meta-loss)/∂u_t, rows n floats apart.
 * The records are used up. Adds to `acc` (lstmAccumulatorSize floats).
 */
export function lstmBackward(
  n: i32, steps: i32, records: usize, cotangents: usize, packed: usize, transposed: usize, H: i32,
  scratch: usize, scale: f32, acc: usize,
): void {
  const stride = rowBytes(steps);
  const tileBytes = <usize>(2 + 12 * H) * stride;
  const linear = packed + (<usize>(4 * H * (3 + H) + 4 * H * (2 * H + 1)) << 2);
  const rowStride = <usize>n << 2;
  for (let i = 0; i < n; i += 16, records += tileBytes, cotangents += LINE) {
    const lanes = min(16, n - i);
    tileBackward(records, steps, stride, cotangents, rowStride, lanes, linear, transposed, H, scratch, scale, acc);
  }
}

/**
 * The same without records: every tile's steps are run again from the state at the start of the window, into a
 * record of one tile. `state` (start of the window) is used up; gradients[t][n] are the inputs of the window.
 */
export function lstmBackwardRecompute(
  n: i32, steps: i32, state: usize, gradients: usize, cotangents: usize, packed: usize, transposed: usize, H: i32,
  scratch: usize, rec: usize, expK: f32, threshold: f32, inverse: f32, scale: f32, acc: usize,
): void {
  const stride = rowBytes(steps);
  const stateBytes = <usize>(2 + 4 * H) * LINE;
  const linear = packed + (<usize>(4 * H * (3 + H) + 4 * H * (2 * H + 1)) << 2);
  const rowStride = <usize>n << 2;
  const out = scratch + <usize>(10 * H) * LINE;
  const tail = out + LINE;
  for (let i = 0; i < n; i += 16, state += stateBytes, gradients += LINE, cotangents += LINE) {
    const lanes = min(16, n - i);
    record(state + 2 * LINE, rec + 2 * stride, 4 * H, stride);
    for (let t = 0; t < steps; t++) {
      memory.fill(tail, 0, LINE);
      memory.copy(tail, gradients + <usize>t * rowStride, <usize>lanes << 2);
      features(tail, state, expK, threshold, inverse);
      tileForward(state, packed, H, scratch, out, rec, t, stride);
    }
    tileBackward(rec, steps, stride, cotangents, rowStride, lanes, linear, transposed, H, scratch, scale, acc);
  }
}

/** gradient[i] ← sum of the four lanes of accumulator i, in φ's order. */
export function lstmReduce(acc: usize, count: i32, gradient: usize): void {
  const end = gradient + (<usize>count << 2);
  for (; gradient < end; gradient += 4, acc += 16) {
    const v = v128.load(acc);
    store<f32>(
      gradient,
      f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3)),
    );
  }
}
