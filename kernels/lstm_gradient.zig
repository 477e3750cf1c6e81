//! Weight gradients of a tile: one long dot product over all steps and lanes for every weight. Sums run over eight lanes on
//! every target, the sixteen floats of a row in two steps; the eight fold into the four of an accumulator as q0 + q1.
const simd = @import("simd.zig");
const rows = @import("lstm_rows.zig");
const F = simd.F;
const tile = simd.tile;
const all = simd.all;
const madd = simd.madd;
const row = rows.row;

const width = simd.sum_width;
const Part = simd.Vec(width);
const parts = 8 / width;

/// acc[k][g] += Σ_t,lane in[k]·dz[g] for `inputs` inputs and `outputs` gates, a multiple of 4; accumulators are laid out
/// [k][g], four lanes each. A block of inputs stays in the first-level cache while the gates pass by.
pub fn weights(acc: [*]f32, in: [*]const f32, inputs: usize, dz: [*]const f32, outputs: usize, stride: usize, steps: usize) void {
    const next = 4 * outputs;
    var first: usize = 0;
    while (first < inputs) : (first += tile.block) {
        const count = @min(inputs - first, tile.block);
        const block: Block = .{
            .acc = acc + next * first,
            .next = next,
            .in = in + stride * first,
            .count = count,
            .dz = dz,
            .stride = stride,
            .steps = steps,
        };
        var g: usize = 0;
        while (g + tile.dot[1] <= outputs) : (g += tile.dot[1]) block.gates(tile.dot[1], g);
        while (g < outputs) : (g += 4) block.gates(4, g);
    }
}

const Block = struct {
    acc: [*]f32,
    next: usize,
    in: [*]const f32,
    count: usize,
    dz: [*]const f32,
    stride: usize,
    steps: usize,

    inline fn gates(self: *const Block, comptime G: usize, g: usize) void {
        const K = tile.dot[0];
        var k: usize = 0;
        while (k + K <= self.count) : (k += K) self.dot(K, G, k, g);
        while (k + 2 <= self.count) : (k += 2) self.dot(2, G, k, g);
        while (k < self.count) : (k += 1) self.dot(1, G, k, g);
    }

    inline fn dot(self: *const Block, comptime K: usize, comptime G: usize, k: usize, g: usize) void {
        dotTile(K, G, self.acc + self.next * k + 4 * g, self.next, self.in + self.stride * k, self.dz + self.stride * g, self.stride, self.steps);
    }
};

fn dotTile(comptime K: usize, comptime G: usize, acc: [*]f32, next: usize, in: [*]const f32, dz: [*]const f32, stride: usize, steps: usize) void {
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

/// acc[g] += Σ_t,lane dz[g]
pub fn biases(acc: [*]f32, dz: [*]const f32, outputs: usize, stride: usize, steps: usize) void {
    for (0..outputs) |g| {
        var sum = all(0);
        for (0..steps) |t| sum += row(dz + stride * g + 16 * t);
        addQuarters(acc + 4 * g, sum);
    }
}

pub inline fn addQuarters(acc: [*]f32, v: F) void {
    const sum = (simd.quarter(v, 0) + simd.quarter(v, 2)) + (simd.quarter(v, 1) + simd.quarter(v, 3));
    simd.store(4, acc, simd.load(4, acc) + sum);
}
