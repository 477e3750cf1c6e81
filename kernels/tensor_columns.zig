//! The inputs of the per-tensor learned optimizers that differ from coordinate to coordinate. What is constant along rows
//! or columns (the factored second moments themselves) is not among them: see tensor_step.zig.
const simd = @import("simd.zig");
const F = simd.F;
const all = simd.all;

/// What an architecture reads and computes.
pub const Architecture = struct {
    momenta: usize,
    /// A second moment and a factored one, with the inputs made of them; else gradient, parameter and momenta alone.
    second: bool = true,
    /// Entries of the gradient are clipped to ±1000; clip(g, ±0.1) and g/√r are inputs.
    clips: bool = false,
    /// Inputs of tensors of rank 0 and 1 made of their second moments.
    vectors: enum { none, bounded, bare } = .none,
    /// Added to the second moment under its root.
    epsSecond: f32 = 0,
    /// Added to the mean square of an input under its root.
    epsNorm: f32,
    hidden: usize,
    outputs: usize,
    time: bool = false,
    /// u = −η·s with s of root mean square 1 over each group, or −d·exp(0.001·a)·0.001, relative to the parameters or not.
    update: enum { direction, absolute, relative },

    /// Inputs of a coordinate.
    pub fn columns(comptime self: Architecture, comptime vector: bool) usize {
        if (!self.second) return 2 + self.momenta;
        const factored = 3;
        const common = 2 + self.momenta + 1 + self.momenta + 1 + factored + (if (self.clips) 2 else 0);
        if (!vector) return common + factored;
        return common + (if (self.vectors == .none) 0 else 3 * factored);
    }

    /// Rows of 16 in the state of a tile: momenta, second moment, and a vector's three.
    pub fn rows(comptime self: Architecture, comptime vector: bool) usize {
        if (!self.second) return self.momenta;
        return self.momenta + 1 + (if (vector) 3 else 0);
    }
};

pub inline fn rsqrt(x: F) F {
    return all(1) / @sqrt(x);
}

/// 1/√max(x, 1e-9)
pub inline fn safe(x: F) F {
    return rsqrt(simd.atLeast(x, 1e-9));
}

/// A coordinate's gradient and parameter, its moments after the step, and what the factored ones multiply with.
pub fn Coordinates(comptime arch: Architecture, comptime vector: bool) type {
    return struct {
        g: F,
        p: F,
        state: [arch.rows(vector)]F,
        factors: [3]F,

        /// Moves the moments on. `decays`: β and 1−β of the momenta, the second moment and the factored ones.
        pub inline fn advance(self: *@This(), decays: [*]const f32) void {
            inline for (0..arch.momenta) |k| self.mixSettled(k, decays + 2 * k, self.g);
            if (!arch.second) return;
            const square = self.g * self.g;
            self.mixSettled(arch.momenta, decays + 2 * arch.momenta, square);
            if (vector) inline for (0..3) |k| {
                self.mix(arch.momenta + 1 + k, decays + 2 * (arch.momenta + 1 + k), square + all(1e-30));
            };
        }

        inline fn mix(self: *@This(), comptime k: usize, decay: [*]const f32, by: F) void {
            self.state[k] = simd.madd(all(decay[0]), self.state[k], all(decay[1]) * by);
        }

        inline fn mixSettled(self: *@This(), comptime k: usize, decay: [*]const f32, by: F) void {
            self.mix(k, decay, by);
            self.state[k] = settled(self.state[k]);
        }

        /// The inputs, in the order of the packed weights. `mask`: 1, or 0 in lanes behind the end of a line, where all
        /// else is zero already.
        pub inline fn columns(self: *const @This(), mask: F) [arch.columns(vector)]F {
            var out: [arch.columns(vector)]F = undefined;
            comptime var at: usize = 0;
            const M = arch.momenta;
            out[0] = self.g;
            out[1] = self.p;
            inline for (0..M) |k| out[2 + k] = self.state[k];
            if (!arch.second) return out;
            at = 2 + M;
            const r = self.state[M];
            // computed in both passes: to keep it took as long
            const q = rsqrt(r + all(arch.epsSecond)) * mask;
            out[at] = r;
            inline for (0..M) |k| out[at + 1 + k] = self.state[k] * q;
            out[at + 1 + M] = q;
            at += 2 + M;
            var factors = self.factors;
            if (vector) inline for (0..3) |k| {
                factors[k] = safe(self.state[M + 1 + k] + all(1e-9));
            };
            inline for (0..3) |k| out[at + k] = self.g * factors[k];
            at += 3;
            if (arch.clips) {
                out[at] = clip(self.g, 0.1);
                out[at + 1] = self.g * q;
                at += 2;
            }
            if (!vector) {
                inline for (0..3) |k| out[at + k] = self.state[k] * factors[k];
            } else if (arch.vectors != .none) inline for (0..3) |k| {
                const v = self.state[M + 1 + k];
                out[at + k] = settled(v);
                out[at + 3 + k] = rsqrt(v + all(1e-8)) * mask;
                out[at + 6 + k] = self.state[k] * rsqrt(if (arch.vectors == .bounded) v + all(1e-6) else v);
            };
            return out;
        }
    };
}

pub inline fn clip(x: F, comptime limit: f32) F {
    return simd.atLeast(simd.atMost(x, limit), -limit);
}

/// x, or 0 where no input feels it.
pub inline fn settled(x: F) F {
    return simd.settled(x, simd.least.moment);
}
