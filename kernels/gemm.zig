//! Matrix products of dense layers.
const simd = @import("simd.zig");
const parallel = @import("parallel.zig");
const F = simd.F;
const Q = simd.Q;
const tile = simd.tile;
const madd = simd.madd;
const all = simd.all;

// Sums of eight lanes along k on every target, folded as q0 + q1 and then by pairs. Behind the last whole eight, both
// operands are continued with zeros.
const width = simd.sum_width;
const Part = simd.Vec(width);
const parts = 8 / width;

const Dot = struct {
    M: usize,
    N: usize,
    K: usize,
    A: [*]const f32,
    lda: usize,
    B: [*]const f32,
    ldb: usize,
    C: [*]f32,
    ldc: usize,
    bias: ?[*]const f32,

    pub fn range(self: *const Dot, from: usize, to: usize, _: usize) void {
        const R = tile.gemm[0];
        var m = from;
        while (m + R <= to) : (m += R) self.rows(R, m);
        while (m + R / 2 <= to) : (m += R / 2) self.rows(R / 2, m);
        while (m < to) : (m += 1) self.rows(1, m);
    }

    fn rows(self: *const Dot, comptime M: usize, m: usize) void {
        const W = tile.gemm[1];
        var n: usize = 0;
        while (n + W <= self.N) : (n += W) self.at(M, W, m, n);
        while (n + 2 <= self.N) : (n += 2) self.at(M, 2, m, n);
        if (n < self.N) self.at(M, 1, m, n);
    }

    inline fn at(self: *const Dot, comptime M: usize, comptime N: usize, m: usize, n: usize) void {
        const a = self.A + m * self.lda;
        const b = self.B + n * self.ldb;
        const sums = if (simd.pairs and N % 2 == 0) self.pairs(M, N, a, b) else self.halves(M, N, a, b);
        inline for (0..M) |i| {
            const to = self.C + (m + i) * self.ldc + n;
            if (N % 4 == 0) {
                inline for (0..N / 4) |j| {
                    const sum = totals(sums[i][4 * j ..][0..4].*);
                    simd.store(4, to + 4 * j, if (self.bias) |bias| sum + simd.load(4, bias + n + 4 * j) else sum);
                }
            } else inline for (0..N) |j| {
                const sum = total(sums[i][j]);
                to[j] = if (self.bias) |bias| sum + bias[n + j] else sum;
            }
        }
    }

    /// Sums of four lanes, from accumulators of a register or two each.
    inline fn halves(self: *const Dot, comptime M: usize, comptime N: usize, a: [*]const f32, b: [*]const f32) [M][N]Q {
        @setEvalBranchQuota(10_000);
        const rest = self.K % 8;
        var p: [parts][M][N]Part = undefined;
        inline for (0..parts) |part| {
            var c: [M][N]Part = @splat(@splat(@splat(0)));
            var x = a + part * width;
            var y = b + part * width;
            for (0..self.K / 8) |_| {
                var v: [M]Part = undefined;
                inline for (0..M) |m| v[m] = simd.load(width, x + m * self.lda);
                inline for (0..N) |n| {
                    const u = simd.load(width, y + n * self.ldb);
                    inline for (0..M) |m| c[m][n] = madd(v[m], u, c[m][n]);
                }
                x += 8;
                y += 8;
            }
            if (rest > part * width) {
                const count = @min(width, rest - part * width);
                var v: [M]Part = undefined;
                inline for (0..M) |m| v[m] = simd.loadPart(width, x + m * self.lda, count);
                inline for (0..N) |n| {
                    const u = simd.loadPart(width, y + n * self.ldb, count);
                    inline for (0..M) |m| c[m][n] = madd(v[m], u, c[m][n]);
                }
            }
            p[part] = c;
        }
        var sums: [M][N]Q = undefined;
        inline for (0..M) |m| {
            inline for (0..N) |n| {
                sums[m][n] = if (width == 4)
                    p[0][m][n] + p[1][m][n]
                else
                    @shuffle(f32, p[0][m][n], undefined, [4]i32{ 0, 1, 2, 3 }) + @shuffle(f32, p[0][m][n], undefined, [4]i32{ 4, 5, 6, 7 });
            }
        }
        return sums;
    }

    /// The same with two sums of eight lanes in a register of sixteen.
    inline fn pairs(self: *const Dot, comptime M: usize, comptime N: usize, a: [*]const f32, b: [*]const f32) [M][N]Q {
        @setEvalBranchQuota(10_000);
        var c: [M][N / 2]F = @splat(@splat(all(0)));
        var x = a;
        var y = b;
        for (0..self.K / 8) |_| {
            var v: [M]F = undefined;
            inline for (0..M) |m| v[m] = simd.twice(simd.load(8, x + m * self.lda));
            inline for (0..N / 2) |n| {
                const u = simd.join(simd.load(8, y + 2 * n * self.ldb), simd.load(8, y + (2 * n + 1) * self.ldb));
                inline for (0..M) |m| c[m][n] = madd(v[m], u, c[m][n]);
            }
            x += 8;
            y += 8;
        }
        const rest = self.K % 8;
        if (rest > 0) {
            var v: [M]F = undefined;
            inline for (0..M) |m| v[m] = simd.twice(simd.loadPart(8, x + m * self.lda, rest));
            inline for (0..N / 2) |n| {
                const u = simd.join(simd.loadPart(8, y + 2 * n * self.ldb, rest), simd.loadPart(8, y + (2 * n + 1) * self.ldb, rest));
                inline for (0..M) |m| c[m][n] = madd(v[m], u, c[m][n]);
            }
        }
        var sums: [M][N]Q = undefined;
        inline for (0..M) |m| {
            inline for (0..N) |n| sums[m][n] = simd.quarter(c[m][n / 2], n % 2 * 2) + simd.quarter(c[m][n / 2], n % 2 * 2 + 1);
        }
        return sums;
    }
};

inline fn total(q: Q) f32 {
    return (q[0] + q[1]) + (q[2] + q[3]);
}

/// The totals of four sums, by a 4×4 transpose.
inline fn totals(q: [4]Q) Q {
    const even = [4]i32{ 0, 2, ~@as(i32, 0), ~@as(i32, 2) };
    const odd = [4]i32{ 1, 3, ~@as(i32, 1), ~@as(i32, 3) };
    // [q0+q1, q2+q3] of two sums each
    const a = @shuffle(f32, q[0], q[1], even) + @shuffle(f32, q[0], q[1], odd);
    const b = @shuffle(f32, q[2], q[3], even) + @shuffle(f32, q[2], q[3], odd);
    return @shuffle(f32, a, b, even) + @shuffle(f32, a, b, odd);
}

/// C[m][n] = (bias[n] or 0) + Σ_k A[m][k]·B[n][k]; row strides in floats.
pub fn gemmDot(
    M: usize, N: usize, K: usize, A: [*]const f32, lda: usize, B: [*]const f32, ldb: usize, C: [*]f32, ldc: usize,
    bias: ?[*]const f32,
) callconv(.c) void {
    const job: Dot = .{ .M = M, .N = N, .K = K, .A = A, .lda = lda, .B = B, .ldb = ldb, .C = C, .ldc = ldc, .bias = bias };
    parallel.ranges(M, tile.gemm[0], 2 * N * K, &job);
}

const Lanes = struct {
    M: usize,
    N: usize,
    K: usize,
    A: [*]const f32,
    am: usize,
    ak: usize,
    B: [*]const f32,
    ldb: usize,
    C: [*]f32,
    ldc: usize,
    accumulate: bool,

    pub fn range(self: *const Lanes, from: usize, to: usize, _: usize) void {
        self.block(0, self.M, from, to);
    }

    const Rows = struct {
        job: *const Lanes,

        pub fn range(self: *const Rows, from: usize, to: usize, _: usize) void {
            self.job.block(from, to, 0, self.job.N);
        }
    };

    // columns outside, so that a panel of B stays in the first-level cache over all rows of A
    fn block(self: *const Lanes, top: usize, bottom: usize, left: usize, right: usize) void {
        var n = left;
        if (tile.panels == 2) {
            while (n + 32 <= right) : (n += 32) self.panel(32, top, bottom, n);
        }
        while (n + 16 <= right) : (n += 16) self.panel(16, top, bottom, n);
        while (n + 4 <= right) : (n += 4) self.panel(4, top, bottom, n);
        while (n < right) : (n += 1) self.panel(1, top, bottom, n);
    }

    fn panel(self: *const Lanes, comptime W: usize, top: usize, bottom: usize, n: usize) void {
        simd.balanced(bottom - top, tile.lanes, Panel(W){ .job = self, .top = top, .n = n });
    }

    fn Panel(comptime W: usize) type {
        return struct {
            job: *const Lanes,
            top: usize,
            n: usize,

            pub inline fn run(panel_: @This(), comptime R: usize, first: usize) void {
                const self = panel_.job;
                const m = panel_.top + first;
                var a = self.A + m * self.am;
                var b = self.B + panel_.n;
                const c = self.C + m * self.ldc + panel_.n;
                var sums: [R]simd.Vec(W) = undefined;
                inline for (0..R) |r| sums[r] = if (self.accumulate) simd.load(W, c + r * self.ldc) else @splat(0);
                for (0..self.K) |_| {
                    const y = simd.load(W, b);
                    inline for (0..R) |r| sums[r] = madd(@as(simd.Vec(W), @splat(a[r * self.am])), y, sums[r]);
                    a += self.ak;
                    b += self.ldb;
                }
                inline for (0..R) |r| simd.store(W, c + r * self.ldc, sums[r]);
            }
        };
    }
};

/// C[m][n] (+)= Σ_k A(m,k)·B[k][n], A(m,k) at A + (m·am + k·ak) floats: lanes run along n. A row-major is am = lda,
/// ak = 1; A transposed is am = 1, ak = lda.
pub fn gemmLanes(
    M: usize, N: usize, K: usize, A: [*]const f32, am: usize, ak: usize, B: [*]const f32, ldb: usize, C: [*]f32,
    ldc: usize, accumulate: bool,
) callconv(.c) void {
    const job: Lanes = .{ .M = M, .N = N, .K = K, .A = A, .am = am, .ak = ak, .B = B, .ldb = ldb, .C = C, .ldc = ldc, .accumulate = accumulate };
    if (N >= M) {
        parallel.ranges(N, 16, 2 * M * K, &job);
    } else {
        parallel.ranges(M, tile.lanes, 2 * N * K, &Lanes.Rows{ .job = &job });
    }
}

/// out[n] (+)= Σ_m A[m][n]
pub fn columnSums(M: usize, N: usize, A: [*]const f32, lda: usize, out: [*]f32, accumulate: bool) callconv(.c) void {
    var n: usize = 0;
    while (n + 16 <= N) : (n += 16) columns(16, M, A + n, lda, out + n, accumulate);
    while (n + 4 <= N) : (n += 4) columns(4, M, A + n, lda, out + n, accumulate);
    while (n < N) : (n += 1) columns(1, M, A + n, lda, out + n, accumulate);
}

inline fn columns(comptime W: usize, M: usize, A: [*]const f32, lda: usize, out: [*]f32, accumulate: bool) void {
    var sum: simd.Vec(W) = if (accumulate) simd.load(W, out) else @splat(0);
    for (0..M) |m| sum += simd.load(W, A + m * lda);
    simd.store(W, out, sum);
}
