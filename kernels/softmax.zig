const std = @import("std");
const simd = @import("simd.zig");
const F = simd.F;
const Q = simd.Q;
const all = simd.all;

/// Softmax cross-entropy. For every row z with label y: loss = ln Σ e^(z_j − max) + max − z_y; the sum over rows is
/// returned in float64, and the row is overwritten by scale·(softmax(z) − onehot(y)). A row of which the label's logit
/// is the (first) largest counts as correct; the count is stored at `correct`, or −1 if a label is no class: then the
/// row is left alone.
pub fn softmaxCrossEntropy(
    logits: [*]f32, labels: [*]const u8, rows: usize, classes: usize, scale: f32, correct: *i32,
) callconv(.c) f64 {
    var loss: f64 = 0;
    var right: i32 = 0;
    var known = true;
    for (0..rows) |r| {
        const label: usize = labels[r];
        const z = logits + r * classes;
        if (label >= classes) {
            known = false;
            continue;
        }
        const own = z[label];
        const max, const sum, const first = if (classes <= 16) short(z, classes, label, scale) else long(z, classes, label, scale);
        right += @intFromBool(first);
        // sum − sum carries a NaN past the logarithm, which only looks at bits
        const logarithm = simd.log(@as(Q, @splat(sum)))[0];
        loss += @as(f64, logarithm) + (@as(f64, max) - @as(f64, own)) + @as(f64, sum - sum);
    }
    correct.* = if (known) right else -1;
    return loss;
}

/// The largest logit, Σ e^(z_j − max), and whether the label's logit is the first of the largest.
const Row = struct { f32, f32, bool };
const nothing = -std.math.inf(f32);

/// Logits this far below the largest have the probability 0: e^−60 is nothing beside 1 in float32, and what follows from
/// smaller ones would be subnormal, which processors compute a hundred times slower.
const nothing_below = -60;

/// e^(z_j − max), NaN for NaN.
inline fn exponentials(z: F, max: f32) F {
    const x = z - all(max);
    return @select(f32, x < all(nothing_below), all(0), simd.exp(x));
}

/// z ← scale·(softmax(z) − onehot(label)) of a row that fits a vector, without branches: which label is right is hard to
/// predict.
inline fn short(z: [*]f32, classes: usize, label: usize, scale: f32) Row {
    const v = simd.below(simd.loadPart(16, z, classes), classes, nothing);
    const max = largest(v);
    const e = simd.below(exponentials(v, max), classes, 0);
    const sum = total(e);
    const lane: @Vector(16, u32) = std.simd.iota(u32, 16);
    const own = @select(f32, lane == @as(@Vector(16, u32), @splat(@intCast(label))), all(scale), all(0));
    simd.storePart(16, z, e * all(scale / sum) - own, classes);
    const most: u16 = @bitCast(v == all(max));
    return .{ max, sum, @as(usize, @ctz(most)) == label };
}

/// The same of any row.
fn long(z: [*]f32, classes: usize, label: usize, scale: f32) Row {
    const whole = classes / 16 * 16;
    const rest = classes - whole;
    var most = all(nothing);
    var j: usize = 0;
    while (j < whole) : (j += 16) most = simd.larger(most, simd.load(16, z + j));
    if (rest > 0) most = simd.larger(most, simd.below(simd.loadPart(16, z + whole, rest), rest, nothing));
    const max = largest(most);
    var first = z[label] == max;
    for (0..label) |i| first = first and z[i] != max;
    var sums = all(0);
    j = 0;
    while (j < whole) : (j += 16) {
        const e = exponentials(simd.load(16, z + j), max);
        simd.store(16, z + j, e);
        sums += e;
    }
    if (rest > 0) {
        const e = simd.below(exponentials(simd.loadPart(16, z + whole, rest), max), rest, 0);
        simd.storePart(16, z + whole, e, rest);
        sums += e;
    }
    const sum = total(sums);
    const factor = scale / sum;
    j = 0;
    while (j < whole) : (j += 16) simd.store(16, z + j, simd.load(16, z + j) * all(factor));
    while (j < classes) : (j += 1) z[j] *= factor;
    z[label] -= scale;
    return .{ max, sum, first };
}

/// The largest lane; where one is NaN, the sum of the exponentials is, whatever this is.
inline fn largest(v: F) f32 {
    const q = simd.larger(simd.larger(simd.quarter(v, 0), simd.quarter(v, 2)), simd.larger(simd.quarter(v, 1), simd.quarter(v, 3)));
    const low = if (q[0] < q[1]) q[1] else q[0];
    const high = if (q[2] < q[3]) q[3] else q[2];
    return if (low < high) high else low;
}

inline fn total(v: F) f32 {
    const q = (simd.quarter(v, 0) + simd.quarter(v, 2)) + (simd.quarter(v, 1) + simd.quarter(v, 3));
    return (q[0] + q[1]) + (q[2] + q[3]);
}
