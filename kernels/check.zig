//! What every kernel computes on vectors of one seed, as a hash: compiled for each target, run natively, in WebAssembly
//! and under emulators, and compared. check_main.zig prints the hashes; where there is no
//! system they are left in `digests`.
const std = @import("std");
const builtin = @import("builtin");
const batchnorm = @import("batchnorm.zig");
const conv = @import("conv.zig");
const elementwise = @import("elementwise.zig");
const gemm = @import("gemm.zig");
const lstm = @import("lstm.zig");
const optimizers = @import("optimizers.zig");
const pooling = @import("pooling.zig");
const softmax = @import("softmax.zig");
const plans = @import("tensor_plan.zig");
const tensors = @import("tensors.zig");
const vector = @import("vector.zig");

comptime {
    _ = @import("sequential.zig");
}

var memory: [1 << 20]f32 align(64) = undefined;
var used: usize = 0;
var state: u32 = 0;

/// Entries in [−1, 1), at places that are not aligned.
fn values(n: usize) [*]f32 {
    const at = zeros(n + 3) + used / 64 % 4;
    for (0..n) |i| at[i] = next();
    return at;
}

/// The same with every other entry zero, about.
fn sparse(n: usize) [*]f32 {
    const at = values(n);
    for (0..n) |i| at[i] = if (at[i] < 0) 0 else at[i];
    return at;
}

/// Entries in [1, 3).
fn positive(n: usize) [*]f32 {
    const at = values(n);
    for (0..n) |i| at[i] += 2;
    return at;
}

/// Entries in (−3e-17, 3e-17): moments that are kept, and such that are not.
fn small(n: usize) [*]f32 {
    const at = values(n);
    for (0..n) |i| at[i] *= 3e-17;
    return at;
}

/// Entries below 4·2^-120.
fn smallSquares(n: usize) [*]f32 {
    const at = positive(n);
    for (0..n) |i| at[i] = (at[i] - 1) * 0x1p-119;
    return at;
}

fn zeros(n: usize) [*]align(64) f32 {
    const at: [*]align(64) f32 = @alignCast(memory[used..].ptr);
    used += (n + 15) / 16 * 16;
    @memset(at[0..n], 0);
    return at;
}

fn bytes(n: usize, limit: u8) [*]u8 {
    const at: [*]u8 = @ptrCast(zeros((n + 3) / 4));
    for (0..n) |i| at[i] = @intFromFloat((next() + 1) / 2 * @as(f32, @floatFromInt(limit)));
    return at;
}

fn next() f32 {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return @as(f32, @floatFromInt(state >> 8)) / (1 << 23) - 1;
}

fn keep(x: f64) void {
    const bits: [2]f32 = @bitCast(x);
    const at = zeros(2);
    at[0..2].* = bits;
}

const lengths = .{ 1, 13, 16, 37, 259 };

fn maps() void {
    inline for (lengths) |n| {
        const x = values(n);
        inline for (.{ "sigmoid", "tanh", "relu", "exp" }) |name| @field(elementwise, name)(x, values(n), n);
        elementwise.log(positive(n), values(n), n);
        inline for (.{ "sigmoidBackward", "tanhBackward", "reluBackward" }) |name| @field(elementwise, name)(x, values(n), n);
        keep(vector.dot(x, values(n), n));
        vector.addScaled(x, 0.3, values(n), values(n), n);
        vector.scale(0.7, values(n), n);
        vector.unpackPixels(bytes(n, 255), n, values(n));
    }
}

fn products() void {
    inline for (.{ .{ 1, 1, 1 }, .{ 5, 7, 9 }, .{ 17, 20, 64 }, .{ 24, 33, 50 } }) |shape| {
        const M, const N, const K = shape;
        gemm.gemmDot(M, N, K, values(M * K), K, values(N * K), K, values(M * N), N, values(N));
        gemm.gemmDot(M, N, K, values(M * K), K, values(N * K), K, values(M * N), N, null);
        gemm.gemmLanes(M, K, N, values(M * N), N, 1, values(N * K), K, values(M * K), K, false);
        gemm.gemmLanes(M, K, N, values(M * N), 1, M, values(N * K), K, values(M * K), K, true);
        gemm.columnSums(M, N, values(M * N), N, values(N), true);
        keep(softmax.softmaxCrossEntropy(values(M * N), bytes(M, N), M, N, 0.1, @ptrCast(zeros(1))));
    }
}

fn images() void {
    inline for (.{ .{ 2, 9, 9, 1, 3, 16 }, .{ 3, 6, 7, 5, 2, 21 }, .{ 2, 7, 7, 16, 3, 32 } }) |shape| {
        const batch, const H, const W, const Ci, const k, const Co = shape;
        const Ho = H - k + 1;
        const Wo = W - k + 1;
        const extents = .{ batch, H, W, Ci, k, k, Ho, Wo, Co };
        const weights = values(Co * k * k * Ci);
        const panels = zeros((Co + 15) / 16 * 16 * k * k * Ci);
        const scratch: [*]conv.Entry = @ptrCast(zeros(conv.convScratchBytes(H, W, Ci, k, k, Ho, Wo, Co) / 4));
        const x = values(batch * H * W * Ci);
        const dy = sparse(batch * Ho * Wo * Co);
        conv.convPack(weights, Co, k * k * Ci, panels);
        @call(.auto, conv.convForward, extents ++ .{ x, panels, values(Co), values(batch * Ho * Wo * Co) });
        @call(.auto, conv.convBackwardWeights, extents ++ .{ x, dy, values(Co * k * k * Ci), values(Co), scratch });
        @call(.auto, conv.convBackwardInput, extents ++ .{ dy, weights, x, scratch });
    }
}

fn channels() void {
    inline for (.{ .{ 2, 5, 6, 3 }, .{ 1, 6, 7, 16 }, .{ 3, 4, 4, 21 } }) |shape| {
        const batch, const H, const W, const C = shape;
        const rows = batch * H * W;
        const pooled = batch * (H / 2) * (W / 2) * C;
        const x = values(rows * C);
        const at = bytes(pooled, 4);
        pooling.maxPool(batch, H, W, C, x, values(pooled), at);
        pooling.maxPoolBackward(batch, H, W, C, values(pooled), at, values(rows * C));
        const scratch: [*]f64 = @ptrCast(zeros(7 * C));
        const mean = values(C);
        const variance = positive(C);
        batchnorm.batchNormStatistics(rows, C, x, values(C), values(C), scratch);
        batchnorm.batchNormForward(rows, C, x, values(C), values(C), mean, variance, 1e-5, values(rows * C), @ptrCast(scratch));
        inline for (.{ false, true }) |frozen| {
            batchnorm.batchNormBackward(rows, C, x, values(rows * C), values(C), mean, variance, 1e-5, values(C), values(C), values(rows * C), frozen, scratch);
        }
    }
}

fn steps() void {
    inline for (lengths) |n| {
        inline for (.{ false, true }) |stored| {
            const w = values(n);
            const u: ?[*]f32 = if (stored) values(n) else null;
            const g = sparse(n);
            optimizers.gradientStep(w, u, g, n, 0.1);
            optimizers.momentumStep(w, u, g, values(n), n, 0.1, 0.9, stored);
            optimizers.rmspropStep(w, u, g, positive(n), n, 0.1, 0.9, 1e-8);
            optimizers.adamStep(w, u, g, values(n), positive(n), n, 0.01, 0.9, 0.999, 1e-8, 0.2, 0.1, 0.001);
            optimizers.lionStep(w, u, g, values(n), n, 0.01, 0.9, 0.99, 0.001);
            const still = zeros(n);
            optimizers.momentumStep(w, u, still, small(n), n, 0.1, 0.9, stored);
            optimizers.rmspropStep(w, u, still, smallSquares(n), n, 0.1, 0.9, 1e-8);
            optimizers.adamStep(w, u, still, small(n), smallSquares(n), n, 0.01, 0.9, 0.999, 1e-8, 0.2, 0.1, 0.001);
            optimizers.lionStep(w, u, still, small(n), n, 0.01, 0.9, 0.99, 0.001);
        }
    }
}

/// A window of a learned optimizer over 70 coordinates, forward and backward.
fn window(comptime name: []const u8, settings: [8]f32) void {
    const H = 8;
    const n = 70;
    const T = 3;
    const tiles = (n + 15) / 16;
    const of = struct {
        fn call(comptime function: []const u8) @TypeOf(@field(lstm, name ++ function)) {
            return @field(lstm, name ++ function);
        }
    }.call;
    const phi = values(4000);
    const shaped = used; // what has the shape of the target's tiles
    const weights = zeros(of("PackedSize")(H));
    const transposed = zeros(of("TransposedSize")(H));
    of("Pack")(phi, H, weights, transposed);
    const scratch = zeros(of("ScratchSize")(H, T));
    const end = used;
    const own = zeros(8 * T);
    for (0..T) |t| own[8 * t ..][0..8].* = settings;
    const cells = zeros(tiles * of("StateTile")(H));
    const records = zeros(tiles * of("RecordTile")(H, T));
    const w = values(n);
    const gradients = values(n * T);
    for (0..T) |t| of("Forward")(w, null, gradients + n * t, n, cells, weights, H, own + 8 * t, scratch, 1, records, t, T);
    const acc = zeros(2 * of("AccumulatorSize")(H));
    of("Backward")(n, T, records, null, null, values(n * T), null, null, weights, transposed, H, own, scratch, 1, acc);
    @memset(memory[shaped..end], 0);
}

fn lstmWindow() void {
    window("lstm", .{ 0.1, 22026.465, 4.539993e-5, 0.1, 0, 0, 0, 0 });
}

fn rnnpropWindow() void {
    window("rnnprop", .{ 0.1, 0.95, 0.05, 0.95, 0.05, 1.2, 1.2, 1e-8 });
}

/// Three steps of every per-tensor learned optimizer on a matrix of 7 × 37 and a vector of 21.
fn tensorSteps() void {
    const lines = 7;
    const length = 37;
    const padded = 48;
    const size = lines * length + 21;
    const tables = 1 + 2 * plans.words;
    const plan: [*]u32 = @ptrCast(zeros(tables + 3 * lines + 3));
    plan[0] = 2;
    const own: [*]plans.Tensor = @ptrCast(plan + 1);
    own[0] = .{
        .vector = 0,
        .adam = 0,
        .groups = 1,
        .runs = 1,
        .lines = lines,
        .length = length,
        .stride = 1,
        .blocks = 1,
        .lineFactors = lines,
        .lineFactorsPadded = 16,
        .laneFactors = length,
        .laneFactorsPadded = padded,
        .lanesAreRows = 0,
        .state = 0,
        .starts = tables,
        .lineFactorOf = tables + lines,
        .laneFactorOf = tables + 2 * lines,
        .m = lines,
        .n = length,
        .rowStride = padded,
        .columnStride = 1,
    };
    for (0..lines) |l| {
        plan[tables + l] = @intCast(l * length);
        plan[tables + lines + l] = @intCast(l);
    }
    own[1] = own[0];
    own[1].vector = 1;
    own[1].lines = 1;
    own[1].length = 21;
    own[1].state = 6 * lines * padded + 3 * (16 + padded + 16);
    own[1].starts = tables + 3 * lines;
    plan[own[1].starts] = lines * length;
    inline for (.{ "Mlp", "Adafac", "Celo", "Celo2" }) |name| {
        const weights = values(@field(tensors, "tensor" ++ name ++ "PackedSize")());
        for (0..7) |k| {
            weights[2 * k] = 0.9;
            weights[2 * k + 1] = 0.1;
        }
        const cells = zeros(own[1].state + 7 * 32);
        const w = values(size);
        const g = values(size);
        // parts of it have the shape of the target's tiles
        const work = zeros(tensors.tensorWork() + 20_000);
        for (0..3) |t| {
            const settings = [4]f32{ 0.01, 0.1, @floatFromInt(t), 1 };
            const u: ?[*]f32 = if (t == 1) values(size) else null;
            @field(tensors, "tensor" ++ name ++ "Step")(plan, weights, &settings, w, u, g, cells, work);
        }
        own[1].adam = 1 - own[1].adam;
        @memset(work[0 .. tensors.tensorWork() + 20_000], 0);
    }
}

pub const groups = .{
    .{ "elementwise, vector", maps },
    .{ "gemm, softmax", products },
    .{ "conv", images },
    .{ "pooling, batchnorm", channels },
    .{ "optimizers", steps },
    .{ "lstm", lstmWindow },
    .{ "rnnprop", rnnpropWindow },
    .{ "per-tensor optimizers", tensorSteps },
};

/// Hashes in the order of `groups`, behind a word by which they are found in an image.
pub export var digests: [groups.len + 1]u64 = .{0x6c6f776c616e6421} ++ @as([groups.len]u64, @splat(0));

pub fn run() void {
    inline for (groups, 1..) |group, i| {
        used = 0;
        state = 2463534242;
        group[1]();
        digests[i] = std.hash.Fnv1a_64.hash(std.mem.sliceAsBytes(memory[0..used]));
    }
}

/// For WebAssembly: the place of the digests.
fn check() callconv(.c) *anyopaque {
    run();
    return &digests;
}

/// For an emulator without a system.
fn bare() callconv(.c) noreturn {
    run();
    while (true) asm volatile ("hlt");
}

comptime {
    if (builtin.cpu.arch == .wasm32) @export(&check, .{ .name = "check" }) //
    else if (builtin.os.tag == .freestanding) @export(&bare, .{ .name = "_start" });
}
