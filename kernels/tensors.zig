//! The per-tensor learned optimizers: see tensor_step.zig. `plan`, packed weights and work are laid out by
//! src/learned/tensor-plan.ts; `settings`: learning rate, weight decay, steps before this one, whether directions are made
//! orthogonal. Where the pointer `u` is null the update is applied to w; else it is stored there and w is left alone.
const step = @import("tensor_step.zig");

const Mlp = step.Step(.{ .momenta = 6, .second = false, .epsNorm = 1e-5, .hidden = 32, .outputs = 2, .time = true, .update = .absolute });
const AdafacMlp = step.Step(.{ .momenta = 3, .vectors = .bounded, .epsSecond = 1e-6, .epsNorm = 1e-5, .hidden = 4, .outputs = 2, .time = true, .update = .absolute });
const Celo = step.Step(.{ .momenta = 3, .clips = true, .vectors = .bare, .epsSecond = 1e-6, .epsNorm = 1e-5, .hidden = 4, .outputs = 2, .update = .relative });
const Celo2 = step.Step(.{ .momenta = 3, .clips = true, .epsSecond = 1e-8, .epsNorm = 1e-9, .hidden = 8, .outputs = 1, .update = .direction });

/// Floats of φ packed for the kernels.
pub fn tensorMlpPackedSize() callconv(.c) usize {
    return Mlp.packedSize;
}

pub fn tensorAdafacPackedSize() callconv(.c) usize {
    return AdafacMlp.packedSize;
}

pub fn tensorCeloPackedSize() callconv(.c) usize {
    return Celo.packedSize;
}

pub fn tensorCelo2PackedSize() callconv(.c) usize {
    return Celo2.packedSize;
}

/// Floats of work beside those of tensors.
pub fn tensorWork() callconv(.c) usize {
    return @max(Mlp.ownWork, AdafacMlp.ownWork, Celo.ownWork, Celo2.ownWork);
}

pub fn tensorMlpStep(
    plan: [*]const u32, weights: [*]const f32, settings: [*]const f32, w: [*]f32, u: ?[*]f32, g: [*]const f32,
    state: [*]f32, work: [*]f32,
) callconv(.c) void {
    const job: Mlp = .{ .plan = plan, .weights = weights, .settings = @ptrCast(settings), .w = w, .u = u, .g = g, .state = state, .work = work };
    job.run();
}

pub fn tensorAdafacStep(
    plan: [*]const u32, weights: [*]const f32, settings: [*]const f32, w: [*]f32, u: ?[*]f32, g: [*]const f32,
    state: [*]f32, work: [*]f32,
) callconv(.c) void {
    const job: AdafacMlp = .{ .plan = plan, .weights = weights, .settings = @ptrCast(settings), .w = w, .u = u, .g = g, .state = state, .work = work };
    job.run();
}

pub fn tensorCeloStep(
    plan: [*]const u32, weights: [*]const f32, settings: [*]const f32, w: [*]f32, u: ?[*]f32, g: [*]const f32,
    state: [*]f32, work: [*]f32,
) callconv(.c) void {
    const job: Celo = .{ .plan = plan, .weights = weights, .settings = @ptrCast(settings), .w = w, .u = u, .g = g, .state = state, .work = work };
    job.run();
}

pub fn tensorCelo2Step(
    plan: [*]const u32, weights: [*]const f32, settings: [*]const f32, w: [*]f32, u: ?[*]f32, g: [*]const f32,
    state: [*]f32, work: [*]f32,
) callconv(.c) void {
    const job: Celo2 = .{ .plan = plan, .weights = weights, .settings = @ptrCast(settings), .w = w, .u = u, .g = g, .state = state, .work = work };
    job.run();
}
