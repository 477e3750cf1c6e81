const simd = @import("simd.zig");
const width = simd.tile.width;
const V = simd.Vec(width);

/// Independent multiply-add chains held in registers; 2·chains·width float operations an iteration.
pub const chains = if (width == 4) 8 else 12;

pub fn peakFlops() callconv(.c) usize {
    return 2 * chains * width;
}

pub fn registerPeak(iterations: usize) callconv(.c) f32 {
    const x: V = @splat(0.999);
    const y: V = @splat(1e-3);
    var c: [chains]V = undefined;
    inline for (0..chains) |i| c[i] = @splat(@floatFromInt(i + 1));
    for (0..iterations) |_| {
        inline for (0..chains) |i| c[i] = simd.madd(c[i], x, y);
    }
    var s = c[0];
    inline for (1..chains) |i| s += c[i];
    return s[0];
}

/// a·b + c as the kernels compute it: tells whether it is rounded once.
pub fn multiplyAdd(a: f32, b: f32, c: f32) callconv(.c) f32 {
    const Q = simd.Q;
    return simd.madd(@as(Q, @splat(a)), @as(Q, @splat(b)), @as(Q, @splat(c)))[0];
}
