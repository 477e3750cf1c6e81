//! The coordinate-wise learned optimizers: `lstm` (LogAndSign, linear) and `rnnprop` (moments, tanh). See lstm_window.zig for
//! the layouts, lstm_ends.zig for the settings.
//!
//! `slots`: how many tasks have scratch, accumulators and records of their own, and may run at a time.
const ends = @import("lstm_ends.zig");
const parallel = @import("parallel.zig");
const simd = @import("simd.zig");
const window = @import("lstm_window.zig");

const Lstm = window.Optimizer(ends.LogAndSign, ends.Linear);
const Rnnprop = window.Optimizer(ends.Moments, ends.Tanh);

/// Slots that are of use: tasks at a time.
pub fn lstmSlots() callconv(.c) usize {
    return if (simd.threads) parallel.most else 1;
}

/// Floats in the state of one tile of 16 coordinates.
pub fn lstmStateTile(H: usize) callconv(.c) usize {
    return Lstm.stateTile(H);
}

/// Floats in the record of one tile over `steps` steps.
pub fn lstmRecordTile(H: usize, steps: usize) callconv(.c) usize {
    return Lstm.recordTile(H, steps);
}

/// Floats of φ packed for forward.
pub fn lstmPackedSize(H: usize) callconv(.c) usize {
    return Lstm.packedSize(H);
}

/// Floats of φ packed for backward.
pub fn lstmTransposedSize(H: usize) callconv(.c) usize {
    return Lstm.transposedSize(H);
}

/// Floats of scratch for one slot; `steps` 0: for lstmForward.
pub fn lstmScratchSize(H: usize, steps: usize) callconv(.c) usize {
    return Lstm.scratchSize(H, steps);
}

/// Floats of accumulators: the sums, and as many again for every slot.
pub fn lstmAccumulatorSize(H: usize) callconv(.c) usize {
    return Lstm.accumulatorSize(H);
}

pub fn lstmPack(phi: [*]const f32, H: usize, packed_: [*]f32, transposed: [*]f32) callconv(.c) void {
    Lstm.pack(phi, H, packed_, transposed);
}

/// One step of n coordinates: w ← w + u, or, where `u` is not null, u is written there and w left alone.
/// `records`: null, or the records of all tiles, of which slot t is written; at t = 0 the state is recorded first.
pub fn lstmForward(
    w: [*]f32,
    u: ?[*]f32,
    g: [*]const f32,
    n: usize,
    state: [*]f32,
    weights: [*]const f32,
    H: usize,
    settings: [*]const f32,
    scratch: [*]f32,
    slots: usize,
    records: ?[*]f32,
    t: usize,
    steps: usize,
) callconv(.c) void {
    const job: Lstm.Forward = .{ .w = w, .u = u, .g = g, .n = n, .state = state, .weights = weights, .H = H, .settings = settings, .scratch = scratch, .records = records, .t = t, .steps = steps };
    job.run(slots);
}

/// Backward through a window; cotangents[t][n] = ∂(meta-loss)/∂u_t. Adds to the first accumulators.
/// `start`: null where `records` are those of all tiles, else the state before the window, whose gradients[t][n] are run
/// again into one record for each slot. `after`, `before`: null, or ∂/∂state by the window's end (read) and start (written).
pub fn lstmBackward(
    n: usize,
    steps: usize,
    records: [*]f32,
    start: ?[*]const f32,
    gradients: ?[*]const f32,
    cotangents: [*]const f32,
    after: ?[*]const f32,
    before: ?[*]f32,
    weights: [*]const f32,
    transposed: [*]const f32,
    H: usize,
    settings: [*]const f32,
    scratch: [*]f32,
    slots: usize,
    acc: [*]f32,
) callconv(.c) void {
    const job: Lstm.Backward = .{ .n = n, .steps = steps, .records = records, .start = start, .gradients = gradients, .cotangents = cotangents, .after = after, .before = before, .weights = weights, .transposed = transposed, .H = H, .settings = settings, .scratch = scratch, .acc = acc };
    job.run(slots);
}

/// gradient[i] ← sum of the four lanes of accumulator i, in φ's order.
pub fn lstmReduce(acc: [*]const f32, count: usize, gradient: [*]f32) callconv(.c) void {
    window.reduce(acc, count, gradient);
}

// The same for rnnprop.

pub fn rnnpropStateTile(H: usize) callconv(.c) usize {
    return Rnnprop.stateTile(H);
}

pub fn rnnpropRecordTile(H: usize, steps: usize) callconv(.c) usize {
    return Rnnprop.recordTile(H, steps);
}

pub fn rnnpropPackedSize(H: usize) callconv(.c) usize {
    return Rnnprop.packedSize(H);
}

pub fn rnnpropTransposedSize(H: usize) callconv(.c) usize {
    return Rnnprop.transposedSize(H);
}

pub fn rnnpropScratchSize(H: usize, steps: usize) callconv(.c) usize {
    return Rnnprop.scratchSize(H, steps);
}

pub fn rnnpropAccumulatorSize(H: usize) callconv(.c) usize {
    return Rnnprop.accumulatorSize(H);
}

pub fn rnnpropPack(phi: [*]const f32, H: usize, packed_: [*]f32, transposed: [*]f32) callconv(.c) void {
    Rnnprop.pack(phi, H, packed_, transposed);
}

pub fn rnnpropForward(
    w: [*]f32,
    u: ?[*]f32,
    g: [*]const f32,
    n: usize,
    state: [*]f32,
    weights: [*]const f32,
    H: usize,
    settings: [*]const f32,
    scratch: [*]f32,
    slots: usize,
    records: ?[*]f32,
    t: usize,
    steps: usize,
) callconv(.c) void {
    const job: Rnnprop.Forward = .{ .w = w, .u = u, .g = g, .n = n, .state = state, .weights = weights, .H = H, .settings = settings, .scratch = scratch, .records = records, .t = t, .steps = steps };
    job.run(slots);
}

pub fn rnnpropBackward(
    n: usize,
    steps: usize,
    records: [*]f32,
    start: ?[*]const f32,
    gradients: ?[*]const f32,
    cotangents: [*]const f32,
    after: ?[*]const f32,
    before: ?[*]f32,
    weights: [*]const f32,
    transposed: [*]const f32,
    H: usize,
    settings: [*]const f32,
    scratch: [*]f32,
    slots: usize,
    acc: [*]f32,
) callconv(.c) void {
    const job: Rnnprop.Backward = .{ .n = n, .steps = steps, .records = records, .start = start, .gradients = gradients, .cotangents = cotangents, .after = after, .before = before, .weights = weights, .transposed = transposed, .H = H, .settings = settings, .scratch = scratch, .acc = acc };
    job.run(slots);
}
