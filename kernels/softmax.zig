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
        const max = largest(z, classes);
        right += @intFromBool(own == max and firstOf(z, label, max));
        const sum = if (classes <= 16) short(z, classes, max, scale) else long(z, classes, max, scale);
        z[label] -= scale;
        // sum − sum carries a NaN past the logarithm, which only looks at bits
        const logarithm = simd.log(@as(Q, @splat(sum)))[0];
        loss += @as(f64, logarithm) + (@as(f64, max) - @as(f64, own)) + @as(f64, sum - sum);
    }
    correct.* = if (known) right else -1;
    return loss;
}

/// Whether no logit before `label` is as large.
fn firstOf(z: [*]const f32, label: usize, max: f32) bool {
    for (0..label) |j| {
        if (z[j] == max) return false;
    }
    return true;
}

/// The largest logit; where one is NaN, the sum of the exponentials is, whatever this is.
inline fn largest(z: [*]const f32, classes: usize) f32 {
    const nothing = -std.math.inf(f32);
    var most = all(nothing);
    var j: usize = 0;
    while (j + 16 <= classes) : (j += 16) most = simd.larger(most, simd.load(16, z + j));
    if (j < classes) most = simd.larger(most, simd.below(simd.loadPart(16, z + j, classes - j), classes - j, nothing));
    const q = simd.larger(simd.larger(simd.quarter(most, 0), simd.quarter(most, 2)), simd.larger(simd.quarter(most, 1), simd.quarter(most, 3)));
    const low = if (q[0] < q[1]) q[1] else q[0];
    const high = if (q[2] < q[3]) q[3] else q[2];
    return if (low < high) high else low;
}

/// Logits this far below the largest have the probability 0: e^−60 is nothing beside 1 in float32, and what follows from
/// smaller ones would be subnormal, which processors compute a hundred times slower.
const nothing_below = -60;

/// e^(z_j − max), NaN for NaN.
inline fn exponentials(z: F, max: f32) F {
    const x = z - all(max);
    return @select(f32, x < all(nothing_below), all(0), simd.exp(x));
}

/// z ← scale·softmax(z) of a row that fits a vector; returns Σ e^(z_j − max).
inline fn short(z: [*]f32, classes: usize, max: f32, scale: f32) f32 {
    const e = simd.below(exponentials(simd.loadPart(16, z, classes), max), classes, 0);
    const sum = total(e);
    simd.storePart(16, z, e * all(scale / sum), classes);
    return sum;
}

/// The same of any row.
fn long(z: [*]f32, classes: usize, max: f32, scale: f32) f32 {
    var sums = all(0);
    var j: usize = 0;
    while (j + 16 <= classes) : (j += 16) {
        const e = exponentials(simd.load(16, z + j), max);
        simd.store(16, z + j, e);
        sums += e;
    }
    const rest = classes - j;
    if (rest > 0) {
        const e = simd.below(exponentials(simd.loadPart(16, z + j, rest), max), rest, 0);
        simd.storePart(16, z + j, e, rest);
        sums += e;
    }
    const sum = total(sums);
    const factor = scale / sum;
    j = 0;
    while (j + 16 <= classes) : (j += 16) simd.store(16, z + j, simd.load(16, z + j) * all(factor));
    while (j < classes) : (j += 1) z[j] *= factor;
    return sum;
}

inline fn total(v: F) f32 {
    const q = (simd.quarter(v, 0) + simd.quarter(v, 2)) + (simd.quarter(v, 1) + simd.quarter(v, 3));
    return (q[0] + q[1]) + (q[2] + q[3]);
}
