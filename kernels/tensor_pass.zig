//! One step of one tensor: see tensor_step.zig.
const simd = @import("simd.zig");
const parallel = @import("parallel.zig");
const cols = @import("tensor_columns.zig");
const newton = @import("newton_schulz.zig");
const plans = @import("tensor_plan.zig");
const networks = @import("tensor_network.zig");
const Step = @import("tensor_step.zig").Step;
const Tensor = plans.Tensor;
const F = simd.F;
const all = simd.all;
const madd = simd.madd;
const fold = newton.fold;

pub fn Pass(comptime arch: cols.Architecture, comptime vector: bool) type {
    const H = arch.hidden;
    const K = arch.columns(vector);
    const rows = arch.rows(vector);
    const factored = arch.second and !vector;
    const Coordinates = cols.Coordinates(arch, vector);
    const Network = networks.Network(arch, K, factored);
    const Packed = plans.Packed(arch);
    const Work = plans.Work(arch);

    return struct {
        step: *const Step(arch),
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
        /// What the lane factors add to the hidden units, for every task: [H][tiles·16].
        shared: [*]f32,
        /// Sums of every piece of a group.
        sums: [*]f32,
        free: [*]f32,
        moments: [*]f32,

        const P = @This();

        pub fn run(step: *const Step(arch), t: *const Tensor) void {
            const size = t.padded();
            const lineSize: usize = if (factored) t.blocks * t.lineFactorsPadded else 0;
            const laneSize: usize = if (factored) t.blocks * t.laneFactorsPadded + 16 else 0;
            const sums = step.work + Work.size;
            const g = sums + plans.pieceSums * pieces(t);
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
                .free = shared + (if (factored) parallel.most * H * t.tiles() * 16 else 0),
                .sums = sums,
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
                    const g = cols.settled(if (arch.clips) cols.clip(raw, 1000) else raw);
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
            const decay = self.step.weights + Packed.decays + 2 * (arch.momenta + 1);
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

        /// Lines of a piece.
        fn pieceLines(t: *const Tensor) usize {
            return @max(1, plans.piece / (t.tiles() * 16));
        }

        /// Pieces of a group.
        fn pieces(t: *const Tensor) usize {
            const lines = @as(usize, t.runs) * t.lines;
            return (lines + pieceLines(t) - 1) / pieceLines(t);
        }

        fn group(self: *const P, first: usize, last: usize) void {
            const t = self.t;
            const count: f32 = @floatFromInt((last - first) * t.length);
            const work = self.step.work;
            const number = pieces(t);
            const operations = plans.piece * 2 * (K * H + H * H + H);
            parallel.ranges(number, 1, operations / 4, &Measure{ .pass = self, .first = first, .last = last });
            const squares = work + Work.squares;
            for (0..plans.squaresAt) |k| squares[k] = 0;
            for (0..number) |i| {
                for (0..plans.squaresAt) |k| squares[k] += self.sums[plans.pieceSums * i + k];
            }
            self.scaleWeights(squares, count);
            Network.bias(self.step.weights, self.step.settings.time, work + Work.bias);
            const size: f32 = if (arch.update == .relative) @sqrt(squares[1] / count + 1e-9) else 1;
            parallel.ranges(number, 1, operations, &Compute{ .pass = self, .first = first, .last = last, .scale = size * 0.001 });
            var total = all(0);
            for (0..number) |i| total += simd.load(16, self.sums + plans.pieceSums * i + plans.squaresAt);
            self.apply(first, last, total, count);
        }

        /// The first layer's weights, each row times its input's normalizer.
        fn scaleWeights(self: *const P, squares: [*]const f32, count: f32) void {
            const work = self.step.work;
            const weights = self.step.weights;
            const inputs = weights + (if (vector) Packed.vector else Packed.matrix);
            for (0..K) |k| scaleRow(inputs + k * H, squares[k] / count, work + Work.scaled + k * H);
            if (!factored) return;
            const lanesAreRows = self.t.lanesAreRows != 0;
            const line = weights + (if (lanesAreRows) Packed.colFactors else Packed.rowFactors);
            const lane = weights + (if (lanesAreRows) Packed.rowFactors else Packed.colFactors);
            for (0..6) |k| {
                scaleRow(line + k * H, squares[K + k] / count, work + Work.line + k * H);
                scaleRow(lane + k * H, squares[K + 6 + k] / count, work + Work.lane + k * H);
            }
        }

        inline fn scaleRow(from: [*]const f32, square: f32, to: [*]f32) void {
            const scale: simd.Vec(H) = @splat(1 / @sqrt(square + arch.epsNorm));
            simd.store(H, to, simd.load(H, from) * scale);
        }

        /// Moves the moments of a group on; sums of squares of the inputs: K of coordinates, 6 of line and 6 of lane factors.
        const Measure = struct {
            pass: *const P,
            first: usize,
            last: usize,

            pub fn range(self: *const @This(), from: usize, to: usize, _: usize) void {
                const size = pieceLines(self.pass.t);
                for (from..to) |i| {
                    const begin = self.first + i * size;
                    self.piece(begin, @min(self.last, begin + size), self.pass.sums + plans.pieceSums * i);
                }
            }

            fn piece(job: *const @This(), begin: usize, end: usize, out: [*]f32) void {
                @setEvalBranchQuota(10_000);
                // by value: what is stored cannot change it
                const self = job.pass.*;
                const t = self.t;
                const decay = self.step.weights + Packed.decays;
                var sums: [K]F = @splat(all(0));
                for (K..plans.squaresAt) |k| out[k] = 0;
                const length: f32 = @floatFromInt(t.length);
                for (begin..end) |l| {
                    for (0..self.tiles) |tile| {
                        var c = self.coordinates(l, tile);
                        c.advance(decay);
                        const at = (l * self.tiles + tile) * 16;
                        inline for (0..rows) |k| simd.store(16, self.moments + at * rows + 16 * k, c.state[k]);
                        const values = c.columns(self.maskOf(tile));
                        inline for (0..K) |k| sums[k] = madd(values[k], values[k], sums[k]);
                    }
                    if (!factored) continue;
                    const at = self.line + self.step.table(t.lineFactorOf)[l];
                    inline for (0..6) |k| {
                        const x = self.lineInput(at, k);
                        out[K + k] += x * x * length;
                    }
                    if ((l - job.first) % t.lines != 0) continue;
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
        };

        /// Moments, then their roots: the moment is in the state, the root in the scratch.
        inline fn lineInput(self: *const P, at: [*]const f32, comptime k: usize) f32 {
            if (k >= 3) return at[k * self.lineSize];
            const index = (@intFromPtr(at) - @intFromPtr(self.line)) / 4;
            return cols.settled(all((self.moments + rows * self.t.padded() + k * self.lineSize)[index]))[0];
        }

        inline fn laneInput(self: *const P, comptime k: usize, at: usize) F {
            if (k >= 3) return simd.load(16, self.lane + k * self.laneSize + at);
            return cols.settled(simd.load(16, self.moments + rows * self.t.padded() + 3 * self.lineSize + k * self.laneSize + at));
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

        /// Writes s or −u; Σ s² of every piece.
        const Compute = struct {
            pass: *const P,
            first: usize,
            last: usize,
            scale: f32,

            pub fn range(self: *const @This(), from: usize, to: usize, index: usize) void {
                const pass = self.pass;
                const shared = pass.shared + index * H * pass.tiles * 16;
                const task = pass.step.work + Work.tasks + index * Work.task;
                const size = pieceLines(pass.t);
                const begin = self.first + from * size;
                for (from..to) |i| {
                    var total = all(0);
                    const start = self.first + i * size;
                    for (start..@min(self.last, start + size)) |l| {
                        if (factored and (l == begin or (l - self.first) % pass.t.lines == 0)) pass.share(l, shared);
                        total += self.line(l, task, shared);
                    }
                    simd.store(16, pass.sums + plans.pieceSums * i + plans.squaresAt, total);
                }
            }

            fn line(self: *const @This(), l: usize, task: [*]f32, shared: [*]const f32) F {
                @setEvalBranchQuota(100_000);
                // by value: what is stored cannot change it
                const pass = self.pass.*;
                const scale = self.scale;
                const work = pass.step.work;
                const network: Network = .{
                    .weights = pass.step.weights,
                    .scaled = work + Work.scaled,
                    .task = task,
                    .shared = shared,
                    .stride = pass.tiles * 16,
                };
                const hidden = task + Work.hidden;
                if (factored) {
                    const at = pass.line + pass.step.table(pass.t.lineFactorOf)[l];
                    inline for (0..6) |k| {
                        networks.addRow(H, pass.lineInput(at, k), work + Work.line + k * H, if (k == 0) work + Work.bias else hidden, hidden);
                    }
                } else for (0..H) |h| {
                    hidden[h] = work[Work.bias + h];
                }
                var total = all(0);
                for (0..pass.tiles) |tile| {
                    const to = pass.s + (l * pass.tiles + tile) * 16;
                    const mask = pass.maskOf(tile);
                    const c = pass.coordinates(l, tile);
                    const inputs = c.columns(mask);
                    inline for (0..K) |k| simd.store(16, task + Work.inputs + 16 * k, inputs[k]);
                    const W = simd.tile.width;
                    var part: usize = 0;
                    while (part < 16) : (part += W) simd.store(W, to + part, network.run(W, part, 16 * tile + part));
                    const by = if (arch.update == .direction) mask else all(scale);
                    const s = simd.load(16, to) * by;
                    simd.store(16, to, s);
                    total = madd(s, s, total);
                }
                return total;
            }
        };

        /// What the lane factors of a line's run add to the hidden units.
        fn share(self: *const P, l: usize, to: [*]f32) void {
            const across = self.step.table(self.t.laneFactorOf)[l];
            const weights = self.step.work + Work.lane;
            for (0..self.tiles) |tile| {
                var inputs: [6]F = undefined;
                inline for (0..6) |k| inputs[k] = self.laneInput(k, across + 16 * tile);
                for (0..H) |h| {
                    var sum = all(0);
                    inline for (0..6) |k| sum = madd(inputs[k], all(weights[k * H + h]), sum);
                    simd.store(16, to + (h * self.tiles + tile) * 16, sum);
                }
            }
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
