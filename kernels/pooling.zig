//! Max-pooling 2×2 on NHWC images; an odd last row or column is dropped.
const simd = @import("simd.zig");
const Vec = simd.Vec;

/// y = largest of the four, at = which of them: 2·(row) + (column), the first among equals.
pub fn maxPool(batch: usize, H: usize, W: usize, C: usize, x: [*]const f32, y: [*]f32, at: [*]u8) callconv(.c) void {
    var out: usize = 0;
    for (0..batch * (H / 2)) |line| {
        const from = x + (line / (H / 2) * H + line % (H / 2) * 2) * W * C;
        for (0..W / 2) |ox| {
            const p = from + 2 * ox * C;
            var c: usize = 0;
            while (c + 16 <= C) : (c += 16) pool(16, p + c, C, W * C, y + out + c, at + out + c);
            while (c + 4 <= C) : (c += 4) pool(4, p + c, C, W * C, y + out + c, at + out + c);
            while (c < C) : (c += 1) pool(1, p + c, C, W * C, y + out + c, at + out + c);
            out += C;
        }
    }
}

inline fn pool(comptime n: usize, p: [*]const f32, pixel: usize, row: usize, y: [*]f32, at: [*]u8) void {
    const I = @Vector(n, i32);
    var best = simd.load(n, p);
    var which: I = @splat(0);
    inline for (.{ pixel, row, row + pixel }, 1..) |step, i| {
        const v = simd.load(n, p + step);
        const more = v > best;
        best = @select(f32, more, v, best);
        which = @select(i32, more, @as(I, @splat(i)), which);
    }
    simd.store(n, y, best);
    at[0..n].* = @as([n]u8, @as(@Vector(n, u8), @intCast(which)));
}

/// dx = dy where `at` says the largest was, else 0.
pub fn maxPoolBackward(batch: usize, H: usize, W: usize, C: usize, dy: [*]const f32, at: [*]const u8, dx: [*]f32) callconv(.c) void {
    const row = W * C;
    var from: usize = 0;
    for (0..batch) |b| {
        const image = dx + b * H * row;
        if (H % 2 == 1) @memset(image[(H - 1) * row ..][0..row], 0);
        for (0..H / 2) |oy| {
            const line = image + 2 * oy * row;
            for (0..W / 2) |ox| {
                const p = line + 2 * ox * C;
                var c: usize = 0;
                while (c + 16 <= C) : (c += 16) unpool(16, p + c, C, row, dy + from + c, at + from + c);
                while (c + 4 <= C) : (c += 4) unpool(4, p + c, C, row, dy + from + c, at + from + c);
                while (c < C) : (c += 1) unpool(1, p + c, C, row, dy + from + c, at + from + c);
                from += C;
            }
            if (W % 2 == 1) {
                @memset(line[row - C ..][0..C], 0);
                @memset(line[2 * row - C ..][0..C], 0);
            }
        }
    }
}

inline fn unpool(comptime n: usize, p: [*]f32, pixel: usize, row: usize, dy: [*]const f32, at: [*]const u8) void {
    const d = simd.load(n, dy);
    const which: @Vector(n, i32) = @as(@Vector(n, u8), at[0..n].*);
    inline for (.{ 0, pixel, row, row + pixel }, 0..) |step, i| {
        const here = which == @as(@Vector(n, i32), @splat(i));
        simd.store(n, p + step, @select(f32, here, d, @as(Vec(n), @splat(0))));
    }
}
