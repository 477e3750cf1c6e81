//! Matrix products.
const simd = @import("simd.zig");
const F = simd.F;
const tile = simd.tile;
const madd = simd.madd;
const all = simd.all;

// Sums of eight lanes along k on every target, folded as q0 + q1 and then by pairs.
const width = simd.sum_width;
const Part = simd.Vec(width);
const parts = 8 / width;

inline fn total(q: simd.Q) f32 {
    return (q[0] + q[1]) + (q[2] + q[3]);
}

inline fn dotTile(comptime M: usize, comptime N: usize, K: usize, A: [*]const f32, lda: usize, B: [*]const f32, ldb: usize, C: [*]f32, ldc: usize, bias: ?[*]const f32) void {
    @setEvalBranchQuota(10_000);
    const whole = K / 8;
    var sums: [M][N]f32 = undefined;
    if (simd.pairs and N % 2 == 0) {
        var c: [M][N / 2]F = @splat(@splat(all(0)));
        var x = A;
        var y = B;
        for (0..whole) |_| {
            var a: [M]F = undefined;
            inline for (0..M) |m| a[m] = simd.twice(simd.load(8, x + m * lda));
            inline for (0..N / 2) |n| {
                const b = simd.join(simd.load(8, y + 2 * n * ldb), simd.load(8, y + (2 * n + 1) * ldb));
                inline for (0..M) |m| c[m][n] = madd(a[m], b, c[m][n]);
            }
            x += 8;
            y += 8;
        }
        inline for (0..M) |m| {
            inline for (0..N) |n| sums[m][n] = total(simd.quarter(c[m][n / 2], n % 2 * 2) + simd.quarter(c[m][n / 2], n % 2 * 2 + 1));
        }
    } else {
        var p: [parts][M][N]Part = undefined;
        for (0..parts) |part| {
            var c: [M][N]Part = @splat(@splat(@splat(0)));
            var x = A + part * width;
            var y = B + part * width;
            for (0..whole) |_| {
                var a: [M]Part = undefined;
                inline for (0..M) |m| a[m] = simd.load(width, x + m * lda);
                inline for (0..N) |n| {
                    const b = simd.load(width, y + n * ldb);
                    inline for (0..M) |m| c[m][n] = madd(a[m], b, c[m][n]);
                }
                x += 8;
                y += 8;
            }
            p[part] = c;
        }
        inline for (0..M) |m| {
            inline for (0..N) |n| {
                sums[m][n] = total(if (width == 4) p[0][m][n] + p[1][m][n] else @shuffle(f32, p[0][m][n], undefined, [4]i32{ 0, 1, 2, 3 }) + @shuffle(f32, p[0][m][n], undefined, [4]i32{ 4, 5, 6, 7 }));
            }
        }
    }
    inline for (0..M) |m| {
        inline for (0..N) |n| {
            var sum = sums[m][n];
            for (8 * whole..K) |k| sum = maddScalar(A[m * lda + k], B[n * ldb + k], sum);
            C[m * ldc + n] = sum + (if (bias) |b| b[n] else 0);
        }
    }
}

inline fn maddScalar(a: f32, b: f32, c: f32) f32 {
    const V = simd.Vec(4);
    return madd(@as(V, @splat(a)), @as(V, @splat(b)), @as(V, @splat(c)))[0];
}

/// C[m][n] = (bias[n] or 0) + Σ_k A[m][k]·B[n][k]; row strides in floats.
pub fn gemmDot(
    M: usize, N: usize, K: usize, A: [*]const f32, lda: usize, B: [*]const f32, ldb: usize, C: [*]f32, ldc: usize,
    bias: ?[*]const f32,
) callconv(.c) void {
    const R = tile.gemm[0];
    var m: usize = 0;
    while (m + R <= M) : (m += R) dotRows(R, N, K, A + m * lda, lda, B, ldb, C + m * ldc, ldc, bias);
    while (m < M) : (m += 1) dotRows(1, N, K, A + m * lda, lda, B, ldb, C + m * ldc, ldc, bias);
}

fn dotRows(comptime M: usize, N: usize, K: usize, A: [*]const f32, lda: usize, B: [*]const f32, ldb: usize, C: [*]f32, ldc: usize, bias: ?[*]const f32) void {
    const W = tile.gemm[1];
    var n: usize = 0;
    while (n + W <= N) : (n += W) dotTile(M, W, K, A, lda, B + n * ldb, ldb, C + n, ldc, if (bias) |b| b + n else null);
    while (n + 2 <= N) : (n += 2) dotTile(M, 2, K, A, lda, B + n * ldb, ldb, C + n, ldc, if (bias) |b| b + n else null);
    while (n < N) : (n += 1) dotTile(M, 1, K, A, lda, B + n * ldb, ldb, C + n, ldc, if (bias) |b| b + n else null);
}

/// C[m][n] (+)= Σ_k A(m,k)·B[k][n], A(m,k) at A + (m·am + k·ak) floats: lanes run along n.
pub fn gemmLanes(
    M: usize, N: usize, K: usize, A: [*]const f32, am: usize, ak: usize, B: [*]const f32, ldb: usize, C: [*]f32, ldc: usize,
    accumulate: bool,
) callconv(.c) void {
    const wide = N & ~@as(usize, 15);
    var n: usize = 0;
    // columns outside, so that a panel of B stays in the first-level cache over all rows of A
    while (n < wide) : (n += 16) {
        var m: usize = 0;
        while (m + tile.rows <= M) : (m += tile.rows) lanesTile(tile.rows, K, A + m * am, am, ak, B + n, ldb, C + m * ldc + n, ldc, accumulate);
        while (m < M) : (m += 1) lanesTile(1, K, A + m * am, am, ak, B + n, ldb, C + m * ldc + n, ldc, accumulate);
    }
    for (0..M) |m| {
        for (wide..N) |rest| {
            var sum: f32 = if (accumulate) C[m * ldc + rest] else 0;
            for (0..K) |k| sum = maddScalar(A[m * am + k * ak], B[k * ldb + rest], sum);
            C[m * ldc + rest] = sum;
        }
    }
}

fn lanesTile(comptime R: usize, K: usize, A: [*]const f32, am: usize, ak: usize, B: [*]const f32, ldb: usize, C: [*]f32, ldc: usize, accumulate: bool) void {
    var sums: [R]F = undefined;
    inline for (0..R) |r| sums[r] = if (accumulate) simd.load(16, C + r * ldc) else all(0);
    var a = A;
    var b = B;
    for (0..K) |_| {
        const y = simd.load(16, b);
        inline for (0..R) |r| sums[r] = madd(all(a[r * am]), y, sums[r]);
        a += ak;
        b += ldb;
    }
    inline for (0..R) |r| simd.store(16, C + r * ldc, sums[r]);
}
