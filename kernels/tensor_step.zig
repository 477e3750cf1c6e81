//! One step of a per-tensor learned optimizer, for all tensors of a plan.
//!
//! A tensor is cut into lines of coordinates that lie at one stride; a line is padded to whole tiles of 16. Its axes are
//! `groups` × `runs` × `lines` × lanes. Inputs are normalized over a group. Of the factored second moments one is constant
//! along a line (the "line factor"), the other runs along it and is shared by the lines of a run (the "lane factor").
//!
//! Lines are worked on in pieces, which threads share; sums of pieces are added in order.
//!
//! Three passes: gradients and parameters into padded lines, with the sums of the factored moments; the moments, and the
//! mean square of every input; network and update. A normalizer multiplies a row of the first layer's weights instead of
//! every coordinate. Inputs that are constant along a line are added to its bias, those shared by lines once a run.
const simd = @import("simd.zig");
const cols = @import("tensor_columns.zig");
const plans = @import("tensor_plan.zig");
const Pass = @import("tensor_pass.zig").Pass;
const Tensor = plans.Tensor;
const all = simd.all;
const madd = simd.madd;

pub fn Step(comptime arch: cols.Architecture) type {
    return struct {
        const Self = @This();
        plan: [*]const u32,
        weights: [*]const f32,
        settings: *const plans.Settings,
        w: [*]f32,
        u: ?[*]f32,
        g: [*]const f32,
        state: [*]f32,
        work: [*]f32,

        pub const packedSize = plans.Packed(arch).size;
        pub const ownWork = plans.Work(arch).size;

        pub fn run(self: *const Self) void {
            const count = self.plan[0];
            for (0..count) |i| {
                const tensor: *const Tensor = @ptrCast(self.plan + 1 + i * plans.words);
                if (tensor.adam != 0) {
                    self.adam(tensor);
                } else if (tensor.vector != 0) {
                    Pass(arch, true).run(self, tensor);
                } else Pass(arch, false).run(self, tensor);
            }
        }

        pub fn table(self: *const Self, at: u32) [*]const u32 {
            return self.plan + at;
        }

        /// m ← 0.9m + 0.1g, v ← 0.95v + 0.05g²; u = −20η·m/√(v + 1e-8) − 20ηλ·w
        fn adam(self: *const Self, t: *const Tensor) void {
            const lr = 20 * self.settings.lr;
            const shrink = lr * self.settings.decay;
            const start = self.table(t.starts)[0];
            for (0..t.tiles()) |tile| {
                const at = start + 16 * tile;
                const count = @min(16, t.length - 16 * tile);
                const own = self.state + t.state + 32 * tile;
                const g = cols.settled(simd.loadPart(16, self.g + at, count));
                const w = simd.loadPart(16, self.w + at, count);
                const m = cols.settled(madd(all(0.9), simd.load(16, own), all(0.1) * g));
                const v = cols.settled(madd(all(0.95), simd.load(16, own + 16), all(0.05) * (g * g)));
                simd.store(16, own, m);
                simd.store(16, own + 16, v);
                const change = -(all(lr) * (m * cols.rsqrt(v + all(1e-8)))) - all(shrink) * w;
                if (self.u) |to| simd.storePart(16, to + at, change, count) else simd.storePart(16, self.w + at, w + change, count);
            }
        }
    };
}
