//! The Node-API addon: `open(buffer, level)` gives the kernels of one level, working in that buffer. A kernel takes
//! what the WebAssembly module's takes: byte offsets and numbers.
const std = @import("std");
const builtin = @import("builtin");
const kernels = @import("kernels.zig");
const cpu = @import("cpu.zig");
const napi = @import("napi.zig");

comptime {
    _ = @import("pool.zig");
}

const levels: []const cpu.Level = switch (builtin.cpu.arch) {
    .aarch64 => &.{.neon},
    else => &.{ .avx512, .avx2 },
};

const names = kernels.names;
const Function = kernels.Function;

/// The functions of one level, in the order of `names`; the linker finds them in that level's object.
fn table(comptime level: cpu.Level) [names.len]*const anyopaque {
    var functions: [names.len]*const anyopaque = undefined;
    inline for (names, 0..) |name, i| {
        functions[i] = @ptrCast(@extern(*const Function(name), .{ .name = name ++ "_" ++ @tagName(level) }));
    }
    return functions;
}

/// What a kernel's function object carries: where its memory is, and the functions of its level.
const Opened = struct {
    base: [*]u8,
    length: usize,
    block: [*]const f64,
    functions: [names.len]*const anyopaque,
    buffer: napi.Ref,
};

/// The JavaScript function of kernel `index`. `fromBlock`: arguments come from the argument block, not the call.
fn Entry(comptime index: usize, comptime fromBlock: bool) type {
    const Kernel = Function(names[index]);
    const params = @typeInfo(Kernel).@"fn".param_types;
    return struct {
        fn call(env: napi.Env, info: napi.Info) callconv(.c) ?napi.Value {
            var argc: usize = params.len;
            var argv: [@max(1, params.len)]napi.Value = undefined;
            var data: ?*anyopaque = undefined;
            if (fromBlock) argc = 0;
            _ = napi.napi_get_cb_info(env, info, &argc, &argv, null, &data);
            const opened: *const Opened = @ptrCast(@alignCast(data));
            if (!fromBlock and argc != params.len) {
                _ = napi.napi_throw_error(env, "E_ARGUMENTS", names[index] ++ ": wrong number of arguments");
                return null;
            }
            var args: std.meta.ArgsTuple(Kernel) = undefined;
            inline for (params, 0..) |P, i| {
                args[i] = if (fromBlock) fromNumber(P.?, opened, opened.block[i]) else argument(P.?, opened, env, argv[i]) orelse {
                    _ = napi.napi_throw_error(env, "E_ARGUMENTS", std.fmt.comptimePrint("{s}: argument {d} is not what it takes", .{ names[index], i }));
                    return null;
                };
            }
            const kernel: *const Kernel = @ptrCast(@alignCast(opened.functions[index]));
            const result = @call(.auto, kernel, args);
            if (@TypeOf(result) == void) return null;
            var value: napi.Value = undefined;
            const number: f64 = if (@TypeOf(result) == usize) @floatFromInt(result) else result;
            _ = napi.napi_create_double(env, number, &value);
            return value;
        }
    };
}

inline fn pointer(comptime P: type, opened: *const Opened, offset: usize) P {
    if (@typeInfo(P) == .optional) {
        if (offset == 0) return null;
        return @ptrCast(@alignCast(opened.base + offset));
    }
    return @ptrCast(@alignCast(opened.base + offset));
}

inline fn fromNumber(comptime P: type, opened: *const Opened, x: f64) P {
    return switch (P) {
        f32 => @floatCast(x),
        usize => @intFromFloat(x),
        bool => x != 0,
        else => pointer(P, opened, @intFromFloat(x)),
    };
}

inline fn argument(comptime P: type, opened: *const Opened, env: napi.Env, value: napi.Value) ?P {
    if (P == f32) {
        var x: f64 = undefined;
        return if (napi.napi_get_value_double(env, value, &x) == 0) @floatCast(x) else null;
    }
    if (P == bool) {
        var x: bool = undefined;
        return if (napi.napi_get_value_bool(env, value, &x) == 0) x else null;
    }
    var x: u32 = undefined;
    if (napi.napi_get_value_uint32(env, value, &x) != 0) return null;
    if (P == usize) return x;
    if (x >= opened.length) return null;
    return pointer(P, opened, x);
}

fn open(env: napi.Env, info: napi.Info) callconv(.c) ?napi.Value {
    var argc: usize = 3;
    var argv: [3]napi.Value = undefined;
    var data: ?*anyopaque = undefined;
    _ = napi.napi_get_cb_info(env, info, &argc, &argv, null, &data);
    var base: ?[*]u8 = undefined;
    var length: usize = undefined;
    var blockAt: u32 = 0;
    var text: [16]u8 = undefined;
    var size: usize = 0;
    if (argc < 2 or napi.napi_get_arraybuffer_info(env, argv[0], &base, &length) != 0 or
        napi.napi_get_value_string_utf8(env, argv[1], &text, text.len, &size) != 0)
    {
        _ = napi.napi_throw_error(env, "E_ARGUMENTS", "open(buffer, level, block)");
        return null;
    }
    if (argc > 2) _ = napi.napi_get_value_uint32(env, argv[2], &blockAt);
    const level = std.meta.stringToEnum(cpu.Level, text[0..size]);
    if (level == null or !cpu.supports(level.?)) {
        _ = napi.napi_throw_error(env, "E_LEVEL", "this processor cannot run these kernels");
        return null;
    }
    var object: napi.Value = undefined;
    _ = napi.napi_create_object(env, &object);
    const opened = std.heap.page_allocator.create(Opened) catch return null;
    opened.* = .{
        .base = base.?,
        .length = length,
        .block = @ptrCast(@alignCast(base.? + blockAt)),
        .functions = undefined,
        .buffer = undefined,
    };
    inline for (levels) |l| {
        if (l == level.?) opened.functions = table(l);
    }
    _ = napi.napi_create_reference(env, argv[0], 1, &opened.buffer);
    _ = napi.napi_wrap(env, object, opened, close, null, null);
    inline for (names, 0..) |name, i| {
        var function: napi.Value = undefined;
        _ = napi.napi_create_function(env, name.ptr, name.len, Entry(i, false).call, opened, &function);
        _ = napi.napi_set_named_property(env, object, name, function);
        _ = napi.napi_create_function(env, name.ptr, name.len, Entry(i, true).call, opened, &function);
        _ = napi.napi_set_named_property(env, object, name ++ "FromBlock", function);
    }
    return object;
}

fn close(env: napi.Env, native: *anyopaque, hint: ?*anyopaque) callconv(.c) void {
    _ = hint;
    const opened: *Opened = @ptrCast(@alignCast(native));
    _ = napi.napi_delete_reference(env, opened.buffer);
    std.heap.page_allocator.destroy(opened);
}

/// Asks Linux for huge pages behind a buffer.
fn advise(env: napi.Env, info: napi.Info) callconv(.c) ?napi.Value {
    var argc: usize = 1;
    var argv: [1]napi.Value = undefined;
    var data: ?*anyopaque = undefined;
    _ = napi.napi_get_cb_info(env, info, &argc, &argv, null, &data);
    var base: ?[*]u8 = undefined;
    var length: usize = undefined;
    if (napi.napi_get_arraybuffer_info(env, argv[0], &base, &length) != 0) return null;
    if (builtin.os.tag == .linux) {
        var value: napi.Value = undefined;
        _ = napi.napi_create_double(env, @floatFromInt(std.os.linux.madvise(base.?, length, std.os.linux.MADV.HUGEPAGE)), &value);
        return value;
    }
    return null;
}

extern fn poolThreads(usize, usize) void;

fn threads(env: napi.Env, info: napi.Info) callconv(.c) ?napi.Value {
    var argc: usize = 2;
    var argv: [2]napi.Value = undefined;
    var data: ?*anyopaque = undefined;
    _ = napi.napi_get_cb_info(env, info, &argc, &argv, null, &data);
    var count: u32 = 1;
    var spins: u32 = 2000;
    _ = napi.napi_get_value_uint32(env, argv[0], &count);
    _ = napi.napi_get_value_uint32(env, argv[1], &spins);
    poolThreads(count, spins);
    return null;
}

fn noop(env: napi.Env, info: napi.Info) callconv(.c) ?napi.Value {
    _ = env;
    _ = info;
    return null;
}

export fn napi_register_module_v1(env: napi.Env, exports: napi.Value) ?napi.Value {
    var value: napi.Value = undefined;
    _ = napi.napi_create_function(env, "open", 4, open, null, &value);
    _ = napi.napi_set_named_property(env, exports, "open", value);
    _ = napi.napi_create_function(env, "noop", 4, noop, null, &value);
    _ = napi.napi_set_named_property(env, exports, "noop", value);
    _ = napi.napi_create_function(env, "threads", 7, threads, null, &value);
    _ = napi.napi_set_named_property(env, exports, "threads", value);
    _ = napi.napi_create_function(env, "advise", 6, advise, null, &value);
    _ = napi.napi_set_named_property(env, exports, "advise", value);
    const level = if (cpu.best()) |l| @tagName(l) else "";
    _ = napi.napi_create_string_utf8(env, level.ptr, level.len, &value);
    _ = napi.napi_set_named_property(env, exports, "level", value);
    return exports;
}
