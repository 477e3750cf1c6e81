//! Operations on whole parameter vectors.
const simd = @import("simd.zig");
const parallel = @import("parallel.zig");
const all = simd.all;

/// Products of two float32 are exact in float64.
const D = @Vector(8, f64);

inline fn double(v: simd.Vec(8)) D {
    return @floatCast(v);
}

/// Entries of one partial sum: half a second-level cache of two vectors.
const stretch = 1 << 15;

/// Σ x_i·y_i in float64: sixteen lanes over every 2^15 entries, folded by halves, and what is left one by one; the
/// stretches are added in order.
pub fn dot(x: [*]const f32, y: [*]const f32, n: usize) callconv(.c) f64 {
    const count = (n + stretch - 1) / stretch;
    if (count <= 1) return dotStretch(x, y, n);
    var sum: f64 = 0;
    var first: usize = 0;
    while (first < count) : (first += parallel.most) {
        var sums: [parallel.most]f64 = undefined;
        const Job = struct {
            x: [*]const f32,
            y: [*]const f32,
            n: usize,
            first: usize,
            sums: *[parallel.most]f64,

            pub fn run(self: *const @This(), index: usize) void {
                const from = (self.first + index) * stretch;
                self.sums[index] = dotStretch(self.x + from, self.y + from, @min(stretch, self.n - from));
            }
        };
        const now = @min(parallel.most, count - first);
        parallel.each(now, &Job{ .x = x, .y = y, .n = n, .first = first, .sums = &sums });
        for (sums[0..now]) |part| sum += part;
    }
    return sum;
}

fn dotStretch(x: [*]const f32, y: [*]const f32, n: usize) f64 {
    var low: D = @splat(0);
    var high: D = @splat(0);
    var i: usize = 0;
    while (i + 16 <= n) : (i += 16) {
        low += double(simd.load(8, x + i)) * double(simd.load(8, y + i));
        high += double(simd.load(8, x + i + 8)) * double(simd.load(8, y + i + 8));
    }
    const s: [8]f64 = low + high;
    var sum = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
    while (i < n) : (i += 1) sum += @as(f64, x[i]) * @as(f64, y[i]);
    return sum;
}

/// out ← x + a·y; out may be x or y
pub fn addScaled(x: [*]const f32, a: f32, y: [*]const f32, out: [*]f32, n: usize) callconv(.c) void {
    const Job = struct {
        x: [*]const f32,
        a: f32,
        y: [*]const f32,
        out: [*]f32,

        pub fn range(self: *const @This(), from: usize, to: usize, _: usize) void {
            var i = from;
            while (i + 16 <= to) : (i += 16) {
                simd.store(16, self.out + i, simd.load(16, self.x + i) + all(self.a) * simd.load(16, self.y + i));
            }
            while (i < to) : (i += 1) self.out[i] = self.x[i] + self.a * self.y[i];
        }
    };
    parallel.ranges(n, 16, 12, &Job{ .x = x, .a = a, .y = y, .out = out });
}

/// x ← a·x
pub fn scale(a: f32, x: [*]f32, n: usize) callconv(.c) void {
    var i: usize = 0;
    while (i + 16 <= n) : (i += 16) simd.store(16, x + i, all(a) * simd.load(16, x + i));
    while (i < n) : (i += 1) x[i] = a * x[i];
}

/// out ← pixels / 255
pub fn unpackPixels(pixels: [*]const u8, n: usize, out: [*]f32) callconv(.c) void {
    var i: usize = 0;
    while (i + 16 <= n) : (i += 16) {
        const bytes: @Vector(16, u8) = pixels[i..][0..16].*;
        const wide: @Vector(16, i32) = bytes;
        simd.store(16, out + i, @as(simd.F, @floatFromInt(wide)) / all(255));
    }
    while (i < n) : (i += 1) out[i] = @as(f32, @floatFromInt(pixels[i])) / 255;
}
