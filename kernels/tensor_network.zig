//! The networks of the per-tensor learned optimizers: three layers with ReLU between, coordinate by coordinate.
const simd = @import("simd.zig");
const plans = @import("tensor_plan.zig");
const Architecture = @import("tensor_columns.zig").Architecture;
const all = simd.all;
const madd = simd.madd;

/// Time scales of the embedding.
const scales = simd.F{ 1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000, 1, 1, 1, 1, 1 };

/// to ← from + x·row, `count` floats, a multiple of 4.
pub inline fn addRow(comptime count: usize, x: f32, row: [*]const f32, from: [*]const f32, to: [*]f32) void {
    for (0..count / 4) |i| {
        simd.store(4, to + 4 * i, madd(@as(simd.Q, @splat(x)), simd.load(4, row + 4 * i), simd.load(4, from + 4 * i)));
    }
}

/// The network of an architecture on K inputs that differ from coordinate to coordinate; `sharing`: lanes add to hidden units.
pub fn Network(comptime arch: Architecture, comptime K: usize, comptime sharing: bool) type {
    const H = arch.hidden;
    const O = arch.outputs;
    const U = @min(8, H);
    const Packed = plans.Packed(arch);
    const Work = plans.Work(arch);

    return struct {
        weights: [*]const f32,
        /// The first layer's weights, scaled.
        scaled: [*]const f32,
        /// Hidden units before these inputs, and the inputs: scratch of the task.
        task: [*]f32,
        /// What lanes add to hidden units, `stride` floats apart.
        shared: [*]const f32,
        stride: usize,

        /// W lanes from `part` on of the tile whose inputs are in the scratch; `lane`: the first of them in the line.
        pub inline fn run(self: @This(), comptime W: usize, part: usize, lane: usize) simd.Vec(W) {
            const V = simd.Vec(W);
            const first = self.task + Work.first;
            var hidden: [U]V = undefined;
            var from: usize = 0;
            while (from < H) : (from += U) {
                inline for (0..U) |i| {
                    hidden[i] = @splat(self.task[Work.hidden + from + i]);
                    if (sharing) hidden[i] += simd.load(W, self.shared + (from + i) * self.stride + lane);
                }
                layer(W, K, self.task + Work.inputs + part, self.scaled + from, &hidden);
                inline for (0..U) |i| simd.store(W, first + 16 * (from + i), hidden[i]);
            }
            const own = self.weights;
            var out: [O]V = undefined;
            inline for (0..O) |o| out[o] = @splat(own[Packed.bias2 + o]);
            from = 0;
            while (from < H) : (from += U) {
                inline for (0..U) |i| hidden[i] = @splat(own[Packed.bias1 + from + i]);
                layer(W, H, first, own + Packed.matrix1 + from, &hidden);
                inline for (0..U) |i| {
                    inline for (0..O) |o| out[o] = madd(hidden[i], @as(V, @splat(own[Packed.matrix2 + (from + i) * O + o])), out[o]);
                }
            }
            if (O == 1) return out[0];
            return out[0] * simd.exp(out[1] * @as(V, @splat(0.001)));
        }

        /// sums ← max(0, sums + x·W) over I inputs, rows of 16 at `inputs`, and rows of H weights.
        inline fn layer(comptime W: usize, comptime I: usize, inputs: [*]const f32, weights: [*]const f32, sums: *[U]simd.Vec(W)) void {
            const V = simd.Vec(W);
            for (0..I) |k| {
                const x = simd.load(W, inputs + 16 * k);
                inline for (0..U) |i| sums[i] = madd(x, @as(V, @splat(weights[k * H + i])), sums[i]);
            }
            inline for (0..U) |i| sums[i] = simd.atLeast(sums[i], 0);
        }

        /// The first layer's biases, with what the time embedding adds.
        pub fn bias(weights: [*]const f32, time: f32, to: [*]f32) void {
            @setEvalBranchQuota(10_000);
            for (0..H) |h| to[h] = weights[Packed.bias0 + h];
            if (!arch.time) return;
            const times: [16]f32 = simd.tanh(all(time) / scales - all(1));
            inline for (0..plans.embedded) |i| addRow(H, times[i], weights + Packed.time + i * H, to, to);
        }
    };
}
