//! Input → LSTM(H) → LSTM(H) → linear → output, for all coordinates of a vector: one step, and backward through a window.
//! H is a multiple of 4. Coordinates go in tiles of 16; a row of a tile is 16 floats.
//!
//! State of a tile, rows:   own  x  h1(H)  h2(H)  c1(H)  c2(H), so that [x, h1] and [h1, h2], which the layers read, are
//! contiguous. Adjoints ∂/∂state are laid out alike, with nothing in own and x.
//! Record of a tile: h1 h2 c1 c2 before the window, as in the state; then rows with a slot of 16 floats for every step: own x
//! and the activated gates g1(4H) g2(4H), in the order i, j, f, o. What else the backward pass needs follows from these.
//! φ: the input's weights, w1[x+H][4H], b1[4H], w2[2H][4H], b2[4H], linear[H], its bias.
const simd = @import("simd.zig");
const rows = @import("lstm_rows.zig");
const gradient = @import("lstm_gradient.zig");
const ends = @import("lstm_ends.zig");
const parallel = @import("parallel.zig");
const F = simd.F;
const all = simd.all;
const madd = simd.madd;
const row = rows.row;
const Record = rows.Record;
const put = rows.put;
const partial = rows.partial;

/// Coordinates of one task. Tasks may run on any thread; what they sum is added in their order, so that the bits depend
/// neither on how many there are at a time nor on the number of threads.
const chunk = 64 * 16;

/// Bytes of records from which on they are written past the caches, which would have lost them when they are read.
const past_caches = 2 << 20;

/// Calls job.part(from, to, slot) for every chunk of n coordinates, at most `slots` at a time, and job.finish(count) after
/// each time.
fn inParts(job: anytype, n: usize, slots: usize) void {
    const Round = struct {
        job: @TypeOf(job),
        n: usize,
        first: usize,

        pub fn run(self: *const @This(), slot: usize) void {
            const from = self.first + slot * chunk;
            self.job.part(from, @min(self.n, from + chunk), slot);
        }
    };
    // one thread alone works in one slot, which stays in its caches
    const together = if (parallel.share() == 1) 1 else slots;
    var first: usize = 0;
    while (first < n) : (first += together * chunk) {
        const round: Round = .{ .job = job, .n = n, .first = first };
        const count = @min(together, (n - first + chunk - 1) / chunk);
        parallel.each(count, &round);
        job.finish(count);
    }
}

/// The optimizer with this input and output.
pub fn Optimizer(comptime Input: type, comptime Output: type) type {
    return struct {
        inline fn inputs(H: usize) usize {
            return Input.outputs(H) + H;
        }

        /// Rows before h1.
        inline fn head(H: usize) usize {
            return Input.own + Input.outputs(H);
        }

        pub inline fn stateTile(H: usize) usize {
            return 16 * (head(H) + 4 * H);
        }

        pub inline fn recordTile(H: usize, steps: usize) usize {
            return 16 * 4 * H + (head(H) + 8 * H) * rows.rowStride(steps);
        }

        inline fn gatesSize(H: usize) usize {
            return 4 * H * (inputs(H) + 1) + 4 * H * (2 * H + 1);
        }

        pub inline fn packedSize(H: usize) usize {
            return gatesSize(H) + H + 1 + Input.weights(H);
        }

        pub inline fn transposedSize(H: usize) usize {
            return 4 * H * (3 * H + if (Input.trained) Input.outputs(H) else 0);
        }

        pub inline fn accumulatorSize(H: usize) usize {
            return 4 * packedSize(H);
        }

        /// Rows of a step, times H: z(4H) and tanh c(H); or dh1 dh2 dc1 dc2 dx.
        const step_rows = 5;

        /// Floats that one task works in; `steps`: of the window, 0 where nothing goes backward.
        pub inline fn scratchSize(H: usize, steps: usize) usize {
            if (steps == 0) return 16 * step_rows * H;
            return 16 * step_rows * H + stateTile(H) + 6 * H * rows.rowStride(steps);
        }

        pub fn pack(phi: [*]const f32, H: usize, packed_: [*]f32, transposed: [*]f32) void {
            const G = 4 * H;
            const w1 = phi + Input.weights(H);
            const b1 = w1 + inputs(H) * G;
            const w2 = b1 + G;
            const b2 = w2 + 2 * H * G;
            const linear = b2 + G;
            const p = rows.packGates(w2, b2, 2 * H, H, rows.packGates(w1, b1, inputs(H), H, packed_));
            @memcpy(p[0 .. H + 1], linear[0 .. H + 1]);
            @memcpy(p[H + 1 ..][0..Input.weights(H)], phi[0..Input.weights(H)]);
            // layer 2 in two halves, for its two inputs
            var q = rows.packTransposed(w1 + Input.outputs(H) * G, H, H, transposed);
            q = rows.packTransposed(w2, H, H, q);
            q = rows.packTransposed(w2 + H * G, H, H, q);
            if (Input.trained) _ = rows.packTransposed(w1, Input.outputs(H), H, q);
        }

        /// The rows of a tile's record that have slots: own, x, g1, g2.
        inline fn slotsOf(record: [*]f32, H: usize) [*]f32 {
            return record + 16 * 4 * H;
        }

        /// One step of one tile: state ← LSTM(g, state). `slots`: null, or the tile's record, of which slot t is written.
        fn tileForward(g: F, state: [*]f32, weights: [*]const f32, H: usize, settings: [*]const f32, scratch: [*]f32, slots: ?[*]f32, t: usize, steps: usize, past: bool) F {
            const n = 16 * H;
            const x = state + 16 * Input.own;
            const h1 = state + 16 * head(H);
            const h2 = h1 + n;
            const c1 = h2 + n;
            const c2 = c1 + n;
            const z = scratch;
            const tanhC = scratch + 4 * n;
            const linear = weights + gatesSize(H);
            const stride = rows.rowStride(steps);
            const at = (slots orelse scratch) + 16 * t;
            const input: Record = .{ .at = at, .stride = stride, .past = past };
            const first: Record = .{ .at = at + stride * head(H), .stride = stride, .past = past };
            const second: Record = .{ .at = first.at + stride * 4 * H, .stride = stride, .past = past };
            const own = Input.forward(g, settings, linear + H + 1, state, H);
            if (slots != null) {
                inline for (0..Input.own) |i| input.put(i, own[i]);
                for (0..Input.outputs(H)) |i| input.put(Input.own + i, row(x + 16 * i));
            }
            const w = rows.gates(z, weights, x, inputs(H), H);
            rows.cell(z, h1, c1, tanhC, H, if (slots != null) &first else null);
            _ = rows.gates(z, w, h1, 2 * H, H);
            rows.cell(z, h2, c2, tanhC, H, if (slots != null) &second else null);
            return Output.forward((Last{ .linear = linear, .h2 = h2, .stride = 16, .H = H }).output(), all(settings[0]));
        }

        /// The linear layer on h2.
        const Last = struct {
            linear: [*]const f32,
            h2: [*]const f32,
            stride: usize,
            H: usize,

            pub inline fn output(self: Last) F {
                var y = all(self.linear[self.H]);
                for (0..self.H) |u| y = madd(all(self.linear[u]), row(self.h2 + self.stride * u), y);
                return y;
            }
        };

        pub const Forward = struct {
            w: [*]f32,
            u: ?[*]f32,
            g: [*]const f32,
            n: usize,
            state: [*]f32,
            weights: [*]const f32,
            H: usize,
            settings: [*]const f32,
            scratch: [*]f32,
            records: ?[*]f32,
            t: usize,
            steps: usize,

            pub fn run(self: *const Forward, slots: usize) void {
                inParts(self, self.n, slots);
            }

            fn finish(_: *const Forward, _: usize) void {}

            fn part(self: *const Forward, from: usize, to: usize, slot: usize) void {
                const H = self.H;
                const scratch = self.scratch + slot * scratchSize(H, 0);
                const tiles = (self.n + 15) / 16;
                const past = 4 * tiles * recordTile(H, self.steps) > past_caches;
                var i = from;
                while (i < to) : (i += 16) {
                    const count = @min(16, self.n - i);
                    const state = self.state + i / 16 * stateTile(H);
                    const slots = if (self.records) |records| blk: {
                        const record = records + i / 16 * recordTile(H, self.steps);
                        if (self.t == 0) @memcpy(record[0 .. 64 * H], (state + 16 * head(H))[0 .. 64 * H]);
                        break :blk slotsOf(record, H);
                    } else null;
                    const change = tileForward(partial(self.g + i, count), state, self.weights, H, self.settings, scratch, slots, self.t, self.steps, past);
                    if (self.u) |u| putPart(u + i, count, change) else putPart(self.w + i, count, partial(self.w + i, count) + change);
                }
            }
        };

        /// Backward through all steps of one recorded tile, whose gates are used up. Adds to `acc`.
        fn tileBackward(self: *const Backward, record: [*]f32, i: usize, scratch: [*]f32, acc: [*]f32) void {
            const H = self.H;
            const n = 16 * H;
            const steps = self.steps;
            const stride = rows.rowStride(steps);
            const count = @min(16, self.n - i);
            const dh1 = scratch;
            const dh2 = dh1 + n;
            const dc1 = dh2 + n;
            const dc2 = dc1 + n;
            const dx = dc2 + n;
            // what was not recorded: slot t is before step t
            const h1 = scratch + 16 * step_rows * H + stateTile(H);
            const h2 = h1 + H * stride;
            const c1 = h2 + H * stride;
            const c2 = c1 + H * stride;
            const tanh1 = c2 + H * stride;
            const tanh2 = tanh1 + H * stride;
            const own = slotsOf(record, H);
            const x = own + Input.own * stride;
            const g1 = own + head(H) * stride;
            const g2 = g1 + 4 * H * stride;
            rows.states(g1, record, record + 2 * n, h1, c1, tanh1, stride, steps, H);
            rows.states(g2, record + n, record + 3 * n, h2, c2, tanh2, stride, steps, H);

            const acc1 = acc + 4 * Input.weights(H);
            const accH1 = acc1 + 4 * Input.outputs(H) * 4 * H;
            const accB1 = accH1 + 4 * H * 4 * H;
            const acc2 = accB1 + 4 * 4 * H;
            const accH2 = acc2 + 4 * H * 4 * H;
            const accB2 = accH2 + 4 * H * 4 * H;
            const accLinear = accB2 + 4 * 4 * H;
            const linear = self.weights + gatesSize(H);
            const adjoint = 16 * head(H) + i / 16 * stateTile(H);
            if (self.after) |after| @memcpy(dh1[0 .. 4 * n], (after + adjoint)[0 .. 4 * n]) else @memset(dh1[0 .. 4 * n], 0);
            // the next tile's record comes into the second-level cache meanwhile
            var ahead: [*]const f32 = record + recordTile(H, steps);
            var t = steps;
            while (t > 0) {
                t -= 1;
                const now = 16 * t;
                const next = now + 16;
                const last: Last = .{ .linear = linear, .h2 = h2 + next, .stride = stride, .H = H };
                const d = Output.slope(all(self.settings[ends.settings_size * t]), last) * partial(self.cotangents + t * self.n + i, count);
                gradient.addQuarters(accLinear + 4 * H, d);
                for (0..H) |u| {
                    put(dh2 + 16 * u, madd(all(linear[u]), d, row(dh2 + 16 * u)));
                    gradient.addQuarters(accLinear + 4 * u, d * row(h2 + next + stride * u));
                }
                // second layer: its input gradient goes to h1 of this step and h2 of the step before
                rows.cellBackward(g2 + now, c2 + now, tanh2 + next, stride, dh2, dc2, H, &ahead);
                var w = self.transposed + 4 * H * H;
                w = rows.inputGradient(true, dh1, w, g2 + now, stride, H);
                w = rows.inputGradient(false, dh2, w, g2 + now, stride, H);
                rows.cellBackward(g1 + now, c1 + now, tanh1 + next, stride, dh1, dc1, H, &ahead);
                _ = rows.inputGradient(false, dh1, self.transposed, g1 + now, stride, H);
                if (Input.trained) {
                    _ = rows.inputGradient(false, dx, w, g1 + now, stride, H);
                    // where the tanh of this step was
                    Input.throughElu(x + now, dx, tanh1 + next, stride, H);
                }
            }
            if (self.before) |before| @memcpy((before + adjoint)[0 .. 4 * n], dh1[0 .. 4 * n]);
            if (Input.trained) {
                gradient.weights(acc, own, Input.own, tanh1 + 16, H, stride, steps);
                gradient.biases(acc + 4 * Input.own * H, tanh1 + 16, H, stride, steps);
            }
            gradient.weights(acc1, x, Input.outputs(H), g1, 4 * H, stride, steps);
            gradient.weights(accH1, h1, H, g1, 4 * H, stride, steps);
            gradient.biases(accB1, g1, 4 * H, stride, steps);
            gradient.weights(acc2, h1 + 16, H, g2, 4 * H, stride, steps);
            gradient.weights(accH2, h2, H, g2, 4 * H, stride, steps);
            gradient.biases(accB2, g2, 4 * H, stride, steps);
        }

        pub const Backward = struct {
            n: usize,
            steps: usize,
            /// Of all tiles, or, with `start`, of one tile for each slot.
            records: [*]f32,
            /// Null, or the state that every tile is run again from.
            start: ?[*]const f32,
            gradients: ?[*]const f32,
            cotangents: [*]const f32,
            after: ?[*]const f32,
            before: ?[*]f32,
            weights: [*]const f32,
            transposed: [*]const f32,
            H: usize,
            settings: [*]const f32,
            scratch: [*]f32,
            acc: [*]f32,

            pub fn run(self: *const Backward, slots: usize) void {
                inParts(self, self.n, slots);
            }

            /// Adds the slots' accumulators, which lie behind the sums, in order.
            fn finish(self: *const Backward, count: usize) void {
                const size = accumulatorSize(self.H);
                for (1..count + 1) |slot| {
                    const from = self.acc + slot * size;
                    var i: usize = 0;
                    while (i < size) : (i += 4) simd.store(4, self.acc + i, simd.load(4, self.acc + i) + simd.load(4, from + i));
                }
            }

            fn part(self: *const Backward, from: usize, to: usize, slot: usize) void {
                const size = accumulatorSize(self.H);
                const acc = self.acc + (1 + slot) * size;
                const scratch = self.scratch + slot * scratchSize(self.H, self.steps);
                @memset(acc[0..size], 0);
                var i = from;
                while (i < to) : (i += 16) {
                    const record = self.records + recordTile(self.H, self.steps) * if (self.start == null) i / 16 else slot;
                    if (self.start) |start| self.again(start, record, i, scratch);
                    tileBackward(self, record, i, scratch, acc);
                }
            }

            /// Runs the window of one tile again, into its record.
            fn again(self: *const Backward, start: [*]const f32, at: [*]f32, i: usize, scratch: [*]f32) void {
                const H = self.H;
                const state = scratch + 16 * step_rows * H;
                @memcpy(state[0..stateTile(H)], (start + i / 16 * stateTile(H))[0..stateTile(H)]);
                @memcpy(at[0 .. 64 * H], (state + 16 * head(H))[0 .. 64 * H]);
                for (0..self.steps) |t| {
                    const g = partial(self.gradients.? + t * self.n + i, @min(16, self.n - i));
                    _ = tileForward(g, state, self.weights, H, self.settings + ends.settings_size * t, scratch, slotsOf(at, H), t, self.steps, false);
                }
            }
        };
    };
}

inline fn putPart(p: [*]f32, count: usize, v: F) void {
    if (count == 16) return put(p, v);
    const values: [16]f32 = v;
    for (0..count) |i| p[i] = values[i];
}

/// gradient[i] ← sum of the four lanes of accumulator i, in φ's order.
pub fn reduce(acc: [*]const f32, count: usize, out: [*]f32) void {
    for (0..count) |i| out[i] = (acc[4 * i] + acc[4 * i + 1]) + (acc[4 * i + 2] + acc[4 * i + 3]);
}
