//! Updates of the hand-designed optimizers, one pass over all vectors each. Every kernel computes an update u from
//! products and sums that are rounded one by one. Where the pointer `u` is null it is applied, w ← w + u; else it is
//! stored there and w is left alone: w + u gives the same bits. Moments that no update feels are zero.
const simd = @import("simd.zig");
const parallel = @import("parallel.zig");
const F = simd.F;
const all = simd.all;
const settled = simd.settled;
const least = simd.least;

/// Over n entries: u = rule.step(g, w, &state), where the rule replaces the `states` state vectors.
inline fn each(comptime states: usize, n: usize, w: [*]f32, u: ?[*]f32, g: [*]const f32, state: [states][*]f32, rule: anytype) void {
    const Rule = @TypeOf(rule);
    const Job = struct {
        w: [*]f32,
        g: [*]const f32,
        u: ?[*]f32,
        state: [states][*]f32,
        rule: Rule,

        pub fn range(self: *const @This(), from: usize, to: usize, _: usize) void {
            var i = from;
            while (i + 16 <= to) : (i += 16) self.lanes(Whole{ .at = i });
            if (i < to) self.lanes(Rest{ .at = i, .count = to - i });
        }

        inline fn lanes(self: *const @This(), part: anytype) void {
            var s: [states]F = undefined;
            inline for (0..states) |k| s[k] = part.load(self.state[k]);
            const at = part.load(self.w);
            const step = self.rule.step(part.load(self.g), at, &s);
            inline for (0..states) |k| part.store(self.state[k], s[k]);
            if (self.u) |to| part.store(to, step) else part.store(self.w, at + step);
        }
    };
    parallel.ranges(n, 16, 24, &Job{ .w = w, .g = g, .u = u, .state = state, .rule = rule });
}

const Whole = struct {
    at: usize,

    inline fn load(self: Whole, p: [*]const f32) F {
        return simd.load(16, p + self.at);
    }

    inline fn store(self: Whole, p: [*]f32, v: F) void {
        simd.store(16, p + self.at, v);
    }
};

const Rest = struct {
    at: usize,
    count: usize,

    inline fn load(self: Rest, p: [*]const f32) F {
        return simd.loadPart(16, p + self.at, self.count);
    }

    inline fn store(self: Rest, p: [*]f32, v: F) void {
        simd.storePart(16, p + self.at, v, self.count);
    }
};

/// u = −lr·g
pub fn gradientStep(w: [*]f32, u: ?[*]f32, g: [*]const f32, n: usize, lr: f32) callconv(.c) void {
    each(0, n, w, u, g, .{}, struct {
        lr: f32,

        inline fn step(self: @This(), grad: F, _: F, _: *[0]F) F {
            return -(all(self.lr) * grad);
        }
    }{ .lr = lr });
}

/// v ← μ·v + g; u = −lr·v, or u = −lr·(g + μ·v) for Nesterov
pub fn momentumStep(
    w: [*]f32, u: ?[*]f32, g: [*]const f32, v: [*]f32, n: usize, lr: f32, mu: f32, nesterov: bool,
) callconv(.c) void {
    each(1, n, w, u, g, .{v}, struct {
        lr: f32,
        mu: f32,
        nesterov: bool,

        inline fn step(self: @This(), grad: F, _: F, s: *[1]F) F {
            s[0] = settled(all(self.mu) * s[0] + grad, least.moment);
            const direction = if (self.nesterov) grad + all(self.mu) * s[0] else s[0];
            return -(all(self.lr) * direction);
        }
    }{ .lr = lr, .mu = mu, .nesterov = nesterov });
}

/// s ← d·s + (1−d)·g²; u = −lr·g/(√s + ε)
pub fn rmspropStep(
    w: [*]f32, u: ?[*]f32, g: [*]const f32, s: [*]f32, n: usize, lr: f32, decay: f32, eps: f32,
) callconv(.c) void {
    each(1, n, w, u, g, .{s}, struct {
        lr: f32,
        decay: f32,
        eps: f32,

        inline fn step(self: @This(), grad: F, _: F, second: *[1]F) F {
            second[0] = settled(all(self.decay) * second[0] + all(1 - self.decay) * (grad * grad), least.square);
            return -(all(self.lr) * grad / (@sqrt(second[0]) + all(self.eps)));
        }
    }{ .lr = lr, .decay = decay, .eps = eps });
}

/// m ← b1·m + (1−b1)·g; v ← b2·v + (1−b2)·g²;
/// u = −(lr/c1)·m/(√v/√c2 + ε) − shrink·w, c1 = 1 − b1^t, c2 = 1 − b2^t
pub fn adamStep(
    w: [*]f32, u: ?[*]f32, g: [*]const f32, m: [*]f32, v: [*]f32, n: usize,
    lr: f32, b1: f32, b2: f32, eps: f32, c1: f32, c2: f32, shrink: f32,
) callconv(.c) void {
    each(2, n, w, u, g, .{ m, v }, struct {
        rate: f32,
        b1: f32,
        b2: f32,
        eps: f32,
        root: f32,
        shrink: f32,

        inline fn step(self: @This(), grad: F, at: F, s: *[2]F) F {
            s[0] = settled(all(self.b1) * s[0] + all(1 - self.b1) * grad, least.moment);
            s[1] = settled(all(self.b2) * s[1] + all(1 - self.b2) * (grad * grad), least.square);
            const direction = all(self.rate) * s[0] / (@sqrt(s[1]) * all(self.root) + all(self.eps));
            return -direction - all(self.shrink) * at;
        }
    }{ .rate = lr / c1, .b1 = b1, .b2 = b2, .eps = eps, .root = 1 / @sqrt(c2), .shrink = shrink });
}

/// u = −lr·sign(b1·m + (1−b1)·g) − shrink·w; m ← b2·m + (1−b2)·g
pub fn lionStep(
    w: [*]f32, u: ?[*]f32, g: [*]const f32, m: [*]f32, n: usize, lr: f32, b1: f32, b2: f32, shrink: f32,
) callconv(.c) void {
    each(1, n, w, u, g, .{m}, struct {
        lr: f32,
        b1: f32,
        b2: f32,
        shrink: f32,

        inline fn step(self: @This(), grad: F, at: F, s: *[1]F) F {
            const c = all(self.b1) * s[0] + all(1 - self.b1) * grad;
            s[0] = settled(all(self.b2) * s[0] + all(1 - self.b2) * grad, least.moment);
            // zero and NaN stay what they are
            const sign = @select(f32, c > all(0), all(1), @select(f32, c < all(0), all(-1), c));
            return -(all(self.lr) * sign) - all(self.shrink) * at;
        }
    }{ .lr = lr, .b1 = b1, .b2 = b2, .shrink = shrink });
}
