//! Valid convolution on NHWC images.

const simd = @import("simd.zig");
const F = simd.F;
const tile = simd.tile;
const madd = simd.madd;
const all = simd.all;

/// Panels of 16 filters, [k][16].
pub fn convPack(w: [*]const f32, Co: usize, K: usize, packed_: [*]f32) callconv(.c) void {
    for (0..Co) |o| {
        const panel = packed_ + o / 16 * 16 * K + o % 16;
        for (0..K) |k| panel[16 * k] = w[o * K + k];
    }
}

/// y[b][oy][ox][o] = bias[o] + Σ x[b][oy+ky][ox+kx][i]·w[o][ky][kx][i], lanes along o.
pub fn convForward(
    batch: usize, H: usize, W: usize, Ci: usize, kh: usize, kw: usize, Ho: usize, Wo: usize, Co: usize,
    x: [*]const f32, packed_: [*]const f32, bias: [*]const f32, y: [*]f32,
) callconv(.c) void {
    const R = tile.pixels;
    var o: usize = 0;
    while (o < Co) : (o += 16) {
        const panel = packed_ + o * kh * kw * Ci;
        for (0..batch * Ho) |line| {
            const from = x + (line / Ho * H + line % Ho) * W * Ci;
            const to = y + line * Wo * Co + o;
            var ox: usize = 0;
            while (ox + R <= Wo) : (ox += R) pixels(R, from + ox * Ci, Ci, W * Ci, kh, kw * Ci, panel, bias + o, to + ox * Co, Co);
            switch (Wo - ox) {
                inline 1...R - 1 => |rest| pixels(rest, from + ox * Ci, Ci, W * Ci, kh, kw * Ci, panel, bias + o, to + ox * Co, Co),
                else => {},
            }
        }
    }
}

/// R neighbouring pixels of 16 filters.
fn pixels(comptime R: usize, from: [*]const f32, pixel: usize, row: usize, kh: usize, run: usize, panel: [*]const f32, bias: [*]const f32, to: [*]f32, apart: usize) void {
    var sums: [R]F = @splat(simd.load(16, bias));
    var w = panel;
    for (0..kh) |ky| {
        const x = from + ky * row;
        for (0..run) |k| {
            const v = simd.load(16, w);
            inline for (0..R) |r| sums[r] = madd(all(x[r * pixel + k]), v, sums[r]);
            w += 16;
        }
    }
    inline for (0..R) |r| simd.store(16, to + r * apart, sums[r]);
}
