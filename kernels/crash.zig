//! Names the kernel that runs when the process dies of an access outside the memory. On Linux; elsewhere nothing is said.
const builtin = @import("builtin");
const linux = @import("std").os.linux;

/// The kernel under way, if any: several threads of the host may take turns, the last to start one is named.
pub var running: ?*const [:0]const u8 = null;

var before: linux.Sigaction = undefined;
var watching = false;

/// Takes the signal before those who have it now: V8 turns accesses of WebAssembly into exceptions.
pub fn watch() void {
    if (builtin.os.tag != .linux or watching) return;
    watching = true;
    const action: linux.Sigaction = .{
        .handler = .{ .sigaction = handle },
        .mask = linux.sigemptyset(),
        .flags = linux.SA.SIGINFO | linux.SA.ONSTACK | linux.SA.NODEFER,
    };
    _ = linux.sigaction(.SEGV, &action, &before);
}

fn handle(signal: linux.SIG, info: *const linux.siginfo_t, context: ?*anyopaque) callconv(.c) void {
    if (running) |name| {
        for ([_][]const u8{ "lowland: kernel ", name.*, " left the memory\n" }) |text| _ = linux.write(2, text.ptr, text.len);
        running = null;
    }
    if (before.flags & linux.SA.SIGINFO != 0) {
        if (before.handler.sigaction) |next| return next(signal, info, context);
    }
    // the access is repeated, and ends the process
    const default: linux.Sigaction = .{ .handler = .{ .handler = linux.SIG.DFL }, .mask = linux.sigemptyset(), .flags = 0 };
    _ = linux.sigaction(.SEGV, &default, null);
}
