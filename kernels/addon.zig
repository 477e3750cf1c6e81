//! The Node-API addon. `open(buffer, level)` gives the kernels of one level as functions without arguments: they read
//! theirs from the argument block, sixteen or more float64 at `block` in the buffer, where the caller has put them. Ten
//! arguments cost a tenth of a microsecond that way less than through Node-API.
const std = @import("std");
const builtin = @import("builtin");
const kernels = @import("kernels.zig");
const cpu = @import("cpu.zig");
const crash = @import("crash.zig");
const napi = @import("napi.zig");
const pool = @import("pool.zig");

const names = kernels.names;

/// Byte offset of the argument block.
const block = 512;

/// The functions of one level, in the order of `names`; the linker finds them in that level's object.
fn table(comptime level: cpu.Level) [names.len]*const anyopaque {
    var functions: [names.len]*const anyopaque = undefined;
    inline for (names, 0..) |name, i| {
        functions[i] = @ptrCast(@extern(*const kernels.Function(name), .{ .name = name ++ "_" ++ @tagName(level) }));
    }
    return functions;
}

/// What a kernel's function object carries: where its memory is, and the functions of its level.
const Opened = struct {
    base: [*]u8,
    length: usize,
    functions: [names.len]*const anyopaque,
    /// Threads that its calls may use.
    threads: usize,
    buffer: napi.Ref,
};

/// The JavaScript function of kernel `index`.
fn Entry(comptime index: usize) type {
    const Kernel = kernels.Function(names[index]);
    const params = @typeInfo(Kernel).@"fn".param_types;
    return struct {
        fn call(env: napi.Env, info: napi.Info) callconv(.c) ?napi.Value {
            var argc: usize = 0;
            var data: ?*anyopaque = undefined;
            _ = napi.napi_get_cb_info(env, info, &argc, null, null, &data);
            const opened: *const Opened = @ptrCast(@alignCast(data));
            const values: [*]const f64 = @ptrCast(@alignCast(opened.base + block));
            var args: std.meta.ArgsTuple(Kernel) = undefined;
            inline for (params, 0..) |P, i| {
                args[i] = argument(P.?, opened, values[i]) orelse {
                    const message = std.fmt.comptimePrint("kernel {s}: argument {d} lies outside the memory", .{ names[index], i });
                    _ = napi.napi_throw_error(env, "E_MEMORY", message);
                    return null;
                };
            }
            pool.enter(opened.threads);
            const kernel: *const Kernel = @ptrCast(@alignCast(opened.functions[index]));
            crash.running = &names[index];
            const result = @call(.auto, kernel, args);
            crash.running = null;
            if (@TypeOf(result) == void) return null;
            var value: napi.Value = undefined;
            const number: f64 = if (@TypeOf(result) == usize) @floatFromInt(result) else result;
            _ = napi.napi_create_double(env, number, &value);
            return value;
        }
    };
}

inline fn argument(comptime P: type, opened: *const Opened, x: f64) ?P {
    switch (P) {
        f32 => return @floatCast(x),
        bool => return x != 0,
        else => {},
    }
    if (!(x >= 0 and x <= std.math.maxInt(u32))) return null;
    const number: usize = @intFromFloat(x);
    if (P == usize) return number;
    if (number >= opened.length) return null;
    if (@typeInfo(P) == .optional and number == 0) return @as(P, null);
    return @as(P, @ptrCast(@alignCast(opened.base + number)));
}

fn open(env: napi.Env, info: napi.Info) callconv(.c) ?napi.Value {
    var argc: usize = 2;
    var argv: [2]napi.Value = undefined;
    _ = napi.napi_get_cb_info(env, info, &argc, &argv, null, null);
    var base: ?[*]u8 = undefined;
    var length: usize = undefined;
    var text: [16]u8 = undefined;
    var size: usize = 0;
    if (argc < 2 or napi.napi_get_arraybuffer_info(env, argv[0], &base, &length) != 0 or
        napi.napi_get_value_string_utf8(env, argv[1], &text, text.len, &size) != 0)
    {
        _ = napi.napi_throw_error(env, "E_ARGUMENTS", "open(buffer, level)");
        return null;
    }
    const level = std.meta.stringToEnum(cpu.Level, text[0..size]);
    if (level == null or !cpu.supports(level.?)) {
        _ = napi.napi_throw_error(env, "E_LEVEL", "this processor cannot run these kernels");
        return null;
    }
    var object: napi.Value = undefined;
    _ = napi.napi_create_object(env, &object);
    const opened = std.heap.page_allocator.create(Opened) catch return null;
    opened.* = .{ .base = base.?, .length = length, .functions = undefined, .threads = 1, .buffer = undefined };
    inline for (cpu.compiled) |l| {
        if (l == level.?) opened.functions = table(l);
    }
    _ = napi.napi_create_reference(env, argv[0], 1, &opened.buffer);
    _ = napi.napi_wrap(env, object, opened, close, null, null);
    inline for (names, 0..) |name, i| add(env, object, name, Entry(i).call, opened);
    add(env, object, "useThreads", useThreads, opened);
    advise(base.?, length);
    crash.watch();
    return object;
}

fn close(env: napi.Env, native: *anyopaque, _: ?*anyopaque) callconv(.c) void {
    const opened: *Opened = @ptrCast(@alignCast(native));
    _ = napi.napi_delete_reference(env, opened.buffer);
    std.heap.page_allocator.destroy(opened);
}

/// Asks Linux for huge pages: a tenth of the time of kernels that go through records.
fn advise(base: [*]u8, length: usize) void {
    if (builtin.os.tag == .linux) _ = std.os.linux.madvise(base, length, std.os.linux.MADV.HUGEPAGE);
}

/// useThreads(count): how many the kernels of this object may use; returns how many they get.
fn useThreads(env: napi.Env, info: napi.Info) callconv(.c) ?napi.Value {
    var argc: usize = 1;
    var argv: [1]napi.Value = undefined;
    var data: ?*anyopaque = undefined;
    _ = napi.napi_get_cb_info(env, info, &argc, &argv, null, &data);
    const opened: *Opened = @ptrCast(@alignCast(data));
    var count: u32 = 1;
    if (argc > 0) _ = napi.napi_get_value_uint32(env, argv[0], &count);
    opened.threads = pool.grow(@max(1, count));
    var value: napi.Value = undefined;
    _ = napi.napi_create_double(env, @floatFromInt(opened.threads), &value);
    return value;
}

fn add(env: napi.Env, object: napi.Value, name: [:0]const u8, callback: napi.Callback, data: ?*anyopaque) void {
    var function: napi.Value = undefined;
    _ = napi.napi_create_function(env, name.ptr, name.len, callback, data, &function);
    _ = napi.napi_set_named_property(env, object, name, function);
}

export fn napi_register_module_v1(env: napi.Env, exports: napi.Value) ?napi.Value {
    add(env, exports, "open", open, null);
    const level = if (cpu.best()) |l| @tagName(l) else "";
    var value: napi.Value = undefined;
    _ = napi.napi_create_string_utf8(env, level.ptr, level.len, &value);
    _ = napi.napi_set_named_property(env, exports, "level", value);
    _ = napi.napi_create_string_utf8(env, kernels.interface.ptr, kernels.interface.len, &value);
    _ = napi.napi_set_named_property(env, exports, "interface", value);
    return exports;
}
