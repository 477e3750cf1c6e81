//! Batch normalization of rows of C channels. Sums run over blocks of rows in float32 and over the blocks in float64.
const simd = @import("simd.zig");
const Vec = simd.Vec;

const block = 256; // rows: at 16 channels half a first-level cache

/// Calls context.channels(W, c) for all channels, sixteen, four and one at a time.
inline fn eachChannels(C: usize, context: anytype) void {
    var c: usize = 0;
    while (c + 16 <= C) : (c += 16) context.channels(16, c);
    while (c + 4 <= C) : (c += 4) context.channels(4, c);
    while (c < C) : (c += 1) context.channels(1, c);
}

/// sums[0 … W) += v, in float64
inline fn addTo(comptime W: usize, sums: [*]f64, v: Vec(W)) void {
    const D = @Vector(W, f64);
    const at: *align(8) D = @ptrCast(sums);
    at.* += @as(D, @floatCast(v));
}

/// out[c] = mean over the rows of x, or of (x − centre[c])².
inline fn columnMeans(rows: usize, C: usize, x: [*]const f32, centre: ?[*]const f32, out: [*]f32, sums: [*]f64) void {
    @memset(sums[0..C], 0);
    const Block = struct {
        C: usize,
        x: [*]const f32,
        count: usize,
        centre: ?[*]const f32,
        sums: [*]f64,

        inline fn term(self: *const @This(), comptime W: usize, c: usize, row: usize) Vec(W) {
            const v = simd.load(W, self.x + row * self.C + c);
            const middle = self.centre orelse return v;
            const d = v - simd.load(W, middle + c);
            return d * d;
        }

        inline fn channels(self: *const @This(), comptime W: usize, c: usize) void {
            var even: Vec(W) = @splat(0);
            var odd: Vec(W) = @splat(0);
            var row: usize = 0;
            while (row + 2 <= self.count) : (row += 2) {
                even += self.term(W, c, row);
                odd += self.term(W, c, row + 1);
            }
            if (row < self.count) even += self.term(W, c, row);
            addTo(W, self.sums + c, even + odd);
        }
    };
    var first: usize = 0;
    while (first < rows) : (first += block) {
        const part: Block = .{ .C = C, .x = x + first * C, .count = @min(block, rows - first), .centre = centre, .sums = sums };
        eachChannels(C, &part);
    }
    for (0..C) |c| out[c] = @floatCast(sums[c] / @as(f64, @floatFromInt(rows)));
}

/// mean[c] and variance[c] (biased) of x[r][c] over r; scratch: C float64.
pub fn batchNormStatistics(rows: usize, C: usize, x: [*]const f32, mean: [*]f32, variance: [*]f32, scratch: [*]f64) callconv(.c) void {
    columnMeans(rows, C, x, null, mean, scratch);
    columnMeans(rows, C, x, mean, variance, scratch);
}

/// y = (x − mean)·γ/√(variance + ε) + β; scratch: C floats.
pub fn batchNormForward(
    rows: usize, C: usize, x: [*]const f32, gamma: [*]const f32, beta: [*]const f32, mean: [*]const f32,
    variance: [*]const f32, eps: f32, y: [*]f32, scratch: [*]f32,
) callconv(.c) void {
    for (0..C) |c| scratch[c] = gamma[c] / @sqrt(variance[c] + eps);
    const Row = struct {
        x: [*]const f32,
        mean: [*]const f32,
        factor: [*]const f32,
        shift: [*]const f32,
        y: [*]f32,

        inline fn channels(self: *const @This(), comptime W: usize, c: usize) void {
            const centred = simd.load(W, self.x + c) - simd.load(W, self.mean + c);
            simd.store(W, self.y + c, centred * simd.load(W, self.factor + c) + simd.load(W, self.shift + c));
        }
    };
    for (0..rows) |r| eachChannels(C, &Row{ .x = x + r * C, .mean = mean, .factor = scratch, .shift = beta, .y = y + r * C });
}

/// dβ += Σ dy, dγ += Σ dy·x̂ and, unless dx is null, dx = γ/σ·(dy − Σdy/rows − x̂·Σ(dy·x̂)/rows), x̂ = (x − mean)/σ,
/// σ = √(variance + ε); with `frozen` statistics dx = γ/σ·dy. scratch: 28·C bytes.
pub fn batchNormBackward(
    rows: usize, C: usize, x: [*]const f32, dy: [*]const f32, gamma: [*]const f32, mean: [*]const f32,
    variance: [*]const f32, eps: f32, dgamma: [*]f32, dbeta: [*]f32, dx: ?[*]f32, frozen: bool, scratch: [*]f64,
) callconv(.c) void {
    const sums = scratch;
    const products = sums + C;
    const factors: [*]f32 = @ptrCast(products + C);
    const shifts = factors + C;
    const slopes = shifts + C;
    @memset(sums[0 .. 2 * C], 0);
    const Block = struct {
        C: usize,
        x: [*]const f32,
        dy: [*]const f32,
        count: usize,
        mean: [*]const f32,
        sums: [*]f64,
        products: [*]f64,

        inline fn channels(self: *const @This(), comptime W: usize, c: usize) void {
            const centre = simd.load(W, self.mean + c);
            var sum: Vec(W) = @splat(0);
            var product: Vec(W) = @splat(0);
            for (0..self.count) |row| {
                const d = simd.load(W, self.dy + row * self.C + c);
                sum += d;
                product += d * (simd.load(W, self.x + row * self.C + c) - centre);
            }
            addTo(W, self.sums + c, sum);
            addTo(W, self.products + c, product);
        }
    };
    var first: usize = 0;
    while (first < rows) : (first += block) {
        eachChannels(C, &Block{
            .C = C, .x = x + first * C, .dy = dy + first * C, .count = @min(block, rows - first),
            .mean = mean, .sums = sums, .products = products,
        });
    }
    const count: f64 = @floatFromInt(rows);
    for (0..C) |c| {
        const inverse = 1 / @sqrt(@as(f64, variance[c]) + @as(f64, eps));
        dbeta[c] += @floatCast(sums[c]);
        dgamma[c] += @floatCast(products[c] * inverse);
        factors[c] = @floatCast(@as(f64, gamma[c]) * inverse);
        shifts[c] = if (frozen) 0 else @floatCast(sums[c] / count);
        slopes[c] = if (frozen) 0 else @floatCast(products[c] * inverse * inverse / count);
    }
    const to = dx orelse return;
    const Row = struct {
        x: [*]const f32,
        dy: [*]const f32,
        mean: [*]const f32,
        factors: [*]const f32,
        shifts: [*]const f32,
        slopes: [*]const f32,
        dx: [*]f32,

        inline fn channels(self: *const @This(), comptime W: usize, c: usize) void {
            const through = (simd.load(W, self.x + c) - simd.load(W, self.mean + c)) * simd.load(W, self.slopes + c);
            const d = simd.load(W, self.dy + c) - simd.load(W, self.shifts + c) - through;
            simd.store(W, self.dx + c, d * simd.load(W, self.factors + c));
        }
    };
    for (0..rows) |r| {
        eachChannels(C, &Row{
            .x = x + r * C, .dy = dy + r * C, .mean = mean, .factors = factors, .shifts = shifts, .slopes = slopes,
            .dx = to + r * C,
        });
    }
}
