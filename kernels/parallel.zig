//! Splits work over the threads this caller may use. Which thread runs a task is left to chance, so tasks must not
//! share what they write, and what they sum is added by the caller in the order of the tasks: the same bits on any
//! number of threads.
const simd = @import("simd.zig");

pub const Job = *const fn (context: *anyopaque, index: usize) callconv(.c) void;

extern fn poolRun(count: usize, context: *anyopaque, job: Job) callconv(.c) void;
extern fn poolShare() callconv(.c) usize;

/// Tasks a job is split into at most: scratch is divided by it.
pub const most = 16;

/// Float operations that are worth a task: about 10 µs, ten times what it takes to hand one over.
const worthwhile = 400_000;

/// Threads that this caller may use.
pub inline fn share() usize {
    return if (simd.threads) poolShare() else 1;
}

/// Calls context.run(index) for every index below `count`, in any order and side by side.
pub inline fn each(count: usize, context: anytype) void {
    const Context = @TypeOf(context.*);
    if (!simd.threads or count < 2) {
        for (0..count) |i| context.run(i);
        return;
    }
    poolRun(count, @constCast(context), struct {
        fn job(opaque_: *anyopaque, index: usize) callconv(.c) void {
            const own: *const Context = @ptrCast(@alignCast(opaque_));
            own.run(index);
        }
    }.job);
}

/// Calls context.range(from, to, task) for pieces of 0 … total that begin at multiples of `step`; `work` is the float
/// operations of one item. Results must not depend on where the pieces end.
pub inline fn ranges(total: usize, step: usize, work: usize, context: anytype) void {
    const count = tasks(total, step, work);
    if (count == 1) return context.range(0, total, 0);
    const Pieces = struct {
        context: @TypeOf(context),
        count: usize,
        total: usize,
        step: usize,

        pub fn run(self: *const @This(), index: usize) void {
            const steps = (self.total + self.step - 1) / self.step;
            const from = steps * index / self.count * self.step;
            const to = @min(self.total, steps * (index + 1) / self.count * self.step);
            self.context.range(from, to, index);
        }
    };
    const pieces: Pieces = .{ .context = context, .count = count, .total = total, .step = step };
    each(count, &pieces);
}

inline fn tasks(total: usize, step: usize, work: usize) usize {
    if (!simd.threads or total <= step or total *| work < 2 * worthwhile) return 1;
    if (share() == 1) return 1;
    // some more than threads, so that one that is held up leaves the rest to others
    return @min(4 * share(), most, total *| work / worthwhile, (total + step - 1) / step);
}
