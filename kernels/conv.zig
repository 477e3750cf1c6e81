//! Valid convolution on NHWC images, without im2col: a row of a patch is kw·Ci contiguous floats, so a kernel row is a
//! matrix product whose left operand has row stride Ci. Filters are stored [Co][kh][kw][Ci].
//!
//! The backward passes follow the nonzero entries of dy. Behind a 2×2 max-pooling at least three quarters of dy are
//! zero; where none is, they still run at the speed of a matrix product.
const simd = @import("simd.zig");
const parallel = @import("parallel.zig");
const F = simd.F;
const tile = simd.tile;
const madd = simd.madd;
const all = simd.all;

/// Panels of 16 filters, [k][16], the last filled up with zeros: what `convForward` reads. K = kh·kw·Ci.
pub fn convPack(w: [*]const f32, Co: usize, K: usize, panels: [*]f32) callconv(.c) void {
    @memset(panels[Co / 16 * 16 * K .. (Co + 15) / 16 * 16 * K], 0);
    for (0..Co) |o| {
        const panel = panels + o / 16 * 16 * K + o % 16;
        for (0..K) |k| panel[16 * k] = w[o * K + k];
    }
}

const Forward = struct {
    H: usize,
    W: usize,
    Ci: usize,
    kh: usize,
    kw: usize,
    Ho: usize,
    Wo: usize,
    Co: usize,
    x: [*]const f32,
    panels: [*]const f32,
    bias: [*]const f32,
    y: [*]f32,

    /// Rows of output.
    pub fn range(self: *const Forward, from: usize, to: usize, _: usize) void {
        var o: usize = 0;
        if (tile.panels == 2) {
            while (o + 32 <= self.Co) : (o += 32) self.filters(2, true, from, to, o);
        }
        while (o + 16 <= self.Co) : (o += 16) self.filters(1, true, from, to, o);
        if (o < self.Co) self.filters(1, false, from, to, o);
    }

    fn filters(self: *const Forward, comptime panels: usize, comptime whole: bool, from: usize, to: usize, o: usize) void {
        for (from..to) |line| {
            const x = self.x + (line / self.Ho * self.H + line % self.Ho) * self.W * self.Ci;
            const y = self.y + line * self.Wo * self.Co + o;
            simd.balanced(self.Wo, tile.pixels, Pixels(panels, whole){ .job = self, .o = o, .x = x, .y = y });
        }
    }

    /// Neighbouring pixels of one or two panels of 16 filters; the last panel need not be whole.
    fn Pixels(comptime panels: usize, comptime whole: bool) type {
        return struct {
            job: *const Forward,
            o: usize,
            x: [*]const f32,
            y: [*]f32,

            pub inline fn run(line: @This(), comptime R: usize, first: usize) void {
                const self = line.job;
                const rest = self.Co - line.o;
                const length = self.kw * self.Ci;
                const panel = 16 * self.kh * length;
                var w = self.panels + line.o * self.kh * length;
                var sums: [panels][R]F = undefined;
                inline for (0..panels) |p| {
                    const bias = self.bias + line.o + 16 * p;
                    sums[p] = @splat(if (whole) simd.load(16, bias) else simd.loadPart(16, bias, rest));
                }
                for (0..self.kh) |ky| {
                    var x = line.x + first * self.Ci + ky * self.W * self.Ci;
                    for (0..length) |_| {
                        inline for (0..panels) |p| {
                            const v = simd.load(16, w + p * panel);
                            inline for (0..R) |r| sums[p][r] = madd(all(x[r * self.Ci]), v, sums[p][r]);
                        }
                        x += 1;
                        w += 16;
                    }
                }
                inline for (0..panels) |p| {
                    inline for (0..R) |r| {
                        const to = line.y + (first + r) * self.Co + 16 * p;
                        if (whole) simd.store(16, to, sums[p][r]) else simd.storePart(16, to, sums[p][r], rest);
                    }
                }
            }
        };
    }
};

/// y[b][oy][ox][o] = bias[o] + Σ x[b][oy+ky][ox+kx][i]·w[o][ky][kx][i], lanes along o, for the first Ho × Wo outputs.
pub fn convForward(
    batch: usize, H: usize, W: usize, Ci: usize, kh: usize, kw: usize, Ho: usize, Wo: usize, Co: usize,
    x: [*]const f32, panels: [*]const f32, bias: [*]const f32, y: [*]f32,
) callconv(.c) void {
    const job: Forward = .{
        .H = H, .W = W, .Ci = Ci, .kh = kh, .kw = kw, .Ho = Ho, .Wo = Wo, .Co = Co, .x = x, .panels = panels, .bias = bias, .y = y,
    };
    parallel.ranges(batch * Ho, 1, 2 * Wo * Co * kh * kw * Ci, &job);
}

/// A nonzero entry: the offset of a row, and the factor it is taken with.
pub const Entry = extern struct { at: u32, value: f32 };

/// c[0 … length) += Σ value·row over the list, for rows `length` long.
fn gather(c: [*]f32, base: [*]const f32, length: usize, list: []const Entry) void {
    const V = simd.Vec(tile.width);
    const Tile = struct {
        c: [*]f32,
        base: [*]const f32,
        list: []const Entry,

        pub inline fn run(self: @This(), comptime R: usize, first: usize) void {
            const at = self.c + first * tile.width;
            const from = self.base + first * tile.width;
            var sums: [R]V = undefined;
            inline for (0..R) |r| sums[r] = simd.load(tile.width, at + r * tile.width);
            for (self.list) |entry| {
                const d: V = @splat(entry.value);
                const row = from + entry.at;
                inline for (0..R) |r| sums[r] = madd(d, simd.load(tile.width, row + r * tile.width), sums[r]);
            }
            inline for (0..R) |r| simd.store(tile.width, at + r * tile.width, sums[r]);
        }
    };
    simd.balanced(length / tile.width, tile.gather, Tile{ .c = c, .base = base, .list = list });
    var i = length / tile.width * tile.width;
    while (i + 4 <= length) : (i += 4) gatherFew(4, c + i, base + i, list);
    while (i < length) : (i += 1) gatherFew(1, c + i, base + i, list);
}

inline fn gatherFew(comptime n: usize, c: [*]f32, base: [*]const f32, list: []const Entry) void {
    var sum = simd.load(n, c);
    for (list) |entry| sum = madd(@as(simd.Vec(n), @splat(entry.value)), simd.load(n, base + entry.at), sum);
    simd.store(n, c, sum);
}

/// Images whose entries are listed together: about a first-level cache of them.
fn imagesPerBlock(H: usize, W: usize, Ci: usize) usize {
    return @max(1, 10240 / (H * W * Ci));
}

/// Bytes of scratch of the backward functions.
pub fn convScratchBytes(H: usize, W: usize, Ci: usize, kh: usize, kw: usize, Ho: usize, Wo: usize, Co: usize) callconv(.c) usize {
    const lists = 8 * Co * imagesPerBlock(H, W, Ci) * Ho * Wo;
    return @max(lists, 4 * kh * kw * Ci * Co, parallel.most * 8 * Co);
}

const Weights = struct {
    batch: usize,
    H: usize,
    W: usize,
    Ci: usize,
    kh: usize,
    kw: usize,
    Ho: usize,
    Wo: usize,
    Co: usize,
    x: [*]const f32,
    dy: [*]const f32,
    dw: [*]f32,
    dbias: [*]f32,
    scratch: [*]Entry,

    /// Filters at a time whose lists are written side by side.
    const together = 16;

    /// Filters.
    pub fn range(self: *const Weights, from: usize, to: usize, _: usize) void {
        var o = from;
        while (o < to) : (o += together) {
            var first: usize = 0;
            const images = imagesPerBlock(self.H, self.W, self.Ci);
            while (first < self.batch) : (first += images) self.block(first, @min(self.batch, first + images), o, @min(to, o + together));
        }
    }

    fn block(self: *const Weights, first: usize, last: usize, from: usize, to: usize) void {
        const row = self.W * self.Ci;
        const K = self.kw * self.Ci;
        const length = imagesPerBlock(self.H, self.W, self.Ci) * self.Ho * self.Wo;
        const filters = to - from;
        var ends: [together][*]Entry = undefined;
        for (0..filters) |i| ends[i] = self.scratch + (from + i) * length;
        for (first..last) |b| {
            for (0..self.Ho) |oy| {
                var corner: u32 = @intCast(((b - first) * self.H + oy) * row);
                var d = self.dy + (b * self.Ho + oy) * self.Wo * self.Co + from;
                for (0..self.Wo) |_| {
                    for (ends[0..filters], d[0..filters]) |*end, value| {
                        end.*[0] = .{ .at = corner, .value = value };
                        end.* += @intFromBool(value != 0);
                    }
                    corner += @intCast(self.Ci);
                    d += self.Co;
                }
            }
        }
        const images = self.x + first * self.H * row;
        for (0..filters) |i| {
            const o = from + i;
            const start = self.scratch + o * length;
            const list = start[0 .. ends[i] - start];
            for (0..self.kh) |ky| gather(self.dw + (o * self.kh + ky) * K, images + ky * row, K, list);
            var sum: f32 = 0;
            for (list) |entry| sum += entry.value;
            self.dbias[o] += sum;
        }
    }
};

/// dw[o][ky][kx][i] += Σ x[b][oy+ky][ox+kx][i]·dy[b][oy][ox][o] and dbias[o] += Σ dy[b][oy][ox][o].
pub fn convBackwardWeights(
    batch: usize, H: usize, W: usize, Ci: usize, kh: usize, kw: usize, Ho: usize, Wo: usize, Co: usize,
    x: [*]const f32, dy: [*]const f32, dw: [*]f32, dbias: [*]f32, scratch: [*]Entry,
) callconv(.c) void {
    const job: Weights = .{
        .batch = batch, .H = H, .W = W, .Ci = Ci, .kh = kh, .kw = kw, .Ho = Ho, .Wo = Wo, .Co = Co, .x = x, .dy = dy,
        .dw = dw, .dbias = dbias, .scratch = scratch,
    };
    // rows of less than four vectors leave lanes empty: then they run along the filters
    if (kw * Ci < 16 and Co >= 4) {
        const along: AlongFilters = .{ .job = job, .sums = @ptrCast(scratch) };
        @memset(along.sums[0 .. kh * kw * Ci * Co], 0);
        parallel.ranges(kh * kw * Ci, tile.lanes, 2 * batch * Ho * Wo * Co, &along);
        along.finish();
    } else parallel.ranges(Co, 4, 2 * batch * Ho * Wo * kh * kw * Ci, &job);
}

/// Lanes run along the filters.
const AlongFilters = struct {
    job: Weights,
    sums: [*]f32,

    /// Entries of a filter.
    pub fn range(self: *const AlongFilters, from: usize, to: usize, _: usize) void {
        const Co = self.job.Co;
        for (0..self.job.batch) |b| {
            var o: usize = 0;
            while (o + 16 <= Co) : (o += 16) simd.balanced(to - from, tile.lanes, Tile(16){ .self = self, .first = from, .b = b, .o = o });
            while (o + 4 <= Co) : (o += 4) simd.balanced(to - from, tile.lanes, Tile(4){ .self = self, .first = from, .b = b, .o = o });
            while (o < Co) : (o += 1) simd.balanced(to - from, tile.lanes, Tile(1){ .self = self, .first = from, .b = b, .o = o });
        }
    }

    fn Tile(comptime n: usize) type {
        return struct {
            self: *const AlongFilters,
            first: usize,
            b: usize,
            o: usize,

            pub inline fn run(at: @This(), comptime R: usize, first: usize) void {
                const s = &at.self.job;
                const row = s.W * s.Ci;
                const K = s.kw * s.Ci;
                const k = at.first + first;
                const image = s.x + at.b * s.H * row;
                var apart: [R]usize = undefined;
                inline for (0..R) |r| apart[r] = (k + r) / K * row + (k + r) % K;
                var sums: [R]simd.Vec(n) = undefined;
                const to = at.self.sums + k * s.Co + at.o;
                inline for (0..R) |r| sums[r] = simd.load(n, to + r * s.Co);
                var d = s.dy + at.b * s.Ho * s.Wo * s.Co + at.o;
                for (0..s.Ho) |oy| {
                    var x = image + oy * row;
                    for (0..s.Wo) |_| {
                        const v = simd.load(n, d);
                        inline for (0..R) |r| sums[r] = madd(@as(simd.Vec(n), @splat(x[apart[r]])), v, sums[r]);
                        x += s.Ci;
                        d += s.Co;
                    }
                }
                inline for (0..R) |r| simd.store(n, to + r * s.Co, sums[r]);
            }
        };
    }

    /// The sums of the biases, one image after another, and the filters' sums to their places.
    fn finish(self: *const AlongFilters) void {
        const s = &self.job;
        const pixels = s.Ho * s.Wo;
        for (0..s.batch) |b| {
            const d = s.dy + b * pixels * s.Co;
            var o: usize = 0;
            while (o + 16 <= s.Co) : (o += 16) addColumns(16, pixels, s.Co, d + o, s.dbias + o);
            while (o + 4 <= s.Co) : (o += 4) addColumns(4, pixels, s.Co, d + o, s.dbias + o);
            while (o < s.Co) : (o += 1) addColumns(1, pixels, s.Co, d + o, s.dbias + o);
        }
        const K = s.kh * s.kw * s.Ci;
        for (0..s.Co) |o| {
            for (0..K) |k| s.dw[o * K + k] += self.sums[k * s.Co + o];
        }
    }
};

/// out[n] += Σ_m a[m][n], the sum over m first.
inline fn addColumns(comptime n: usize, rows: usize, stride: usize, a: [*]const f32, out: [*]f32) void {
    var sum: simd.Vec(n) = @splat(0);
    for (0..rows) |m| sum += simd.load(n, a + m * stride);
    simd.store(n, out, simd.load(n, out) + sum);
}

const Input = struct {
    H: usize,
    W: usize,
    Ci: usize,
    kh: usize,
    kw: usize,
    Ho: usize,
    Wo: usize,
    Co: usize,
    dy: [*]const f32,
    w: [*]const f32,
    dx: [*]f32,
    scratch: [*]Entry,

    /// Images.
    pub fn range(self: *const Input, from: usize, to: usize, task: usize) void {
        const row = self.W * self.Ci;
        const K = self.kw * self.Ci;
        const list = self.scratch + task * self.Co;
        @memset(self.dx[from * self.H * row .. to * self.H * row], 0);
        for (from * self.Ho..to * self.Ho) |line| {
            const corner = self.dx + (line / self.Ho * self.H + line % self.Ho) * row;
            for (0..self.Wo) |ox| {
                const d = self.dy + (line * self.Wo + ox) * self.Co;
                var count: usize = 0;
                for (0..self.Co) |o| {
                    list[count] = .{ .at = @intCast(o * self.kh * K), .value = d[o] };
                    count += @intFromBool(d[o] != 0);
                }
                if (count == 0) continue;
                for (0..self.kh) |ky| gather(corner + ox * self.Ci + ky * row, self.w + ky * K, K, list[0..count]);
            }
        }
    }
};

/// dx[b][oy+ky][ox+kx][i] = Σ dy[b][oy][ox][o]·w[o][ky][kx][i].
pub fn convBackwardInput(
    batch: usize, H: usize, W: usize, Ci: usize, kh: usize, kw: usize, Ho: usize, Wo: usize, Co: usize,
    dy: [*]const f32, w: [*]const f32, dx: [*]f32, scratch: [*]Entry,
) callconv(.c) void {
    const job: Input = .{
        .H = H, .W = W, .Ci = Ci, .kh = kh, .kw = kw, .Ho = Ho, .Wo = Wo, .Co = Co, .dy = dy, .w = w, .dx = dx, .scratch = scratch,
    };
    parallel.ranges(batch, 1, 2 * Ho * Wo * Co * kh * kw * Ci, &job);
}
