//! Newton–Schulz: takes the singular values of a matrix towards 1.
const simd = @import("simd.zig");
const gemm = @import("gemm.zig");
const parallel = @import("parallel.zig");
const F = simd.F;
const all = simd.all;

// Jordan's quintic
const a = 3.4445;
const b = -4.7750;
const c = 2.0315;
const iterations = 5;

/// X ← X/(‖X‖ + 1e-8), then five times X ← a·X + (b·A + c·A²)·X with A = XXᵀ; m ≤ n, rows of `padded` floats, zeros
/// behind n. `work`: m·padded + 2·m² floats. Returns where X is then: in `x` or in `work`.
pub fn run(m: usize, padded: usize, x: [*]f32, work: [*]f32) [*]f32 {
    const size = m * padded;
    const gram = work + size;
    const factor = gram + m * m;
    var from = x;
    var to = work;
    var sum = all(0);
    var i: usize = 0;
    while (i < size) : (i += 16) {
        const v = simd.load(16, x + i);
        sum = simd.madd(v, v, sum);
    }
    const scale = all(1 / (@sqrt(fold(sum)) + 1e-8));
    i = 0;
    while (i < size) : (i += 16) simd.store(16, x + i, simd.load(16, x + i) * scale);
    for (0..iterations) |_| {
        gramOf(m, padded, from, gram);
        // A is symmetric: A² = A·Aᵀ
        gemm.gemmLanes(m, m, m, gram, m, 1, gram, m, factor, m, false);
        for (0..m * m) |k| factor[k] = c * factor[k] + b * gram[k];
        for (0..m) |k| factor[k * m + k] += a;
        gemm.gemmLanes(m, padded, m, factor, m, 1, from, padded, to, padded, false);
        const swap = from;
        from = to;
        to = swap;
    }
    return from;
}

/// Rows whose products with themselves and all below are computed at a time.
const block = 16;

/// A ← XXᵀ: the upper half by blocks of rows, the lower by symmetry.
fn gramOf(m: usize, padded: usize, x: [*]const f32, gram: [*]f32) void {
    const Blocks = struct {
        m: usize,
        padded: usize,
        x: [*]const f32,
        gram: [*]f32,

        pub fn range(self: *const @This(), from: usize, to: usize, _: usize) void {
            var i = from;
            while (i < to) : (i += block) {
                const rows = self.x + i * self.padded;
                const count = @min(block, to - i);
                gemm.gemmDot(count, self.m - i, self.padded, rows, self.padded, rows, self.padded, self.gram + i * self.m + i, self.m, null);
            }
        }
    };
    parallel.ranges(m, block, m * padded, &Blocks{ .m = m, .padded = padded, .x = x, .gram = gram });
    for (0..m) |r| {
        for (0..r / block * block) |k| gram[r * m + k] = gram[k * m + r];
    }
}

/// The sum of sixteen lanes, by halves.
pub inline fn fold(v: F) f32 {
    const s: [16]f32 = v;
    var eight: [8]f32 = undefined;
    inline for (0..8) |i| eight[i] = s[i] + s[i + 8];
    return ((eight[0] + eight[4]) + (eight[2] + eight[6])) + ((eight[1] + eight[5]) + (eight[3] + eight[7]));
}
