//! One step of a per-tensor learned optimizer, for all tensors of a plan.
//!
//! A tensor is cut into lines of coordinates that lie at one stride; a line is padded to whole tiles of 16. Its axes are
//! `groups` × `runs` × `lines` × lanes. Inputs are normalized over a group. Of the factored second moments one is constant
//! along a line (the "line factor"), the other runs along it and is shared by the lines of a run (the "lane factor").
//!
//! Three passes: gradients and parameters into padded lines, with the sums of the factored moments; the moments, and the
//! mean square of every input; network and update. A normalizer multiplies a row of the first layer's weights instead of
//! every coordinate. Inputs that are constant along a line are added to its bias, those shared by lines once a run.
const simd = @import("simd.zig");
const cols = @import("tensor_columns.zig");
const newton = @import("newton_schulz.zig");
const F = simd.F;
const all = simd.all;
const madd = simd.madd;
const fold = newton.fold;

/// One tensor, as src/learned/tensor-plan.ts writes it.
pub const Tensor = extern struct {
    /// Rank 0 or 1: second moments are not factored.
    vector: u32,
    /// Whether Adam takes its steps.
    adam: u32,
    groups: u32,
    runs: u32,
    lines: u32,
    /// Coordinates of a line, and floats between them.
    length: u32,
    stride: u32,
    /// Blocks of factors: one for every index of the axes that are not factored.
    blocks: u32,
    /// Line factors of a block: their number, and with the padding.
    lineFactors: u32,
    lineFactorsPadded: u32,
    /// The same for lane factors.
    laneFactors: u32,
    laneFactorsPadded: u32,
    /// Whether the lane factors are the rows.
    lanesAreRows: u32,
    /// First float of its state.
    state: u32,
    /// Tables in the plan, an entry a line: where it starts, its line factor, its first lane factor.
    starts: u32,
    lineFactorOf: u32,
    laneFactorOf: u32,
    /// The matrix of a group, m ≤ n: floats between its rows and columns in padded lines.
    m: u32,
    n: u32,
    rowStride: u32,
    columnStride: u32,

    fn tiles(self: *const Tensor) usize {
        return (self.length + 15) / 16;
    }

    fn lineCount(self: *const Tensor) usize {
        return @as(usize, self.groups) * self.runs * self.lines;
    }

    fn padded(self: *const Tensor) usize {
        return self.lineCount() * self.tiles() * 16;
    }

    /// Lanes of the last tile of a line that are of use.
    fn mask(self: *const Tensor) F {
        const rest = (self.length + 15) % 16 + 1;
        const lane: F = .{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
        return @select(f32, lane < all(@floatFromInt(rest)), all(1), all(0));
    }
};

pub const words = @sizeOf(Tensor) / 4;

/// What a step is given besides vectors.
pub const Settings = extern struct { lr: f32, decay: f32, time: f32, orthogonal: f32 };

/// Time scales of the embedding.
const scales = [16]f32{ 1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000, 1, 1, 1, 1, 1 };
const embedded = 11;

pub fn Step(comptime arch: cols.Architecture) type {
    const H = arch.hidden;
    const O = arch.outputs;
    const decaysSize = 2 * (arch.momenta + (if (arch.second) 4 else 0));
    const hiddenVector = simd.Vec(H);

    return struct {
        const Self = @This();
        plan: [*]const u32,
        weights: [*]const f32,
        settings: *const Settings,
        w: [*]f32,
        u: ?[*]f32,
        g: [*]const f32,
        state: [*]f32,
        work: [*]f32,

        // packed weights, one after another
        const decays = 0;
        const matrix = decays + decaysSize;
        const rowFeatures = matrix + arch.columns(false) * H;
        const colFeatures = rowFeatures + (if (arch.second) 6 * H else 0);
        const vectorMatrix = colFeatures + (if (arch.second) 6 * H else 0);
        const timeMatrix = vectorMatrix + arch.columns(true) * H;
        const bias0 = timeMatrix + (if (arch.time) embedded * H else 0);
        const matrix1 = bias0 + H;
        const bias1 = matrix1 + H * H;
        const matrix2 = bias1 + H;
        const bias2 = matrix2 + H * O;
        pub const packedSize = bias2 + O;

        // what is needed for one tensor at a time, at the start of the work; WebAssembly has no stack to speak of
        const most: usize = @max(arch.columns(false), arch.columns(true));
        const scaledAt = 0;
        const lineAt = scaledAt + most * H;
        const laneAt = lineAt + 6 * H;
        const squaresAt = laneAt + 6 * H;
        const hiddenAt = squaresAt + 48;
        const biasAt = hiddenAt + H;
        const inputsAt = biasAt + H;
        const firstAt = inputsAt + 16 * most;
        pub const ownWork = firstAt + 16 * H;

        pub fn run(self: *const Self) void {
            const count = self.plan[0];
            for (0..count) |i| {
                const tensor: *const Tensor = @ptrCast(self.plan + 1 + i * words);
                if (tensor.adam != 0) {
                    self.adam(tensor);
                } else if (tensor.vector != 0) {
                    Pass(true).run(self, tensor);
                } else Pass(false).run(self, tensor);
            }
        }

        fn table(self: *const Self, at: u32) [*]const u32 {
            return self.plan + at;
        }

        /// m ← 0.9m + 0.1g, v ← 0.95v + 0.05g²; u = −20η·m/√(v + 1e-8) − 20ηλ·w
        fn adam(self: *const Self, t: *const Tensor) void {
            const lr = 20 * self.settings.lr;
            const shrink = lr * self.settings.decay;
            const start = self.table(t.starts)[0];
            for (0..t.tiles()) |tile| {
                const at = start + 16 * tile;
                const count = @min(16, t.length - 16 * tile);
                const own = self.state + t.state + 32 * tile;
                const g = simd.loadPart(16, self.g + at, count);
                const w = simd.loadPart(16, self.w + at, count);
                const m = madd(all(0.9), simd.load(16, own), all(0.1) * g);
                const v = madd(all(0.95), simd.load(16, own + 16), all(0.05) * (g * g));
                simd.store(16, own, m);
                simd.store(16, own + 16, v);
                const change = -(all(lr) * (m * cols.rsqrt(v + all(1e-8)))) - all(shrink) * w;
                if (self.u) |to| simd.storePart(16, to + at, change, count) else simd.storePart(16, self.w + at, w + change, count);
            }
        }

        fn Pass(comptime vector: bool) type {
            const K = arch.columns(vector);
            const rows = arch.rows(vector);
            const factored = arch.second and !vector;
            const Coordinates = cols.Coordinates(arch, vector);
            const inputWeights = if (vector) vectorMatrix else matrix;

            return struct {
                step: *const Self,
                t: *const Tensor,
                tiles: usize,
                mask: F,
                g: [*]f32,
                p: [*]f32,
                s: [*]f32,
                /// Three factors and three 1/√(x + 1e-8), a line or lane factor each.
                line: [*]f32,
                lane: [*]f32,
                lineSize: usize,
                laneSize: usize,
                /// What the lane factors add to the hidden units: [H][tiles·16].
                shared: [*]f32,
                free: [*]f32,
                moments: [*]f32,

                const P = @This();

                fn run(step: *const Self, t: *const Tensor) void {
                    const size = t.padded();
                    const lineSize: usize = if (factored) t.blocks * t.lineFactorsPadded else 0;
                    const laneSize: usize = if (factored) t.blocks * t.laneFactorsPadded + 16 else 0;
                    const g = step.work + ownWork;
                    const line = g + 3 * size;
                    const lane = line + 6 * lineSize;
                    const shared = lane + 6 * laneSize;
                    const moments = step.state + t.state;
                    const self: P = .{
                        .step = step,
                        .t = t,
                        .tiles = t.tiles(),
                        .mask = t.mask(),
                        .g = g,
                        .p = g + size,
                        .s = g + 2 * size,
                        .line = line,
                        .lane = lane,
                        .lineSize = lineSize,
                        .laneSize = laneSize,
                        .shared = shared,
                        .free = shared + (if (factored) H * t.tiles() * 16 else 0),
                        .moments = moments,
                    };
                    self.gather();
                    if (factored) self.factors();
                    const lines = t.runs * t.lines;
                    for (0..t.groups) |i| self.group(i * lines, (i + 1) * lines);
                }

                inline fn maskOf(self: *const P, tile: usize) F {
                    return if (tile + 1 == self.tiles) self.mask else all(1);
                }

                /// Gradients and parameters into padded lines; Σ g² + 1e-30 along lines and along lanes.
                fn gather(self: *const P) void {
                    const t = self.t;
                    const starts = self.step.table(t.starts);
                    if (factored) {
                        @memset(self.line[0..self.lineSize], 0);
                        @memset(self.lane[0..self.laneSize], 0);
                    }
                    for (0..t.lineCount()) |l| {
                        const from = starts[l];
                        const to = l * self.tiles * 16;
                        var sum = all(0);
                        const across = if (factored) self.lane + self.step.table(t.laneFactorOf)[l] else undefined;
                        for (0..self.tiles) |tile| {
                            const at = from + 16 * tile * t.stride;
                            const raw = self.read(self.step.g, at, tile);
                            const g = if (arch.clips) cols.clip(raw, 1000) else raw;
                            simd.store(16, self.g + to + 16 * tile, g);
                            simd.store(16, self.p + to + 16 * tile, self.read(self.step.w, at, tile));
                            if (!factored) continue;
                            const square = madd(g, g, all(1e-30)) * self.maskOf(tile);
                            sum += square;
                            simd.store(16, across + 16 * tile, simd.load(16, across + 16 * tile) + square);
                        }
                        if (factored) self.line[self.step.table(t.lineFactorOf)[l]] += fold(sum);
                    }
                }

                inline fn read(self: *const P, from: [*]const f32, at: usize, tile: usize) F {
                    const t = self.t;
                    const count = @min(16, t.length - 16 * tile);
                    if (t.stride == 1) return if (count == 16) simd.load(16, from + at) else simd.loadPart(16, from + at, count);
                    var lanes: [16]f32 = @splat(0);
                    for (0..count) |i| lanes[i] = from[at + i * t.stride];
                    return lanes;
                }

                /// The factored moments move on by the sums, which their factors replace.
                fn factors(self: *const P) void {
                    const t = self.t;
                    const own = self.moments + rows * t.padded();
                    const lineSums: f32 = 1 / @as(f32, @floatFromInt(t.laneFactors));
                    const laneSums: f32 = 1 / @as(f32, @floatFromInt(t.lineFactors));
                    self.factor(own, self.line, self.lineSize, t.lineFactorsPadded, t.lineFactors, lineSums, t.lanesAreRows == 0);
                    self.factor(own + 3 * self.lineSize, self.lane, self.laneSize, t.laneFactorsPadded, t.laneFactors, laneSums, t.lanesAreRows != 0);
                }

                /// `sums`: of one kind of factors; 3 factors and 3 roots take their place.
                fn factor(self: *const P, own: [*]f32, sums: [*]f32, size: usize, padded: usize, count: usize, mean: f32, isRow: bool) void {
                    const decay = self.step.weights + 2 * (arch.momenta + 1);
                    const inverse: f32 = 1 / @as(f32, @floatFromInt(count));
                    var block: usize = 0;
                    while (block < self.t.blocks) : (block += 1) {
                        const from = block * padded;
                        var totals: [3]F = @splat(all(0));
                        var i = from;
                        while (i < from + padded) : (i += 16) {
                            const by = simd.load(16, sums + i) * all(mean);
                            inline for (0..3) |k| {
                                const v = madd(all(decay[2 * k]), simd.load(16, own + k * size + i), all(decay[2 * k + 1]) * by);
                                simd.store(16, own + k * size + i, v);
                                totals[k] += v;
                            }
                        }
                        var scale: [3]F = @splat(all(1));
                        if (isRow) inline for (0..3) |k| {
                            scale[k] = all(1 / (fold(totals[k]) * inverse + 1e-9));
                        };
                        i = from;
                        while (i < from + padded) : (i += 16) {
                            inline for (0..3) |k| {
                                const v = simd.load(16, own + k * size + i);
                                simd.store(16, sums + k * size + i, cols.safe(v * scale[k]));
                                simd.store(16, sums + (3 + k) * size + i, cols.rsqrt(v + all(1e-8)));
                            }
                        }
                    }
                }

                fn group(self: *const P, first: usize, last: usize) void {
                    const t = self.t;
                    const count: f32 = @floatFromInt((last - first) * t.length);
                    const work = self.step.work;
                    const squares = work + squaresAt;
                    self.measure(first, last, squares);
                    const weights = self.step.weights;
                    for (0..K) |k| scaleRow(weights + inputWeights + k * H, squares[k] / count, work + scaledAt + k * H);
                    if (factored) {
                        const lines = weights + (if (t.lanesAreRows != 0) colFeatures else rowFeatures);
                        const lanes = weights + (if (t.lanesAreRows != 0) rowFeatures else colFeatures);
                        for (0..6) |k| {
                            scaleRow(lines + k * H, squares[K + k] / count, work + lineAt + k * H);
                            scaleRow(lanes + k * H, squares[K + 6 + k] / count, work + laneAt + k * H);
                        }
                    }
                    const size: f32 = if (arch.update == .relative) @sqrt(squares[1] / count + 1e-9) else 1;
                    const total = self.network(first, last, size * 0.001);
                    self.apply(first, last, total, count);
                }

                /// Weights of one input, times its normalizer.
                inline fn scaleRow(from: [*]const f32, square: f32, to: [*]f32) void {
                    const scale: hiddenVector = @splat(1 / @sqrt(square + arch.epsNorm));
                    simd.store(H, to, simd.load(H, from) * scale);
                }

                /// Moves the moments of a group on; sums of squares of the inputs: K of coordinates, 6 of line and 6 of lane factors.
                fn measure(self: *const P, first: usize, last: usize, out: [*]f32) void {
                    @setEvalBranchQuota(10_000);
                    const t = self.t;
                    const decay = self.step.weights + decays;
                    var sums: [K]F = @splat(all(0));
                    for (K..K + 12) |k| out[k] = 0;
                    const length: f32 = @floatFromInt(t.length);
                    var l = first;
                    while (l < last) : (l += 1) {
                        for (0..self.tiles) |tile| {
                            var c = self.coordinates(l, tile);
                            c.advance(decay);
                            const to = self.moments + (l * self.tiles + tile) * rows * 16;
                            inline for (0..rows) |k| simd.store(16, to + 16 * k, c.state[k]);
                            const values = c.columns(self.maskOf(tile));
                            inline for (0..K) |k| sums[k] = madd(values[k], values[k], sums[k]);
                        }
                        if (!factored) continue;
                        const at = self.line + self.step.table(t.lineFactorOf)[l];
                        inline for (0..6) |k| {
                            const x = self.lineInput(at, k);
                            out[K + k] += x * x * length;
                        }
                        if ((l - first) % t.lines != 0) continue;
                        const across = self.step.table(t.laneFactorOf)[l];
                        inline for (0..6) |k| {
                            var sum = all(0);
                            for (0..self.tiles) |tile| {
                                const x = self.laneInput(k, across + 16 * tile) * self.maskOf(tile);
                                sum = madd(x, x, sum);
                            }
                            out[K + 6 + k] += fold(sum) * @as(f32, @floatFromInt(t.lines));
                        }
                    }
                    inline for (0..K) |k| out[k] = fold(sums[k]);
                }

                /// Moments, then their roots: the moment is in the state, the root in the scratch.
                inline fn lineInput(self: *const P, at: [*]const f32, comptime k: usize) f32 {
                    if (k >= 3) return at[k * self.lineSize];
                    const index = (@intFromPtr(at) - @intFromPtr(self.line)) / 4;
                    return (self.moments + rows * self.t.padded() + k * self.lineSize)[index];
                }

                inline fn laneInput(self: *const P, comptime k: usize, at: usize) F {
                    if (k >= 3) return simd.load(16, self.lane + k * self.laneSize + at);
                    return simd.load(16, self.moments + rows * self.t.padded() + 3 * self.lineSize + k * self.laneSize + at);
                }

                inline fn coordinates(self: *const P, l: usize, tile: usize) Coordinates {
                    const at = (l * self.tiles + tile) * 16;
                    var c: Coordinates = .{
                        .g = simd.load(16, self.g + at),
                        .p = simd.load(16, self.p + at),
                        .state = undefined,
                        .factors = undefined,
                    };
                    inline for (0..rows) |k| c.state[k] = simd.load(16, self.moments + at * rows + 16 * k);
                    if (factored) {
                        const line = self.line + self.step.table(self.t.lineFactorOf)[l];
                        const lane = self.lane + self.step.table(self.t.laneFactorOf)[l] + 16 * tile;
                        inline for (0..3) |k| c.factors[k] = all(line[k * self.lineSize]) * simd.load(16, lane + k * self.laneSize);
                    }
                    return c;
                }

                /// Writes s or −u; returns Σ s².
                fn network(self: *const P, first: usize, last: usize, scale: f32) F {
                    @setEvalBranchQuota(100_000);
                    const t = self.t;
                    const work = self.step.work;
                    const bias = work + biasAt;
                    const hidden = work + hiddenAt;
                    self.step.firstBias(bias);
                    if (!factored) for (0..H) |h| {
                        hidden[h] = bias[h];
                    };
                    var total = all(0);
                    var l = first;
                    while (l < last) : (l += 1) {
                        if (factored) {
                            const at = self.line + self.step.table(t.lineFactorOf)[l];
                            inline for (0..6) |k| addRow(self.lineInput(at, k), work + lineAt + k * H, if (k == 0) bias else hidden, hidden);
                            if ((l - first) % t.lines == 0) self.share(self.step.table(t.laneFactorOf)[l], work + laneAt);
                        }
                        for (0..self.tiles) |tile| {
                            const c = self.coordinates(l, tile);
                            const mask = self.maskOf(tile);
                            const inputs = c.columns(mask);
                            inline for (0..K) |k| simd.store(16, work + inputsAt + 16 * k, inputs[k]);
                            const to = self.s + (l * self.tiles + tile) * 16;
                            const W = simd.tile.width;
                            var part: usize = 0;
                            while (part < 16) : (part += W) simd.store(W, to + part, self.perceptron(W, part, 16 * tile + part));
                            if (arch.update == .direction) {
                                const s = simd.load(16, to) * mask;
                                simd.store(16, to, s);
                                total = madd(s, s, total);
                            } else simd.store(16, to, simd.load(16, to) * all(scale));
                        }
                    }
                    return total;
                }

                fn share(self: *const P, across: usize, weights: [*]const f32) void {
                    const size = self.tiles * 16;
                    for (0..self.tiles) |tile| {
                        var inputs: [6]F = undefined;
                        inline for (0..6) |k| inputs[k] = self.laneInput(k, across + 16 * tile);
                        for (0..H) |h| {
                            var sum = all(0);
                            inline for (0..6) |k| sum = madd(inputs[k], all(weights[k * H + h]), sum);
                            simd.store(16, self.shared + h * size + 16 * tile, sum);
                        }
                    }
                }

                /// The network at W lanes from `part` on of the tile whose inputs are in the work; `lane`: the first of them in the line.
                inline fn perceptron(self: *const P, comptime W: usize, part: usize, lane: usize) simd.Vec(W) {
                    const V = simd.Vec(W);
                    const own = self.step.weights;
                    const work = self.step.work;
                    const U = @min(8, H);
                    var hidden: [U]V = undefined;
                    var from: usize = 0;
                    while (from < H) : (from += U) {
                        inline for (0..U) |i| {
                            hidden[i] = @splat(work[hiddenAt + from + i]);
                            if (factored) hidden[i] += simd.load(W, self.shared + (from + i) * self.tiles * 16 + lane);
                        }
                        units(W, K, work + inputsAt + part, work + scaledAt + from, &hidden);
                        inline for (0..U) |i| simd.store(W, work + firstAt + 16 * (from + i), hidden[i]);
                    }
                    from = 0;
                    var out: [O]V = undefined;
                    inline for (0..O) |o| out[o] = @splat(own[bias2 + o]);
                    while (from < H) : (from += U) {
                        inline for (0..U) |i| hidden[i] = @splat(own[bias1 + from + i]);
                        units(W, H, work + firstAt, own + matrix1 + from, &hidden);
                        inline for (0..U) |i| {
                            inline for (0..O) |o| out[o] = madd(hidden[i], @as(V, @splat(own[matrix2 + (from + i) * O + o])), out[o]);
                        }
                    }
                    if (O == 1) return out[0];
                    return out[0] * simd.exp(out[1] * @as(V, @splat(0.001)));
                }

                /// sums ← max(0, sums + x·W) over I inputs, rows of 16 at `inputs`, and rows of H weights.
                inline fn units(comptime W: usize, comptime I: usize, inputs: [*]const f32, weights: [*]const f32, sums: anytype) void {
                    const V = simd.Vec(W);
                    for (0..I) |k| {
                        const x = simd.load(W, inputs + 16 * k);
                        inline for (0..sums.len) |i| sums[i] = madd(x, @as(V, @splat(weights[k * H + i])), sums[i]);
                    }
                    inline for (0..sums.len) |i| sums[i] = simd.atLeast(sums[i], 0);
                }

                /// w ← w + u, or u is written.
                fn apply(self: *const P, first: usize, last: usize, total: F, count: f32) void {
                    const t = self.t;
                    const settings = self.step.settings;
                    var factorOfS: f32 = -settings.lr;
                    if (arch.update == .direction) {
                        var mean = fold(total) / count;
                        if (settings.orthogonal != 0 and !vector) mean = self.orthogonalize(first) / count;
                        factorOfS = -(settings.lr / @sqrt(mean + 1e-9));
                    }
                    const shrink = settings.lr * settings.decay;
                    const starts = self.step.table(t.starts);
                    var l = first;
                    while (l < last) : (l += 1) {
                        for (0..self.tiles) |tile| {
                            const from = (l * self.tiles + tile) * 16;
                            const p = simd.load(16, self.p + from);
                            var change = simd.load(16, self.s + from) * all(factorOfS);
                            if (arch.update == .direction) change -= all(shrink) * p;
                            const at = starts[l] + 16 * tile * t.stride;
                            if (self.step.u) |to| self.write(to, at, tile, change) else self.write(self.step.w, at, tile, p + change);
                        }
                    }
                }

                inline fn write(self: *const P, to: [*]f32, at: usize, tile: usize, v: F) void {
                    const t = self.t;
                    const count = @min(16, t.length - 16 * tile);
                    if (t.stride == 1) {
                        if (count == 16) simd.store(16, to + at, v) else simd.storePart(16, to + at, v, count);
                        return;
                    }
                    const lanes: [16]f32 = v;
                    for (0..count) |i| to[at + i * t.stride] = lanes[i];
                }

                /// Newton–Schulz on the matrix of a group; returns its new Σ s².
                fn orthogonalize(self: *const P, first: usize) f32 {
                    const t = self.t;
                    const m = t.m;
                    const padded = (t.n + 15) / 16 * 16;
                    const s = self.s + first * self.tiles * 16;
                    const inPlace = t.columnStride == 1;
                    const x = if (inPlace) s else self.free;
                    const work = if (inPlace) self.free else self.free + m * padded;
                    if (!inPlace) {
                        @memset(x[0 .. m * padded], 0);
                        for (0..m) |i| {
                            for (0..t.n) |j| x[i * padded + j] = s[i * t.rowStride + j * t.columnStride];
                        }
                    }
                    const result = newton.run(m, padded, x, work);
                    var sum = all(0);
                    var i: usize = 0;
                    while (i < m * padded) : (i += 16) {
                        const v = simd.load(16, result + i);
                        sum = madd(v, v, sum);
                        if (inPlace) simd.store(16, s + i, v);
                    }
                    if (!inPlace) for (0..m) |r| {
                        for (0..t.n) |j| s[r * t.rowStride + j * t.columnStride] = result[r * padded + j];
                    };
                    return fold(sum);
                }
            };
        }

        /// The first layer's biases, with what the time embedding adds.
        fn firstBias(self: *const Self, to: [*]f32) void {
            @setEvalBranchQuota(10_000);
            for (0..H) |h| to[h] = self.weights[bias0 + h];
            if (!arch.time) return;
            const times: [16]f32 = simd.tanh(all(self.settings.time) / @as(F, scales) - all(1));
            inline for (0..embedded) |i| addRow(times[i], self.weights + timeMatrix + i * H, to, to);
        }

        /// to ← from + x·row, H floats.
        inline fn addRow(x: f32, row: [*]const f32, from: [*]const f32, to: [*]f32) void {
            for (0..H / 4) |i| {
                simd.store(4, to + 4 * i, madd(@as(simd.Q, @splat(x)), simd.load(4, row + 4 * i), simd.load(4, from + 4 * i)));
            }
        }
    };
}
