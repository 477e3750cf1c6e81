//! One object a target: every kernel under its name and the target's suffix.
const config = @import("config");
const kernels = @import("kernels.zig");

comptime {
    @setEvalBranchQuota(100_000);
    if (@import("builtin").cpu.arch == .wasm32) _ = @import("sequential.zig");
    for (kernels.names) |name| @export(&kernels.function(name), .{ .name = name ++ config.suffix });
}
