//! Sixteen lanes everywhere: `F` is the vector all kernels are written in, whatever the machine's registers hold.
//! What differs between targets is here and in `tile`: nothing else in this folder asks what it is compiled for.
const std = @import("std");
const builtin = @import("builtin");
const config = @import("config");

pub const lanes = 16;
pub const F = Vec(lanes);

pub fn Vec(comptime n: comptime_int) type {
    return @Vector(n, f32);
}

fn Int(comptime n: comptime_int) type {
    return @Vector(n, i32);
}

const cpu = builtin.cpu;
const wasm = cpu.arch == .wasm32;
const relaxed = wasm and cpu.has(.wasm, .relaxed_simd);
const avx512 = cpu.arch == .x86_64 and cpu.has(.x86, .avx512f);
const avx2 = cpu.arch == .x86_64 and cpu.has(.x86, .avx2);

/// Whether a·b + c is rounded once. Every fused target gives the same bits, and every unfused one.
pub const fused = config.fused;

/// Whether tasks may run side by side, and then need scratch of their own.
pub const threads = !wasm;

/// Shapes of micro-tiles: as many accumulators as the registers of the target hold.
pub const tile = if (avx512)
    .{ .name = "avx512", .width = 16, .gates = 10, .dot = .{ 10, 4 }, .block = 20, .pixels = 8, .lanes = 10, .gemm = .{ 8, 4 }, .panels = 2, .gather = 8 }
else if (avx2)
    .{ .name = "avx2", .width = 8, .gates = 4, .dot = .{ 3, 4 }, .block = 12, .pixels = 5, .lanes = 6, .gemm = if (fused) .{ 3, 4 } else .{ 4, 2 }, .panels = 1, .gather = 12 }
else if (wasm)
    .{ .name = "wasm", .width = 4, .gates = 2, .dot = .{ 2, 4 }, .block = 12, .pixels = 2, .lanes = 2, .gemm = .{ 2, 4 }, .panels = 1, .gather = 7 }
else
    .{ .name = "v128", .width = 4, .gates = 5, .dot = .{ 4, 4 }, .block = 12, .pixels = 5, .lanes = 6, .gemm = .{ 4, 4 }, .panels = 1, .gather = 16 };

/// Lanes of a register that one sum of eight lanes takes; with registers of sixteen, two sums share one.
pub const sum_width = @min(8, tile.width);
pub const pairs = tile.width == 16;

pub inline fn load(comptime n: comptime_int, p: [*]const f32) Vec(n) {
    return @as(*align(4) const Vec(n), @ptrCast(p)).*;
}

pub inline fn store(comptime n: comptime_int, p: [*]f32, v: Vec(n)) void {
    @as(*align(4) Vec(n), @ptrCast(p)).* = v;
}

/// The first `count` ≤ n floats, then zeros; `count` > 0, and nothing behind them is touched.
pub inline fn loadPart(comptime n: comptime_int, p: [*]const f32, count: usize) Vec(n) {
    if (avx512 and n == 16) return asm ("vmovups (%[p]), %[v]{%[mask]}{z}"
        : [v] "=v" (-> F),
        : [mask] "^Yk" (maskOf(count)),
          [p] "r" (p),
        : .{ .memory = true });
    if (avx2 and n == 16) {
        if (count <= 8) return join(loadPart(8, p, count), @splat(0));
        return join(load(8, p), loadPart(8, p + 8, count - 8));
    }
    if (avx2 and n == 8) return asm ("vmaskmovps (%[p]), %[mask], %[v]"
        : [v] "=x" (-> Vec(8)),
        : [mask] "x" (lanesBelow(8, count)),
          [p] "r" (p),
        : .{ .memory = true });
    if (n == 16) return loadPart16(p, count);
    var v: [n]f32 = @splat(0);
    for (0..count) |i| v[i] = p[i];
    return v;
}

noinline fn loadPart16(p: [*]const f32, count: usize) F {
    const low = join4(loadFew(p, count), if (count > 4) loadFew(p + 4, count - 4) else @splat(0));
    const high = join4(if (count > 8) loadFew(p + 8, count - 8) else @splat(0), if (count > 12) loadFew(p + 12, count - 12) else @splat(0));
    return join(low, high);
}

inline fn loadFew(p: [*]const f32, count: usize) Q {
    return switch (count) {
        1 => .{ p[0], 0, 0, 0 },
        2 => .{ p[0], p[1], 0, 0 },
        3 => .{ p[0], p[1], p[2], 0 },
        else => load(4, p),
    };
}

/// The first `count` ≤ n floats; `count` > 0, and nothing behind them is touched.
pub inline fn storePart(comptime n: comptime_int, p: [*]f32, v: Vec(n), count: usize) void {
    if (avx512 and n == 16) {
        asm volatile ("vmovups %[v], (%[p]){%[mask]}"
            :
            : [v] "v" (v),
              [mask] "^Yk" (maskOf(count)),
              [p] "r" (p),
            : .{ .memory = true });
    } else if (avx2 and n == 16) {
        const low = @shuffle(f32, v, undefined, [8]i32{ 0, 1, 2, 3, 4, 5, 6, 7 });
        const high = @shuffle(f32, v, undefined, [8]i32{ 8, 9, 10, 11, 12, 13, 14, 15 });
        if (count <= 8) return storePart(8, p, low, count);
        store(8, p, low);
        storePart(8, p + 8, high, count - 8);
    } else if (avx2 and n == 8) {
        asm volatile ("vmaskmovps %[v], %[mask], (%[p])"
            :
            : [v] "x" (v),
              [mask] "x" (lanesBelow(8, count)),
              [p] "r" (p),
            : .{ .memory = true });
    } else {
        storeLanes(n, p, v, count);
    }
}

noinline fn storeLanes(comptime n: comptime_int, p: [*]f32, v: Vec(n), count: usize) void {
    inline for (0..n) |i| {
        if (i < count) p[i] = v[i];
    }
}

inline fn maskOf(count: usize) u16 {
    return @truncate((@as(u32, 1) << @intCast(count)) - 1);
}

inline fn lanesBelow(comptime n: comptime_int, count: usize) Int(n) {
    const lane: Int(n) = std.simd.iota(i32, n);
    return @select(i32, lane < @as(Int(n), @splat(@intCast(count))), @as(Int(n), @splat(-1)), @as(Int(n), @splat(0)));
}

/// v in the first `count` lanes, `other` in the rest.
pub inline fn below(v: F, count: usize, other: f32) F {
    const lane: Int(16) = std.simd.iota(i32, 16);
    return @select(f32, lane < @as(Int(16), @splat(@intCast(count))), v, all(other));
}

/// Calls context.run(size, first) for pieces of 0 … total of at most `largest`, known at compile time: whole ones, then
/// two halves of what is left, because a small remainder would leave registers empty.
pub inline fn balanced(total: usize, comptime largest: usize, context: anytype) void {
    @setEvalBranchQuota(20_000);
    var first: usize = 0;
    while (first + 2 * largest <= total) : (first += largest) context.run(largest, first);
    while (first < total) {
        const left = total - first;
        const size = if (left > largest) (left + 1) / 2 else left;
        switch (size) {
            inline 1...largest => |known| context.run(known, first),
            else => unreachable,
        }
        first += size;
    }
}

/// Stores a whole cache line that nobody reads soon.
pub inline fn stream(p: [*]f32, v: F) void {
    if (cpu.arch != .x86_64) return store(16, p, v);
    if (avx512) {
        asm volatile ("vmovntps %[v], (%[p])"
            :
            : [v] "x" (v),
              [p] "r" (p),
            : .{ .memory = true });
    } else {
        const low = @shuffle(f32, v, undefined, [8]i32{ 0, 1, 2, 3, 4, 5, 6, 7 });
        const high = @shuffle(f32, v, undefined, [8]i32{ 8, 9, 10, 11, 12, 13, 14, 15 });
        asm volatile (
            \\vmovntps %[low], (%[p])
            \\vmovntps %[high], 32(%[p])
            :
            : [low] "x" (low),
              [high] "x" (high),
              [p] "r" (p),
            : .{ .memory = true });
    }
}

/// Asks for `lines` cache lines from p on to come into the second-level cache.
pub inline fn prefetch(p: [*]const f32, comptime lines: usize) void {
    if (wasm) return;
    inline for (0..lines) |i| @prefetch(p + 16 * i, .{ .rw = .read, .locality = 2 });
}

pub inline fn all(x: f32) F {
    return @splat(x);
}

/// a·b + c
pub inline fn madd(a: anytype, b: @TypeOf(a), c: @TypeOf(a)) @TypeOf(a) {
    if (!fused) return a * b + c;
    if (!wasm) return @mulAdd(@TypeOf(a), a, b, c);
    return byQuarters(@"llvm.wasm.relaxed.madd.v4f32", .{ a, b, c });
}

/// b where a < b, else a: a NaN in `a` passes through.
pub inline fn larger(a: anytype, b: @TypeOf(a)) @TypeOf(a) {
    if (relaxed) return byQuarters(@"llvm.wasm.pmax.v4f32", .{ a, b });
    return @select(f32, a < b, b, a);
}

/// The smaller; a NaN in `a` passes through.
pub inline fn atMost(a: anytype, comptime limit: f32) @TypeOf(a) {
    const b: @TypeOf(a) = @splat(limit);
    // LLVM would turn the comparison into a relaxed minimum, whose NaNs are the engine's choice
    if (relaxed) return byQuarters(@"llvm.wasm.pmin.v4f32", .{ a, b });
    return @select(f32, b < a, b, a);
}

/// The larger; a NaN in `a` passes through.
pub inline fn atLeast(a: anytype, comptime limit: f32) @TypeOf(a) {
    return larger(a, @splat(limit));
}

/// Sizes below which moments count as zero: of gradients, and of their squares. No update feels them.
pub const least = .{ .moment = 1e-17, .square = 0x1p-120 };

/// x, or 0 where |x| is below the limit. The moments of a unit that has died would fall among the subnormal numbers, which
/// are a hundred times slower, and stay there. A NaN passes through.
pub inline fn settled(x: F, comptime limit: f32) F {
    return @select(f32, @abs(x) < all(limit), all(0), x);
}

pub const Q = Vec(4);
extern fn @"llvm.wasm.relaxed.madd.v4f32"(Q, Q, Q) Q;
extern fn @"llvm.wasm.pmin.v4f32"(Q, Q) Q;
extern fn @"llvm.wasm.pmax.v4f32"(Q, Q) Q;

/// Applies an instruction of four lanes to vectors of 1, 4 or 16.
inline fn byQuarters(comptime instruction: anytype, args: anytype) @TypeOf(args[0]) {
    if (@TypeOf(args[0]) == Q) return @call(.auto, instruction, args);
    if (@TypeOf(args[0]) == Vec(1)) {
        const x: Q = @splat(args[0][0]);
        const y: Q = @splat(args[1][0]);
        return .{(if (args.len == 2) instruction(x, y) else instruction(x, y, @as(Q, @splat(args[2][0]))))[0]};
    }
    var out: [4]Q = undefined;
    inline for (0..4) |i| {
        const x = quarter(args[0], i);
        const y = quarter(args[1], i);
        out[i] = if (args.len == 2) instruction(x, y) else instruction(x, y, quarter(args[2], i));
    }
    const low = @shuffle(f32, out[0], out[1], [8]i32{ 0, 1, 2, 3, ~@as(i32, 0), ~@as(i32, 1), ~@as(i32, 2), ~@as(i32, 3) });
    const high = @shuffle(f32, out[2], out[3], [8]i32{ 0, 1, 2, 3, ~@as(i32, 0), ~@as(i32, 1), ~@as(i32, 2), ~@as(i32, 3) });
    return join(low, high);
}

pub inline fn join(a: Vec(8), b: Vec(8)) F {
    return @shuffle(f32, a, b, [16]i32{ 0, 1, 2, 3, 4, 5, 6, 7, ~@as(i32, 0), ~@as(i32, 1), ~@as(i32, 2), ~@as(i32, 3), ~@as(i32, 4), ~@as(i32, 5), ~@as(i32, 6), ~@as(i32, 7) });
}

inline fn join4(a: Q, b: Q) Vec(8) {
    return @shuffle(f32, a, b, [8]i32{ 0, 1, 2, 3, ~@as(i32, 0), ~@as(i32, 1), ~@as(i32, 2), ~@as(i32, 3) });
}

pub inline fn twice(a: Vec(8)) F {
    return join(a, a);
}

/// Lanes 4i … 4i+3.
pub inline fn quarter(v: F, comptime i: i32) Q {
    return @shuffle(f32, v, undefined, [4]i32{ 4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3 });
}

/// c0·x^n + … + cn by pairs (Estrin), given x²: half the latency of Horner's rule, at most one operation more.
inline fn poly(x: anytype, x2: @TypeOf(x), comptime c: anytype) @TypeOf(x) {
    const V = @TypeOf(x);
    const odd = c.len % 2;
    var p: V = if (odd == 1) @splat(c[0]) else madd(@as(V, @splat(c[0])), x, @as(V, @splat(c[1])));
    comptime var i = 2 - odd;
    inline while (i < c.len) : (i += 2) p = madd(p, x2, madd(@as(V, @splat(c[i])), x, @as(V, @splat(c[i + 1]))));
    return p;
}

/// e^x, 1.3e-7 relative on [-87.3, 88.3], clamped outside. Cephes expf polynomial.
pub inline fn exp(value: anytype) @TypeOf(value) {
    const V = @TypeOf(value);
    const n = @typeInfo(V).vector.len;
    const x = atLeast(atMost(value, 88.3), -87.33);
    // adding 1.5·2^23 rounds to an integer, to nearest even, and leaves it in the low bits
    const magic: V = @splat(12582912.0);
    const t = madd(x, @as(V, @splat(1.44269504088896341)), magic);
    const k = t - magic;
    var r = madd(k, @as(V, @splat(-0.693359375)), x);
    r = madd(k, @as(V, @splat(2.12194440e-4)), r);
    const r2 = r * r;
    const p = poly(r, r2, .{ 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1 });
    const e = madd(p, r2, r) + @as(V, @splat(1));
    const bits = (@as(Int(n), @bitCast(t)) +% @as(Int(n), @splat(127))) << @splat(23);
    return e * @as(V, @bitCast(bits));
}

/// 1 / (1 + e^-x).
pub inline fn sigmoid(x: anytype) @TypeOf(x) {
    const one: @TypeOf(x) = @splat(1);
    return one / (one + exp(-x));
}

/// tanh x, 4.2e-7 relative: rational approximation of degree 13/6 on ±7.905 (Eigen's generic tanh).
pub inline fn tanh(value: anytype) @TypeOf(value) {
    const limit = 7.90531110763549805;
    const x = atLeast(atMost(value, limit), -limit);
    const x2 = x * x;
    const x4 = x2 * x2;
    const p = poly(x2, x4, .{ -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8, 1.48572235717979e-5, 6.37261928875436e-4, 4.89352455891786e-3 });
    const q = poly(x2, x4, .{ 1.19825839466702e-6, 1.18534705686654e-4, 2.26843463243900e-3, 4.89352518554385e-3 });
    return x * p / q;
}

/// ln x for positive normal x, 1.2e-7 relative away from 1. Cephes logf.
pub inline fn log(x: anytype) @TypeOf(x) {
    const V = @TypeOf(x);
    const n = @typeInfo(V).vector.len;
    // x = m·2^e with m in [√½, √2)
    const root: Int(n) = @splat(0x3f3504f3);
    const shifted = @as(Int(n), @bitCast(x)) -% root;
    const e: V = @floatFromInt(shifted >> @splat(23));
    const m: V = @bitCast((shifted & @as(Int(n), @splat(0x007fffff))) +% root);
    const r = m - @as(V, @splat(1));
    const r2 = r * r;
    var p = poly(r, r2, .{ 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1 });
    p = p * r * r2;
    p = madd(e, @as(V, @splat(-2.12194440e-4)), p);
    p = madd(r2, @as(V, @splat(-0.5)), p);
    return madd(e, @as(V, @splat(0.693359375)), r + p);
}

/// LogAndSign's two features of 16 gradients.
pub inline fn logAndSign(g: F, expK: f32, threshold: f32, inverse: f32) [2]F {
    const magnitude = @abs(g);
    const low = all(threshold);
    const large = magnitude >= low;
    const logarithm = log(@select(f32, low < magnitude, magnitude, low)) * all(inverse);
    const sign = @select(f32, g < all(0), all(-1), all(1));
    return .{ @select(f32, large, logarithm, all(-1)), @select(f32, large, sign, g * all(expK)) };
}
