//! The coordinate-wise LSTM optimizer on tiles of 16 coordinates;
//! packed weights come in groups of `tile.rows`, the shape of this target's micro-tile.
const simd = @import("simd.zig");
const F = simd.F;
const tile = simd.tile;
const all = simd.all;
const madd = simd.madd;

inline fn row(p: [*]const f32) F {
    return simd.load(16, p);
}

inline fn put(p: [*]f32, v: F) void {
    simd.store(16, p, v);
}

/// Floats from one row of a record to the next: an odd number of cache lines.
inline fn rowStride(steps: usize) usize {
    return ((steps + 1) | 1) * 16;
}

pub fn lstmStateTile(H: usize) callconv(.c) usize {
    return (2 + 4 * H) * 16;
}

pub fn lstmRecordTile(H: usize, steps: usize) callconv(.c) usize {
    return (2 + 12 * H) * rowStride(steps);
}

pub fn lstmPackedSize(H: usize) callconv(.c) usize {
    return 4 * H * (3 + H) + 4 * H * (2 * H + 1) + H + 4;
}

pub fn lstmPackedTransposedSize(H: usize) callconv(.c) usize {
    return 12 * H * H;
}

pub fn lstmScratchSize(H: usize) callconv(.c) usize {
    return (10 * H + 4) * 16;
}

pub fn lstmAccumulatorSize(H: usize) callconv(.c) usize {
    return 4 * (4 * H * (2 + H + 1) + 4 * H * (2 * H + 1) + H + 1);
}

/// Calls body.run(width, …) for as many groups of `tile.rows` as fit into `count`, then for the rest.
inline fn byRows(count: usize, context: anytype) void {
    var left = count;
    while (left >= tile.rows) : (left -= tile.rows) context.run(tile.rows);
    switch (left) {
        inline 1...tile.rows - 1 => |rest| context.run(rest),
        else => {},
    }
}

/// w[K][4H], b[4H] → per group of gates: their biases, then their weights for every input.
fn packLayer(w: [*]const f32, b: [*]const f32, K: usize, H: usize, out: [*]f32) [*]f32 {
    const G = 4 * H;
    var to = out;
    var g: usize = 0;
    while (g < G) {
        const R = @min(tile.rows, G - g);
        for (g..g + R) |i| to[i - g] = b[i] + @as(f32, if (i >= 2 * H and i < 3 * H) 1 else 0);
        to += R;
        for (0..K) |k| {
            for (0..R) |i| to[i] = w[k * G + g + i];
            to += R;
        }
        g += R;
    }
    return to;
}

/// The inputs k0 … k0+count−1 of one layer, transposed: per group of inputs, their weights for every gate.
fn packTransposed(w: [*]const f32, k0: usize, count: usize, H: usize, out: [*]f32) [*]f32 {
    const G = 4 * H;
    var to = out;
    var k: usize = 0;
    while (k < count) {
        const R = @min(tile.rows, count - k);
        for (0..G) |g| {
            for (0..R) |i| to[i] = w[(k0 + k + i) * G + g];
            to += R;
        }
        k += R;
    }
    return to;
}

/// φ: w1[2+H][4H] b1[4H] w2[2H][4H] b2[4H] lw[H] lb[1] → packed, packedTransposed.
pub fn lstmPack(phi: [*]const f32, H: usize, packed_: [*]f32, transposed: [*]f32) callconv(.c) void {
    const G = 4 * H;
    const b1 = phi + (2 + H) * G;
    const w2 = b1 + G;
    const b2 = w2 + 2 * H * G;
    const linear = b2 + G;
    const p = packLayer(w2, b2, 2 * H, H, packLayer(phi, b1, 2 + H, H, packed_));
    for (0..H + 1) |i| p[i] = linear[i];
    // layer 2 in two halves, for its two inputs
    const q = packTransposed(w2, 0, H, H, packTransposed(phi, 2, H, H, transposed));
    _ = packTransposed(w2, H, H, H, q);
}

/// z[g] = b[g] + Σ_k w[k][g]·in[k] for all 4H gates of one layer. Returns the end of its weights.
fn gates(z: [*]f32, w: [*]const f32, in: [*]const f32, K: usize, H: usize) [*]const f32 {
    const Group = struct {
        z: [*]f32,
        w: [*]const f32,
        in: [*]const f32,
        K: usize,

        inline fn run(self: *@This(), comptime R: usize) void {
            var sums: [R]F = undefined;
            inline for (0..R) |r| sums[r] = all(self.w[r]);
            var w_ = self.w + R;
            for (0..self.K) |k| {
                const x = row(self.in + 16 * k);
                inline for (0..R) |r| sums[r] = madd(all(w_[r]), x, sums[r]);
                w_ += R;
            }
            inline for (0..R) |r| put(self.z + 16 * r, sums[r]);
            self.z += 16 * R;
            self.w = w_;
        }
    };
    var group: Group = .{ .z = z, .w = w, .in = in, .K = K };
    byRows(4 * H, &group);
    return group.w;
}

inline fn sigmoidRows(p: [*]f32, rows: usize) void {
    for (0..rows) |r| put(p + 16 * r, simd.sigmoid(row(p + 16 * r)));
}

inline fn tanhRows(from: [*]const f32, stride: usize, to: [*]f32, rows: usize) void {
    for (0..rows) |r| put(to + 16 * r, simd.tanh(row(from + stride * r)));
}

/// Activates z in place, then c ← f·c + i·j, h ← o·tanh(c). `t` is scratch of H rows.
fn cell(z: [*]f32, h: [*]f32, c: [*]f32, t: [*]f32, H: usize) void {
    const n = 16 * H;
    sigmoidRows(z, H);
    tanhRows(z + n, 16, z + n, H);
    sigmoidRows(z + 2 * n, 2 * H);
    for (0..H) |u| {
        const p = z + 16 * u;
        const kept = row(p + 2 * n) * row(c + 16 * u);
        put(c + 16 * u, madd(row(p), row(p + n), kept));
    }
    tanhRows(c, 16, t, H);
    for (0..H) |u| put(h + 16 * u, row(z + 3 * n + 16 * u) * row(t + 16 * u));
}

/// Copies compact rows into one slot of as many record rows: past the caches, which will have lost them when they are read.
inline fn record(from: [*]const f32, to: [*]f32, rows: usize, stride: usize) void {
    for (0..rows) |r| simd.stream(to + stride * r, row(from + 16 * r));
}

/// One step of one tile: state ← LSTM(features, state); returns the output of the linear layer.
/// Of `rec`, slot t (gates, features) and t+1 (state) are written.
fn tileForward(state: [*]f32, weights: [*]const f32, H: usize, scratch: [*]f32, rec: ?[*]f32, t: usize, stride: usize) F {
    const n = 16 * H;
    const h1 = state + 32;
    const h2 = h1 + n;
    const c1 = h2 + n;
    const c2 = c1 + n;
    const z = scratch;
    const tanhC = scratch + 9 * n;
    if (rec) |r| record(state, r + 16 * t, 2, stride);
    var w = gates(z, weights, state, 2 + H, H);
    cell(z, h1, c1, tanhC, H);
    if (rec) |r| record(z, r + 16 * t + (2 + 4 * H) * stride, 4 * H, stride);
    w = gates(z, w, h1, 2 * H, H);
    cell(z, h2, c2, tanhC, H);
    if (rec) |r| {
        record(z, r + 16 * t + (2 + 8 * H) * stride, 4 * H, stride);
        record(h1, r + 16 * (t + 1) + 2 * stride, 4 * H, stride);
    }
    var y = all(w[H]);
    for (0..H) |u| y = madd(all(w[u]), row(h2 + 16 * u), y);
    return y;
}

/// The first `count` of 16 floats, then zeros.
fn partial(p: [*]const f32, count: usize) F {
    var v: [16]f32 = @splat(0);
    for (0..count) |i| v[i] = p[i];
    return v;
}

/// Tiles of one task. Tasks may run on any thread; what they sum is added in their order.
const chunk = 64;
const largestH = 256;

extern fn poolRun(count: usize, context: *anyopaque, job: *const fn (*anyopaque, usize) callconv(.c) void) void;

inline fn chunks(n: usize) usize {
    return (n + 16 * chunk - 1) / (16 * chunk);
}

const Forward = struct {
    w: [*]f32,
    g: [*]const f32,
    n: usize,
    state: [*]f32,
    weights: [*]const f32,
    H: usize,
    expK: f32,
    threshold: f32,
    inverse: f32,
    scale: f32,
    records: ?[*]f32,
    t: usize,
    steps: usize,
    scratch: [*]f32,

    /// The coordinates from `from` to `to`.
    fn range(self: *const Forward, from: usize, to: usize, scratch: [*]f32) void {
        const stride = rowStride(self.steps);
        const first = from / 16;
        var at = self.state + first * lstmStateTile(self.H);
        var rec = if (self.records) |r| r + first * lstmRecordTile(self.H, self.steps) else null;
        var i = from;
        while (i < to) : (i += 16) {
            const count = @min(16, self.n - i);
            if (self.t == 0) {
                if (rec) |r| record(at + 32, r + 2 * stride, 4 * self.H, stride);
            }
            const g = if (count == 16) row(self.g + i) else partial(self.g + i, count);
            const x = simd.logAndSign(g, self.expK, self.threshold, self.inverse);
            put(at, x[0]);
            put(at + 16, x[1]);
            const u = tileForward(at, self.weights, self.H, scratch, rec, self.t, stride) * all(self.scale);
            const w = self.w + i;
            if (count == 16) put(w, row(w) + u) else {
                const sum: [16]f32 = partial(w, count) + u;
                for (0..count) |l| w[l] = sum[l];
            }
            at += lstmStateTile(self.H);
            if (rec) |r| rec = r + lstmRecordTile(self.H, self.steps);
        }
    }

    fn task(context: *anyopaque, index: usize) callconv(.c) void {
        const self: *const Forward = @ptrCast(@alignCast(context));
        var own: [if (simd.threads) (10 * largestH + 4) * 16 else 1]f32 align(64) = undefined;
        const from = index * 16 * chunk;
        self.range(from, @min(self.n, from + 16 * chunk), if (simd.threads) &own else self.scratch);
    }
};

/// One optimizer step for n coordinates: w ← w + scale·linear(h2).
/// `records`: null, or the records of all tiles; at t = 0 the state is recorded first.
pub fn lstmForward(
    w: [*]f32, g: [*]const f32, n: usize, state: [*]f32, weights: [*]const f32, H: usize, scratch: [*]f32,
    expK: f32, threshold: f32, inverse: f32, scale: f32, records: ?[*]f32, t: usize, steps: usize,
) callconv(.c) void {
    const job: Forward = .{
        .w = w, .g = g, .n = n, .state = state, .weights = weights, .H = H, .expK = expK, .threshold = threshold,
        .inverse = inverse, .scale = scale, .records = records, .t = t, .steps = steps, .scratch = scratch,
    };
    job.range(0, n, scratch);
}

/// The same on the pool's threads.
pub fn lstmForwardPool(
    w: [*]f32, g: [*]const f32, n: usize, state: [*]f32, weights: [*]const f32, H: usize, scratch: [*]f32,
    expK: f32, threshold: f32, inverse: f32, scale: f32, records: ?[*]f32, t: usize, steps: usize,
) callconv(.c) void {
    var job: Forward = .{
        .w = w, .g = g, .n = n, .state = state, .weights = weights, .H = H, .expK = expK, .threshold = threshold,
        .inverse = inverse, .scale = scale, .records = records, .t = t, .steps = steps, .scratch = scratch,
    };
    poolRun(chunks(n), &job, Forward.task);
}

/// dst[k] (+)= Σ_g w[k][g]·dz[g] for H inputs k. Returns the end of their weights.
fn inputGradient(comptime add: bool, dst: [*]f32, w: [*]const f32, dz: [*]const f32, stride: usize, H: usize) [*]const f32 {
    const Group = struct {
        dst: [*]f32,
        w: [*]const f32,
        dz: [*]const f32,
        stride: usize,
        G: usize,

        inline fn run(self: *@This(), comptime R: usize) void {
            var sums: [R]F = undefined;
            inline for (0..R) |r| sums[r] = if (add) row(self.dst + 16 * r) else all(0);
            var w_ = self.w;
            for (0..self.G) |g| {
                const x = row(self.dz + self.stride * g);
                inline for (0..R) |r| sums[r] = madd(all(w_[r]), x, sums[r]);
                w_ += R;
            }
            inline for (0..R) |r| put(self.dst + 16 * r, sums[r]);
            self.dst += 16 * R;
            self.w = w_;
        }
    };
    var group: Group = .{ .dst = dst, .w = w, .dz = dz, .stride = stride, .G = 4 * H };
    byRows(H, &group);
    return group.w;
}

/// Through one cell at one step: the recorded gates are replaced by dz, and dc becomes the gradient of the cell
/// before the step.
fn cellBackward(g: [*]f32, c: [*]const f32, stride: usize, dh: [*]const f32, dc: [*]f32, tanhC: [*]const f32, H: usize, ahead: *[*]const f32) void {
    const one = all(1);
    const quarter = H * stride;
    for (0..H) |u| {
        simd.prefetch(ahead.*, 7);
        ahead.* += 7 * 16;
        const at = g + stride * u;
        const dhv = row(dh + 16 * u);
        const tc = row(tanhC + 16 * u);
        const o = row(at + 3 * quarter);
        put(at + 3 * quarter, dhv * tc * (o * (one - o)));
        const d = row(dc + 16 * u) + dhv * o * (one - tc * tc);
        const i = row(at);
        const j = row(at + quarter);
        const f = row(at + 2 * quarter);
        put(at, d * j * (i * (one - i)));
        put(at + quarter, d * i * (one - j * j));
        put(at + 2 * quarter, d * row(c + stride * u) * (f * (one - f)));
        put(dc + 16 * u, d * f);
    }
}

// Dot products are sums of eight lanes on every target, added sixteen floats of a row at a time in two steps; the eight
// fold into the four of an accumulator as q0 + q1.
const width = simd.sum_width;
const Part = simd.Vec(width);
const parts = 8 / width;
const Q = simd.Q;

/// acc[k][g] += Σ_t,lane in[k]·dz[g] for K inputs and G gates, `next` floats from one input's accumulators to the next.
inline fn dotTile(comptime K: usize, comptime G: usize, acc: [*]f32, next: usize, in: [*]const f32, dz: [*]const f32, stride: usize, steps: usize) void {
    @setEvalBranchQuota(10_000);
    if (simd.pairs) return dotPairs(K, G, acc, next, in, dz, stride, steps);
    var sums: [parts][K][G]Part = undefined;
    for (0..parts) |part| {
        var c: [K][G]Part = @splat(@splat(@splat(0)));
        var x = in + part * width;
        var d = dz + part * width;
        for (0..2 * steps) |_| {
            var v: [K]Part = undefined;
            inline for (0..K) |k| v[k] = simd.load(width, x + stride * k);
            inline for (0..G) |g| {
                const e = simd.load(width, d + stride * g);
                inline for (0..K) |k| c[k][g] = madd(v[k], e, c[k][g]);
            }
            x += 8;
            d += 8;
        }
        sums[part] = c;
    }
    inline for (0..K) |k| {
        inline for (0..G / 2) |g| {
            const at = acc + next * k + 8 * g;
            if (width == 4) {
                simd.store(4, at, simd.load(4, at) + (sums[0][k][2 * g] + sums[1][k][2 * g]));
                simd.store(4, at + 4, simd.load(4, at + 4) + (sums[0][k][2 * g + 1] + sums[1][k][2 * g + 1]));
            } else addPair(at, simd.join(sums[0][k][2 * g], sums[0][k][2 * g + 1]));
        }
    }
}

/// The same with the sums of two gates in one vector of sixteen lanes.
inline fn dotPairs(comptime K: usize, comptime G: usize, acc: [*]f32, next: usize, in: [*]const f32, dz: [*]const f32, stride: usize, steps: usize) void {
    var c: [K][G / 2]F = @splat(@splat(all(0)));
    var x = in;
    var d = dz;
    for (0..2 * steps) |_| {
        var v: [K]F = undefined;
        inline for (0..K) |k| v[k] = simd.twice(simd.load(8, x + stride * k));
        inline for (0..G / 2) |g| {
            const e = simd.join(simd.load(8, d + stride * 2 * g), simd.load(8, d + stride * (2 * g + 1)));
            inline for (0..K) |k| c[k][g] = madd(v[k], e, c[k][g]);
        }
        x += 8;
        d += 8;
    }
    inline for (0..K) |k| {
        inline for (0..G / 2) |g| addPair(acc + next * k + 8 * g, c[k][g]);
    }
}

/// acc[0 … 3] += q0 + q1, acc[4 … 7] += q2 + q3
inline fn addPair(acc: [*]f32, v: F) void {
    const even = @shuffle(f32, v, undefined, [8]i32{ 0, 1, 2, 3, 8, 9, 10, 11 });
    const odd = @shuffle(f32, v, undefined, [8]i32{ 4, 5, 6, 7, 12, 13, 14, 15 });
    simd.store(8, acc, simd.load(8, acc) + (even + odd));
}

/// acc[k][g] += Σ_t,lane in[k]·dz[g] for `count` inputs and all gates; accumulators are laid out [k][4H], four lanes each.
/// A block of inputs stays in the first-level cache while the gates pass by.
fn weightGradient(acc: [*]f32, in: [*]const f32, count: usize, dz: [*]const f32, stride: usize, steps: usize, H: usize) void {
    const next = 16 * H;
    const K = tile.dot[0];
    const G = tile.dot[1];
    var first: usize = 0;
    while (first < count) : (first += tile.block) {
        const end = @min(count, first + tile.block);
        var g: usize = 0;
        while (g < 4 * H) : (g += G) {
            const d = dz + stride * g;
            const to = acc + 4 * g;
            var k = first;
            while (k + K <= end) : (k += K) dotTile(K, G, to + next * k, next, in + stride * k, d, stride, steps);
            while (k + 2 <= end) : (k += 2) dotTile(2, G, to + next * k, next, in + stride * k, d, stride, steps);
            while (k < end) : (k += 1) dotTile(1, G, to + next * k, next, in + stride * k, d, stride, steps);
        }
    }
}

/// acc[g] += Σ_t,lane dz[g]
fn biasGradient(acc: [*]f32, dz: [*]const f32, stride: usize, steps: usize, H: usize) void {
    for (0..4 * H) |g| {
        var sum = all(0);
        for (0..steps) |t| sum += row(dz + stride * g + 16 * t);
        addQuarters(acc + 4 * g, sum);
    }
}

inline fn addQuarters(acc: [*]f32, v: F) void {
    const sum = (simd.quarter(v, 0) + simd.quarter(v, 2)) + (simd.quarter(v, 1) + simd.quarter(v, 3));
    simd.store(4, acc, simd.load(4, acc) + sum);
}

/// Backward through all steps of one recorded tile.
fn tileBackward(
    rec: [*]f32, steps: usize, stride: usize, cotangents: [*]const f32, cotangentStride: usize, count: usize,
    linear: [*]const f32, transposed: [*]const f32, H: usize, scratch: [*]f32, scale: f32, acc: [*]f32,
) void {
    const n = 16 * H;
    const dh1 = scratch + 4 * n;
    const dh2 = dh1 + n;
    const dc1 = scratch + 7 * n;
    const dc2 = dc1 + n;
    const tanhC = scratch + 9 * n;
    const recH1 = rec + 2 * stride;
    const recH2 = recH1 + H * stride;
    const recC1 = recH2 + H * stride;
    const recC2 = recC1 + H * stride;
    const recG1 = recC2 + H * stride;
    const recG2 = recG1 + 4 * H * stride;
    const accB1 = acc + (2 + H) * n;
    const accW2 = accB1 + n;
    const accB2 = accW2 + 2 * H * n;
    const accL = accB2 + n;
    for (0..2 * H) |u| {
        put(dh1 + 16 * u, all(0));
        put(dc1 + 16 * u, all(0));
    }
    // the next tile's record comes into the second-level cache meanwhile
    var ahead: [*]const f32 = rec + lstmRecordTile(H, steps);
    var t = steps;
    while (t > 0) {
        t -= 1;
        const slot = 16 * t;
        const cotangent = cotangents + t * cotangentStride;
        const d = all(scale) * (if (count == 16) row(cotangent) else partial(cotangent, count));
        addQuarters(accL + 4 * H, d);
        for (0..H) |u| {
            put(dh2 + 16 * u, madd(all(linear[u]), d, row(dh2 + 16 * u)));
            addQuarters(accL + 4 * u, d * row(recH2 + slot + 16 + stride * u));
        }
        // second layer: its input gradient goes to h1 of this step and h2 of the step before
        tanhRows(recC2 + slot + 16, stride, tanhC, H);
        cellBackward(recG2 + slot, recC2 + slot, stride, dh2, dc2, tanhC, H, &ahead);
        const middle = inputGradient(true, dh1, transposed + 4 * H * H, recG2 + slot, stride, H);
        _ = inputGradient(false, dh2, middle, recG2 + slot, stride, H);
        // first layer: the features are constants
        tanhRows(recC1 + slot + 16, stride, tanhC, H);
        cellBackward(recG1 + slot, recC1 + slot, stride, dh1, dc1, tanhC, H, &ahead);
        _ = inputGradient(false, dh1, transposed, recG1 + slot, stride, H);
    }
    // weight gradients: one long dot product over all steps for every weight
    weightGradient(acc, rec, 2 + H, recG1, stride, steps, H);
    biasGradient(accB1, recG1, stride, steps, H);
    weightGradient(accW2, recH1 + 16, H, recG2, stride, steps, H);
    weightGradient(accW2 + H * n, recH2, H, recG2, stride, steps, H);
    biasGradient(accB2, recG2, stride, steps, H);
}

const Backward = struct {
    n: usize,
    steps: usize,
    records: [*]f32,
    cotangents: [*]const f32,
    linear: [*]const f32,
    transposed: [*]const f32,
    H: usize,
    scale: f32,
    acc: [*]f32,
    scratch: [*]f32,

    fn range(self: *const Backward, from: usize, to: usize, scratch: [*]f32, acc: [*]f32) void {
        const tileFloats = lstmRecordTile(self.H, self.steps);
        var rec = self.records + from / 16 * tileFloats;
        var i = from;
        while (i < to) : (i += 16) {
            tileBackward(rec, self.steps, rowStride(self.steps), self.cotangents + i, self.n, @min(16, self.n - i), self.linear, self.transposed, self.H, scratch, self.scale, acc);
            rec += tileFloats;
        }
    }

    fn task(context: *anyopaque, index: usize) callconv(.c) void {
        const self: *const Backward = @ptrCast(@alignCast(context));
        var scratch: [if (simd.threads) (10 * largestH + 4) * 16 else 1]f32 align(64) = undefined;
        const size = lstmAccumulatorSize(self.H);
        const own = self.acc + (1 + index) * size;
        @memset(own[0..size], 0);
        const from = index * 16 * chunk;
        self.range(from, @min(self.n, from + 16 * chunk), if (simd.threads) &scratch else self.scratch, own);
    }
};

/// Backward through a window from stored records. cotangents[t][n]: ∂(meta-loss)/∂u_t. The records are used up.
pub fn lstmBackward(
    n: usize, steps: usize, records: [*]f32, cotangents: [*]const f32, weights: [*]const f32, transposed: [*]const f32,
    H: usize, scratch: [*]f32, scale: f32, acc: [*]f32,
) callconv(.c) void {
    const linear = weights + 4 * H * (3 + H) + 4 * H * (2 * H + 1);
    const job: Backward = .{
        .n = n, .steps = steps, .records = records, .cotangents = cotangents, .linear = linear, .transposed = transposed,
        .H = H, .scale = scale, .acc = acc, .scratch = scratch,
    };
    job.range(0, n, scratch, acc);
}

/// The same on the pool's threads: every chunk of tiles has accumulators of its own, behind `acc`, which are added in
/// order. The bits do not depend on the number of threads.
pub fn lstmBackwardPool(
    n: usize, steps: usize, records: [*]f32, cotangents: [*]const f32, weights: [*]const f32, transposed: [*]const f32,
    H: usize, scratch: [*]f32, scale: f32, acc: [*]f32,
) callconv(.c) void {
    const linear = weights + 4 * H * (3 + H) + 4 * H * (2 * H + 1);
    var job: Backward = .{
        .n = n, .steps = steps, .records = records, .cotangents = cotangents, .linear = linear, .transposed = transposed,
        .H = H, .scale = scale, .acc = acc, .scratch = scratch,
    };
    poolRun(chunks(n), &job, Backward.task);
    const size = lstmAccumulatorSize(H);
    for (1..chunks(n) + 1) |c| {
        const from = acc + c * size;
        var i: usize = 0;
        while (i < size) : (i += 4) simd.store(4, acc + i, simd.load(4, acc + i) + simd.load(4, from + i));
    }
}

/// The same without records: every tile's steps are run again from the state at the start of the window, into a record
/// of one tile. `state` (start of the window) is used up; gradients[t][n] are the inputs of the window.
pub fn lstmBackwardRecompute(
    n: usize, steps: usize, state: [*]f32, gradients: [*]const f32, cotangents: [*]const f32, weights: [*]const f32,
    transposed: [*]const f32, H: usize, scratch: [*]f32, rec: [*]f32, expK: f32, threshold: f32, inverse: f32, scale: f32,
    acc: [*]f32,
) callconv(.c) void {
    const stride = rowStride(steps);
    const linear = weights + 4 * H * (3 + H) + 4 * H * (2 * H + 1);
    var at = state;
    var i: usize = 0;
    while (i < n) : (i += 16) {
        const count = @min(16, n - i);
        record(at + 32, rec + 2 * stride, 4 * H, stride);
        for (0..steps) |t| {
            const x = simd.logAndSign(partial(gradients + t * n + i, count), expK, threshold, inverse);
            put(at, x[0]);
            put(at + 16, x[1]);
            _ = tileForward(at, weights, H, scratch, rec, t, stride);
        }
        tileBackward(rec, steps, stride, cotangents + i, n, count, linear, transposed, H, scratch, scale, acc);
        at += lstmStateTile(H);
    }
}

/// gradient[i] ← sum of the four lanes of accumulator i, in φ's order.
pub fn lstmReduce(acc: [*]const f32, count: usize, gradient: [*]f32) callconv(.c) void {
    for (0..count) |i| gradient[i] = (acc[4 * i] + acc[4 * i + 1]) + (acc[4 * i + 2] + acc[4 * i + 3]);
}
