//! Rows of a tile: one unit of 16 coordinates is a row, a cache line. What both layers of the LSTM optimizer do with them.
const simd = @import("simd.zig");
const F = simd.F;
const tile = simd.tile;
const all = simd.all;
const madd = simd.madd;

pub inline fn row(p: [*]const f32) F {
    return simd.load(16, p);
}

pub inline fn put(p: [*]f32, v: F) void {
    simd.store(16, p, v);
}

/// The first `count` of 16 floats, then zeros.
pub inline fn partial(p: [*]const f32, count: usize) F {
    if (count == 16) return row(p);
    return head(p, count);
}

fn head(p: [*]const f32, count: usize) F {
    var v: [16]f32 = @splat(0);
    for (0..count) |i| v[i] = p[i];
    return v;
}

/// Floats from one row of a record to the next: an odd number of cache lines, so that the same slot of successive rows
/// never falls into the same cache set.
pub inline fn rowStride(steps: usize) usize {
    return ((steps + 1) | 1) * 16;
}

/// Calls body.run(width) for as many groups of `tile.gates` as fit into `count`, then for the rest.
inline fn byRows(count: usize, body: anytype) void {
    var left = count;
    while (left >= tile.gates) : (left -= tile.gates) body.run(tile.gates);
    switch (left) {
        inline 1...tile.gates - 1 => |rest| body.run(rest),
        else => {},
    }
}

/// w[K][4H], b[4H] → per group of gates: their biases (1 more for the forget gates), then their weights for every input.
/// Returns the end of what it wrote.
pub fn packGates(w: [*]const f32, b: [*]const f32, K: usize, H: usize, out: [*]f32) [*]f32 {
    const G = 4 * H;
    var to = out;
    var g: usize = 0;
    while (g < G) {
        const R = @min(tile.gates, G - g);
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

/// `count` inputs of one layer, transposed: per group of inputs, their weights for every gate.
pub fn packTransposed(w: [*]const f32, count: usize, H: usize, out: [*]f32) [*]f32 {
    const G = 4 * H;
    var to = out;
    var k: usize = 0;
    while (k < count) {
        const R = @min(tile.gates, count - k);
        for (0..G) |g| {
            for (0..R) |i| to[i] = w[(k + i) * G + g];
            to += R;
        }
        k += R;
    }
    return to;
}

/// z[g] = b[g] + Σ_k w[k][g]·in[k] for all 4H gates of one layer. Returns the end of its weights.
pub fn gates(z: [*]f32, w: [*]const f32, in: [*]const f32, K: usize, H: usize) [*]const f32 {
    const Group = struct {
        z: [*]f32,
        w: [*]const f32,
        in: [*]const f32,
        K: usize,

        inline fn run(self: *@This(), comptime R: usize) void {
            @setEvalBranchQuota(10_000);
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

/// dst[k] (+)= Σ_g w[k][g]·dz[g] for H inputs k. Returns the end of their weights.
pub fn inputGradient(comptime add: bool, dst: [*]f32, w: [*]const f32, dz: [*]const f32, stride: usize, H: usize) [*]const f32 {
    const Group = struct {
        dst: [*]f32,
        w: [*]const f32,
        dz: [*]const f32,
        stride: usize,
        G: usize,

        inline fn run(self: *@This(), comptime R: usize) void {
            @setEvalBranchQuota(10_000);
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

/// Where a step is recorded: rows `stride` floats apart; `past`: past the caches, which will have lost it when it is read.
pub const Record = struct {
    at: [*]f32,
    stride: usize,
    past: bool,

    pub inline fn put(self: *const Record, index: usize, v: F) void {
        const to = self.at + self.stride * index;
        if (self.past) simd.stream(to, v) else simd.store(16, to, v);
    }
};

/// Activates rows of z in place, from `first` on, and records them.
inline fn activate(comptime function: anytype, z: [*]f32, first: usize, count: usize, record: ?*const Record) void {
    for (first..first + count) |r| {
        const v = function(row(z + 16 * r));
        put(z + 16 * r, v);
        if (record) |to| to.put(r, v);
    }
}

/// Activates z in place and records it, then c ← f·c + i·j, h ← o·tanh(c). `tanhC`: scratch of H rows.
pub fn cell(z: [*]f32, h: [*]f32, c: [*]f32, tanhC: [*]f32, H: usize, record: ?*const Record) void {
    const n = 16 * H;
    activate(simd.sigmoid, z, 0, H, record);
    activate(simd.tanh, z, H, H, record);
    activate(simd.sigmoid, z, 2 * H, 2 * H, record);
    for (0..H) |u| {
        const p = z + 16 * u;
        const kept = row(p + 2 * n) * row(c + 16 * u);
        put(c + 16 * u, madd(row(p), row(p + n), kept));
    }
    for (0..H) |u| put(tanhC + 16 * u, simd.tanh(row(c + 16 * u)));
    for (0..H) |u| put(h + 16 * u, row(z + 3 * n + 16 * u) * row(tanhC + 16 * u));
}

/// What one layer's cells were at all steps, from its recorded gates and the start: slot t of h and c is before step t, and
/// tanhC is tanh c. The same operations as `cell`'s: the same bits.
pub fn states(g: [*]const f32, startH: [*]const f32, startC: [*]const f32, h: [*]f32, c: [*]f32, tanhC: [*]f32, stride: usize, steps: usize, H: usize) void {
    const quarter = H * stride;
    for (0..H) |u| {
        const at = g + stride * u;
        var cu = row(startC + 16 * u);
        put(c + stride * u, cu);
        put(h + stride * u, row(startH + 16 * u));
        for (0..steps) |t| {
            const p = at + 16 * t;
            const to = stride * u + 16 * (t + 1);
            cu = madd(row(p), row(p + quarter), row(p + 2 * quarter) * cu);
            const tc = simd.tanh(cu);
            put(c + to, cu);
            put(tanhC + to, tc);
            put(h + to, row(p + 3 * quarter) * tc);
        }
    }
}

/// Through one cell at one step: the recorded gates `g` become dz, and dc the gradient of the cell before the step.
/// `c`: the cell before the step; `tanhC`: of the cell after it; `dh`, `dc`: compact rows.
pub fn cellBackward(g: [*]f32, c: [*]const f32, tanhC: [*]const f32, stride: usize, dh: [*]const f32, dc: [*]f32, H: usize, ahead: *[*]const f32) void {
    const one = all(1);
    const quarter = H * stride;
    for (0..H) |u| {
        simd.prefetch(ahead.*, 5);
        ahead.* += 5 * 16;
        const at = g + stride * u;
        const dhu = row(dh + 16 * u);
        const t = row(tanhC + stride * u);
        const i = row(at);
        const j = row(at + quarter);
        const f = row(at + 2 * quarter);
        const o = row(at + 3 * quarter);
        const d = row(dc + 16 * u) + dhu * o * (one - t * t);
        put(at, d * j * (i * (one - i)));
        put(at + quarter, d * i * (one - j * j));
        put(at + 2 * quarter, d * row(c + stride * u) * (f * (one - f)));
        put(at + 3 * quarter, dhu * t * (o * (one - o)));
        put(dc + 16 * u, d * f);
    }
}
