//! The kernels: every public function of these files with the C calling convention. A new file is one more line.
//! Outside, a pointer parameter is a byte offset in the memory, and 0 is null where the type admits it.
const files = .{
    @import("elementwise.zig"),
    @import("vector.zig"),
    @import("gemm.zig"),
    @import("softmax.zig"),
    @import("conv.zig"),
    @import("pooling.zig"),
    @import("batchnorm.zig"),
    @import("optimizers.zig"),
    @import("lstm.zig"),
    @import("tensors.zig"),
    @import("peak.zig"),
};

pub const names: []const [:0]const u8 = blk: {
    @setEvalBranchQuota(100_000);
    var list: []const [:0]const u8 = &.{};
    for (files) |file| {
        for (@typeInfo(file).@"struct".decl_names) |name| {
            if (isKernel(@TypeOf(@field(file, name)))) list = list ++ .{name};
        }
    }
    break :blk list;
};

pub fn Function(comptime name: []const u8) type {
    return @TypeOf(@field(fileOf(name), name));
}

pub fn function(comptime name: []const u8) Function(name) {
    return @field(fileOf(name), name);
}

/// What the caller's side was written for: every name, with a letter for each parameter.
pub const interface: [:0]const u8 = blk: {
    @setEvalBranchQuota(100_000);
    var text: [:0]const u8 = "";
    for (names) |name| {
        text = text ++ name ++ ":";
        for (@typeInfo(Function(name)).@"fn".param_types) |P| {
            text = text ++ switch (P.?) {
                usize => "n",
                f32 => "f",
                bool => "b",
                else => if (@typeInfo(P.?) == .optional) "o" else "p",
            };
        }
        text = text ++ " ";
    }
    break :blk text;
};

fn fileOf(comptime name: []const u8) type {
    for (files) |file| {
        if (@hasDecl(file, name)) return file;
    }
    unreachable;
}

fn isKernel(comptime T: type) bool {
    const info = @typeInfo(T);
    return info == .@"fn" and info.@"fn".attrs.@"callconv" != .auto;
}
