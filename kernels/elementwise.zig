//! Elementwise functions over contiguous vectors. What is left over goes through the same lanes, so a value never
//! depends on where in its vector it stands.
const simd = @import("simd.zig");
const parallel = @import("parallel.zig");
const F = simd.F;
const all = simd.all;

/// y ← f(x) over n floats; `work` is the float operations of one.
inline fn map(comptime f: anytype, comptime work: usize, x: [*]const f32, y: [*]f32, n: usize) void {
    const Job = struct {
        x: [*]const f32,
        y: [*]f32,

        pub fn range(self: *const @This(), from: usize, to: usize, _: usize) void {
            var i = from;
            while (i + 16 <= to) : (i += 16) simd.store(16, self.y + i, f(simd.load(16, self.x + i)));
            if (i < to) simd.storePart(16, self.y + i, f(simd.loadPart(16, self.x + i, to - i)), to - i);
        }
    };
    parallel.ranges(n, 16, work, &Job{ .x = x, .y = y });
}

/// d ← f(y, d) over n floats.
inline fn backward(comptime f: anytype, y: [*]const f32, d: [*]f32, n: usize) void {
    const Job = struct {
        y: [*]const f32,
        d: [*]f32,

        pub fn range(self: *const @This(), from: usize, to: usize, _: usize) void {
            var i = from;
            while (i + 16 <= to) : (i += 16) {
                simd.store(16, self.d + i, f(simd.load(16, self.y + i), simd.load(16, self.d + i)));
            }
            if (i == to) return;
            const rest = f(simd.loadPart(16, self.y + i, to - i), simd.loadPart(16, self.d + i, to - i));
            simd.storePart(16, self.d + i, rest, to - i);
        }
    };
    parallel.ranges(n, 16, 8, &Job{ .y = y, .d = d });
}

/// y ← σ(x)
pub fn sigmoid(x: [*]const f32, y: [*]f32, n: usize) callconv(.c) void {
    map(simd.sigmoid, 40, x, y, n);
}

/// d ← d·y·(1−y), y = σ(x)
pub fn sigmoidBackward(y: [*]const f32, d: [*]f32, n: usize) callconv(.c) void {
    backward(struct {
        inline fn f(v: F, g: F) F {
            return g * (v * (all(1) - v));
        }
    }.f, y, d, n);
}

/// y ← tanh(x)
pub fn tanh(x: [*]const f32, y: [*]f32, n: usize) callconv(.c) void {
    map(simd.tanh, 40, x, y, n);
}

/// d ← d·(1−y²), y = tanh(x)
pub fn tanhBackward(y: [*]const f32, d: [*]f32, n: usize) callconv(.c) void {
    backward(struct {
        inline fn f(v: F, g: F) F {
            return g * (all(1) - v * v);
        }
    }.f, y, d, n);
}

/// y ← max(x, 0); a NaN stays a NaN.
pub fn relu(x: [*]const f32, y: [*]f32, n: usize) callconv(.c) void {
    map(struct {
        inline fn f(v: F) F {
            return simd.atLeast(v, 0);
        }
    }.f, 8, x, y, n);
}

/// d ← d where y > 0, else 0
pub fn reluBackward(y: [*]const f32, d: [*]f32, n: usize) callconv(.c) void {
    backward(struct {
        inline fn f(v: F, g: F) F {
            return @select(f32, v > all(0), g, all(0));
        }
    }.f, y, d, n);
}

/// y ← e^x
pub fn exp(x: [*]const f32, y: [*]f32, n: usize) callconv(.c) void {
    map(simd.exp, 30, x, y, n);
}

/// y ← ln x, x positive and normal
pub fn log(x: [*]const f32, y: [*]f32, n: usize) callconv(.c) void {
    map(simd.log, 30, x, y, n);
}
