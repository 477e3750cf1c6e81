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
        const max = largest(z, classes);
        const own = z[label];
        if (own == max) right += @intFromBool(label == 0 or firstOf(z, label, max));
        // a NaN that is not the largest reaches the sum as e^NaN
        const sum = exponentials(z, classes, max);
        const logarithm = simd.log(@as(Q, @splat(sum)))[0];
        // sum − sum carries a NaN past the logarithm, which only looks at bits
        loss += @as(f64, logarithm) + (@as(f64, max) - @as(f64, own)) + @as(f64, sum - sum);
        const factor = scale / sum;
        var j: usize = 0;
        while (j + 16 <= classes) : (j += 16) simd.store(16, z + j, simd.load(16, z + j) * all(factor));
        while (j < classes) : (j += 1) z[j] *= factor;
        z[label] -= scale;
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

inline fn largest(z: [*]const f32, classes: usize) f32 {
    var best = z[0];
    for (1..classes) |j| {
        if (z[j] > best) best = z[j];
    }
    return best;
}

/// z ← e^(z − max); returns the sum over sixteen lanes, folded by quarters and then by pairs.
inline fn exponentials(z: [*]f32, classes: usize, max: f32) f32 {
    var sums = all(0);
    var j: usize = 0;
    while (j + 16 <= classes) : (j += 16) {
        const e = simd.exp(simd.load(16, z + j) - all(max));
        simd.store(16, z + j, e);
        sums += e;
    }
    if (j < classes) {
        const count = classes - j;
        const e = simd.exp(simd.loadPart(16, z + j, count) - all(max));
        simd.storePart(16, z + j, e, count);
        const lane: @Vector(16, u32) = .{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
        sums += @select(f32, lane < @as(@Vector(16, u32), @splat(@intCast(count))), e, all(0));
    }
    const q = (simd.quarter(sums, 0) + simd.quarter(sums, 2)) + (simd.quarter(sums, 1) + simd.quarter(sums, 3));
    return (q[0] + q[1]) + (q[2] + q[3]);
}
